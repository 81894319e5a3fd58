import json

import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from compiling import compiled
from nuts_fits import COLUMNS, NOT_EXPLORED, PLAYERS, SHORT, every_model, fitted

import hierpool as hp
from hierpool.models.protocol import Parameters, Position


@every_model
def test_every_group_of_the_tree_is_filled_and_labelled(model: hp.Model) -> None:
    tree = fitted(model)
    exact = "sample_stats" not in tree.children
    assert exact == (model in NOT_EXPLORED)
    groups = {
        "posterior": "theta",
        "posterior_predictive": "y",
        "log_likelihood": "y",
        "prior": "theta",
        "prior_predictive": "y",
        "observed_data": "y",
        "constant_data": "n",
    }
    assert set(tree.children) - {"sample_stats"} == set(groups)
    names = [*PLAYERS["player"], "rookie"]
    for group, variable in groups.items():
        values = tree[group][variable]
        assert list(values["groups"].values) == names, group
        assert np.isfinite(values).all(), group
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "groups")
    assert tree["posterior"]["theta"].dtype == np.float64


def test_the_attributes_tell_how_to_repeat_the_fit() -> None:
    tree = fitted(hp.PartialPooling())
    model = json.loads(tree.attrs["hierpool_model"])
    assert model.pop("name") == "PartialPooling"
    assert hp.PartialPooling(**model) == hp.PartialPooling()
    inference = json.loads(tree.attrs["hierpool_inference"])
    assert inference.pop("name") == "NUTS"
    again = hp.fit(
        PLAYERS,
        **COLUMNS,
        model=hp.PartialPooling(),
        inference=hp.NUTS(**inference),
        seed=tree.attrs["seed"],
        new_groups=json.loads(tree.attrs["new_groups"]),
    )
    for group in ("posterior", "posterior_predictive", "prior", "log_likelihood", "sample_stats"):
        xr.testing.assert_equal(tree[group].dataset, again[group].dataset)
    assert again.attrs["data_sha256"] == tree.attrs["data_sha256"]
    assert {"jax", "blackjax", "numpy", "hierpool"} <= set(json.loads(tree.attrs["versions"]))


def test_a_different_seed_gives_other_draws() -> None:
    again = hp.fit(PLAYERS, **COLUMNS, model=hp.NoPooling(), inference=SHORT, seed=1)
    first = fitted(hp.NoPooling())["posterior"]["theta"].values[..., :18]
    assert not np.any(again["posterior"]["theta"].values == first)


def test_a_file_a_frame_and_a_mapping_give_the_same_fit(tmp_path: object) -> None:
    path = f"{tmp_path}/players.csv"
    PLAYERS.to_csv(path, index=False)
    fits = [
        hp.fit(frame, **COLUMNS, model=hp.NoPooling(), inference=SHORT)
        for frame in (path, PLAYERS, PLAYERS.to_dict("list"))
    ]
    for other in fits[1:]:
        xr.testing.assert_equal(fits[0]["posterior"].dataset, other["posterior"].dataset)


def test_no_setting_of_jax_is_touched() -> None:
    cache = jax.config.jax_compilation_cache_dir
    fitted(hp.CollapsedPartialPooling())
    assert jax.config.jax_enable_x64 is False
    assert jax.numpy.ones(1).dtype == np.float32
    assert jax.config.jax_compilation_cache_dir == cache


# kappa_log may not quite mix in so few draws: what is tested here is that nothing is compiled.
@pytest.mark.filterwarnings("ignore::hierpool.ConvergenceWarning")
def test_a_second_fit_of_the_same_shape_compiles_nothing() -> None:
    def fit(hits: pd.Series, rate: float, seed: int) -> None:
        model = hp.PartialPooling(kappa_log_rate=rate)
        table = PLAYERS.assign(hits=hits.to_numpy())
        rookie = {f"rookie {seed}": (1, 3)}
        hp.fit(table, **COLUMNS, model=model, inference=SHORT, seed=seed, new_groups=rookie)

    fit(PLAYERS["hits"], 1.5, 5)
    with compiled() as programs:
        fit(PLAYERS["hits"][::-1], 1.0, 6)
    assert programs == []


@every_model
def test_a_fit_survives_its_file(model: hp.Model, tmp_path: object) -> None:
    tree = fitted(model)
    path = f"{tmp_path}/fit.nc"
    hp.save(tree, path)
    loaded = hp.load(path)
    xr.testing.assert_identical(loaded, tree)
    assert hp.check(loaded) == hp.check(tree) or np.isnan(hp.check(tree).rhat)


def test_odd_names_of_groups_survive() -> None:
    names = ["NA", "007", "Ёж", "a,b", " padded", "None", "大谷"]
    frame = pd.DataFrame({"who": names, "y": range(7), "n": [9] * 7})
    tree = hp.fit(
        frame, successes="y", trials="n", group="who", model=hp.NoPooling(), inference=SHORT
    )
    assert list(tree["posterior"]["groups"].values) == names


def test_draws_that_did_not_converge_are_told_in_one_warning() -> None:
    short = hp.NUTS(num_chains=2, num_warmup=5, num_draws=10)
    with pytest.warns(hp.ConvergenceWarning, match="take more") as caught:
        hp.fit(PLAYERS, **COLUMNS, inference=short)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inference": hp.NUTS(num_chains=0)}, "num_chains must be a whole number, at least 1"),
        ({"inference": hp.NUTS(num_draws=3)}, "num_draws .* at least 4, not 3"),
        ({"inference": hp.NUTS(num_warmup=-1)}, "num_warmup .* at least 0"),
        ({"inference": hp.NUTS(num_draws=10.5)}, "num_draws must be a whole number"),
        ({"inference": hp.NUTS(target_accept=1.0)}, "target_accept must lie between 0 and 1"),
        ({"inference": hp.NUTS(max_tree_depth=0)}, "max_tree_depth .* at least 1"),
        ({"inference": hp.NUTS(chain_method="fast")}, "chain_method must be one of"),
        ({"model": hp.PartialPooling(kappa_log_rate=0.0)}, "kappa_log_rate must be a positive"),
        ({"model": hp.PartialPooling(phi_alpha=np.inf)}, "phi_alpha must be a positive number"),
        ({"model": hp.LogitPartialPooling(mu_mean=np.nan)}, "mu_mean must be a finite number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_runs(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.fit(PLAYERS, **COLUMNS, **change)


def test_one_group_and_groups_at_the_ends_can_be_fitted() -> None:
    inference = hp.NUTS(num_chains=4, num_warmup=500, num_draws=1000, target_accept=0.95)
    for y, n in (([3], [10]), ([0] * 10, [20] * 10), ([20] * 10, [20] * 10), ([0, 0], [0, 0])):
        tree = hp.fit(
            {"y": y, "n": n},
            successes="y",
            trials="n",
            model=hp.CollapsedPartialPooling(),
            inference=inference,
        )
        assert np.isfinite(tree["posterior"]["theta"]).all()


def test_a_model_of_ones_own_can_be_fitted() -> None:
    class Mine(hp.CollapsedPartialPooling):
        pass

    jax.tree_util.register_dataclass(Mine)
    tree = hp.fit(PLAYERS, **COLUMNS, model=Mine(), inference=SHORT)
    assert "theta" in tree["posterior"]


def test_a_model_with_a_density_of_its_own_is_given_every_group() -> None:
    seen = set()

    class Watching(hp.CollapsedPartialPooling):
        def log_density(self, position: Position, counts: hp.Counts) -> jax.Array:
            seen.add((type(counts), jax.numpy.shape(counts.trials)))
            return super().log_density(position, counts)

    jax.tree_util.register_dataclass(Watching)
    hp.fit(PLAYERS, **COLUMNS, model=Watching(), inference=hp.Quadrature(2, 10))
    assert seen == {(hp.Counts, (len(PLAYERS),))}


def test_a_model_that_constrains_in_its_own_way_is_obeyed() -> None:
    class Certain(hp.CollapsedPartialPooling):
        def constrain(self, key: jax.Array, position: Position, counts: hp.Counts) -> Parameters:
            parameters = super().constrain(key, position, counts)
            return parameters | {"theta": jax.numpy.full(len(counts.trials), parameters["phi"])}

    jax.tree_util.register_dataclass(Certain)
    tree = hp.fit(PLAYERS, **COLUMNS, model=Certain(), inference=hp.Quadrature())
    theta, phi = tree["posterior"]["theta"], tree["posterior"]["phi"]
    xr.testing.assert_equal(theta, phi.broadcast_like(theta))
