import json
import logging

import arviz as az
import jax
import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hierpool as hp

matplotlib.use("agg")
PLAYERS = hp.load_dataset("efron-morris-75")
COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}
SHORT = hp.NUTS(num_chains=4, num_warmup=1000, num_draws=1500, target_accept=0.95)
NOT_EXPLORED = ("CompletePooling", "NoPooling")
MODELS = [
    hp.PartialPooling(),
    hp.CollapsedPartialPooling(),
    hp.LogitPartialPooling(),
    hp.CompletePooling(),
    hp.NoPooling(),
]


def fitted(model: hp.Model) -> xr.DataTree:
    return hp.fit(PLAYERS, **COLUMNS, model=model, inference=SHORT, new_groups={"rookie": (0, 4)})


@pytest.fixture(scope="module")
def trees() -> dict[str, xr.DataTree]:
    return {type(model).__name__: fitted(model) for model in MODELS}


@pytest.fixture(scope="module", params=[type(model).__name__ for model in MODELS])
def tree(request: pytest.FixtureRequest, trees: dict[str, xr.DataTree]) -> xr.DataTree:
    return trees[request.param]


def test_every_group_of_the_tree_is_filled_and_labelled(tree: xr.DataTree) -> None:
    exact = "sample_stats" not in tree.children
    assert exact == (json.loads(tree.attrs["hierpool_model"])["name"] in NOT_EXPLORED)
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


def test_the_attributes_tell_how_to_repeat_the_fit(trees: dict[str, xr.DataTree]) -> None:
    tree = trees["PartialPooling"]
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


def test_a_different_seed_gives_other_draws(trees: dict[str, xr.DataTree]) -> None:
    again = hp.fit(PLAYERS, **COLUMNS, model=hp.NoPooling(), inference=SHORT, seed=1)
    first = trees["NoPooling"]["posterior"]["theta"].values[..., :18]
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


def test_no_setting_of_jax_is_touched(trees: dict[str, xr.DataTree]) -> None:
    assert jax.config.jax_enable_x64 is False
    assert jax.numpy.ones(1).dtype == np.float32
    assert jax.config.jax_compilation_cache_dir is None


def test_a_second_fit_of_the_same_shape_compiles_nothing(
    trees: dict[str, xr.DataTree], caplog: pytest.LogCaptureFixture
) -> None:
    shuffled = PLAYERS.assign(hits=PLAYERS["hits"].to_numpy()[::-1])
    with jax.log_compiles(True), caplog.at_level(logging.WARNING):
        hp.fit(
            shuffled,
            **COLUMNS,
            model=hp.PartialPooling(kappa_log_rate=1.0),
            inference=SHORT,
            seed=5,
            new_groups={"somebody": (1, 3)},
        )
    compiled = [record.message for record in caplog.records if "Compiling" in record.message]
    assert compiled == []


def test_summary_and_diagnose_of_arviz_work_as_they_are(tree: xr.DataTree) -> None:
    table = az.summary(tree, var_names=["theta"], round_to="none")
    assert len(table) == 19
    np.testing.assert_allclose(
        table["mean"].to_numpy(float), tree["posterior"]["theta"].mean(("chain", "draw"))
    )
    if "sample_stats" in tree.children:
        judged = [name for name in tree["posterior"].data_vars if name != "kappa"]
        has_errors, _ = az.diagnose(
            tree, var_names=judged, show_diagnostics=False, return_diagnostics=True
        )
        assert not has_errors


def test_loo_of_arviz_is_the_exact_leave_one_group_out(trees: dict[str, xr.DataTree]) -> None:
    # By quadrature; Monte Carlo error is below 0.1. (Without pooling every draw has the same,
    # exact, log likelihood, and ArviZ has no tail to smooth.)
    exact = {"CollapsedPartialPooling": -47.636, "CompletePooling": -46.431}
    for model in (hp.CollapsedPartialPooling(), hp.CompletePooling()):
        tree = hp.fit(PLAYERS, **COLUMNS, model=model, inference=SHORT)
        loo = az.loo(tree)
        assert abs(loo.elpd - exact[type(model).__name__]) < 0.15
        assert not loo.warning


# xarray's own announcement, met inside ArviZ.
@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
@pytest.mark.parametrize(
    "plot", ["plot_forest", "plot_trace_dist", "plot_ppc_dist", "plot_prior_posterior"]
)
def test_the_plots_of_arviz_work_as_they_are(trees: dict[str, xr.DataTree], plot: str) -> None:
    options = {"plot_ppc_dist": {"kind": "ecdf"}}.get(plot, {})
    for name in ("PartialPooling", "LogitPartialPooling", "CompletePooling"):
        assert getattr(az, plot)(trees[name], **options) is not None
    matplotlib.pyplot.close("all")


def test_a_fit_survives_its_file(tree: xr.DataTree, tmp_path: object) -> None:
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
