import json
import logging

import arviz as az
import jax
import matplotlib
import numpy as np
import oracle
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats

import hierpool as hp
from hierpool import bulk
from hierpool.fitting import SlowModelWarning
from hierpool.population import Parameters, Position
from hierpool.quadrature import Quadrature
from hierpool.tally import distinct
from hierpool.thetas import log_likelihood

matplotlib.use("agg")
PLAYERS = hp.load_dataset("efron-morris-75")
COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}
SHORT = hp.NUTS(num_chains=4, num_warmup=1000, num_draws=1500, target_accept=0.95)
NOT_EXPLORED = ("CompletePooling", "NoPooling")
MODELS = [
    hp.PartialPooling(),
    hp.CollapsedPartialPooling(),
    hp.LogitPartialPooling(),
    hp.CollapsedLogitPartialPooling(),
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


# kappa_log may not quite mix in so few draws: what is tested here is that nothing is compiled.
@pytest.mark.filterwarnings("ignore::hierpool.ConvergenceWarning")
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
            seed=6,
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


EXACT = Quadrature(num_chains=4, num_draws=2000)
RATS = hp.load_dataset("rat-tumors")
JOINT = [hp.PartialPooling(), hp.LogitPartialPooling()]
COLLAPSED = hp.CollapsedPartialPooling()


@pytest.fixture(scope="module")
def exact() -> xr.DataTree:
    return hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=EXACT)


def draws_of(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Returns (chain, draw) draws of every quantity that has moments."""
    posterior = tree["posterior"].dataset
    scalars = {name: posterior[name].values for name in ("phi", "kappa_log")}
    theta = posterior["theta"].values
    return scalars | {f"theta[{i}]": theta[..., i] for i in range(theta.shape[-1])}


def test_quadrature_gives_the_usual_tree_but_statistics_of_a_sampler(
    exact: xr.DataTree, trees: dict[str, xr.DataTree]
) -> None:
    usual = trees["CollapsedPartialPooling"]
    assert set(exact.children) == set(usual.children) - {"sample_stats"}
    for group in exact.children:
        assert set(exact[group].data_vars) == set(usual[group].data_vars)
    assert exact["posterior"]["theta"].shape == (4, 2000, 18)
    assert hp.check(exact).sentence == "Exact: 8000 independent draws."
    assert exact.attrs["quadrature_converged"] == 1
    assert exact.attrs["quadrature_error"] < EXACT.tolerance


def test_the_draws_of_quadrature_are_independent(exact: xr.DataTree) -> None:
    draws = draws_of(exact)
    for name in ("phi", "kappa_log", "theta[0]", "theta[8]", "theta[17]"):
        effective = array_stats.ess(draws[name], chain_axis=0, draw_axis=1)
        assert abs(effective / 8000 - 1) < 0.05, name


@pytest.mark.parametrize("table", ["players", "rats"])
def test_nuts_and_quadrature_agree(table: str) -> None:
    data = {
        "players": {"frame": PLAYERS, **COLUMNS},
        "rats": {"frame": RATS, "successes": "tumors", "trials": "rats"},
    }[table]
    nuts = hp.NUTS(num_chains=4, num_warmup=1000, num_draws=2000, target_accept=0.95)
    both = [
        draws_of(hp.fit(**data, model=COLLAPSED, inference=inference, seed=2))
        for inference in (nuts, EXACT)
    ]
    for name in both[0]:
        means = [draws[name].mean() for draws in both]
        effective = [
            float(array_stats.ess(draws[name], chain_axis=0, draw_axis=1, method="mean"))
            for draws in both
        ]
        assert min(effective) > 400, name
        error = sum(draws[name].var() / n for draws, n in zip(both, effective, strict=True)) ** 0.5
        assert abs(means[0] - means[1]) < 5 * error, name


def test_the_evidence_of_quadrature_is_that_of_the_data() -> None:
    # One group: phi and kappa tell y nothing before theta does, so each count of 0 to n has a
    # probability, and they add up to 1.
    evidences = [
        hp.fit(
            {"y": [y], "n": [3]},
            successes="y",
            trials="n",
            model=COLLAPSED,
            inference=Quadrature(num_draws=4),
            hyperparameters_only=True,
        ).attrs["log_evidence"]
        for y in range(4)
    ]
    np.testing.assert_allclose(np.exp(evidences).sum(), 1, rtol=EXACT.tolerance * 10)
    np.testing.assert_allclose(evidences, evidences[::-1], rtol=EXACT.tolerance * 10)


def test_the_evidence_of_quadrature_is_the_oracles(exact: xr.DataTree) -> None:
    want = oracle.exact(PLAYERS["hits"].to_numpy(), PLAYERS["at_bats"].to_numpy()).log_evidence
    np.testing.assert_allclose(exact.attrs["log_evidence"], want, rtol=EXACT.tolerance)


def test_theta_given_the_population_has_its_exact_moments(exact: xr.DataTree) -> None:
    posterior = exact["posterior"].dataset
    phi, kappa = posterior["phi"].values[..., None], posterior["kappa"].values[..., None]
    total = kappa + PLAYERS["at_bats"].to_numpy()
    mean = (phi * kappa + PLAYERS["hits"].to_numpy()) / total
    sd = np.sqrt(mean * (1 - mean) / (total + 1))
    standardised = (posterior["theta"].values - mean) / sd
    error = standardised.size**-0.5
    assert abs(standardised.mean()) < 5 * error
    assert abs((standardised**2).mean() - 1) < 5 * error * (standardised**2).std()


def test_the_log_likelihood_is_each_groups_own(
    trees: dict[str, xr.DataTree], tree: xr.DataTree
) -> None:
    kind = json.loads(tree.attrs["hierpool_model"])["name"]
    (model,) = (model for model in MODELS if type(model).__name__ == kind)
    counts = hp.Counts(tree["observed_data"]["y"].values, tree["constant_data"]["n"].values)
    draws = {name: values[2, 7] for name, values in tree["posterior"].dataset.items()}
    with jax.enable_x64(True):
        want = model.log_likelihood({n: jax.numpy.asarray(v) for n, v in draws.items()}, counts)
    np.testing.assert_allclose(tree["log_likelihood"]["y"][2, 7], want, rtol=1e-11)


def test_draws_in_bulk_do_not_depend_on_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = np.linspace(1, 50, 300), np.linspace(2, 90, 300)
    y, f = np.arange(500) % 7, np.arange(500) % 5

    def drawn(threads: int) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr(bulk.os, "cpu_count", lambda: threads)
        theta_seed, seed = np.random.SeedSequence(3).spawn(2)
        theta = bulk.betas(theta_seed, a, b, y, f)
        return theta, bulk.binomials(seed, y + f, theta)

    one, many = drawn(1), drawn(5)
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])
    assert len(np.unique(one[0])) == one[0].size


def test_a_beta_of_parameters_that_underflow_is_0_or_1() -> None:
    seed = np.random.SeedSequence(0)
    nothing, whole = np.zeros(2), np.array([0, 5])
    theta = bulk.betas(seed, nothing, nothing, whole, whole[::-1])
    np.testing.assert_array_equal(theta, [[0, 1], [0, 1]])


def test_a_second_fit_by_quadrature_of_the_same_shape_compiles_nothing(
    exact: xr.DataTree, caplog: pytest.LogCaptureFixture
) -> None:
    shuffled = PLAYERS.assign(hits=PLAYERS["hits"].to_numpy()[::-1])
    with jax.log_compiles(True), caplog.at_level(logging.WARNING):
        hp.fit(
            shuffled,
            **COLUMNS,
            model=hp.CollapsedPartialPooling(kappa_log_rate=1.0),
            inference=Quadrature(num_chains=2, num_draws=3500),
            seed=5,
        )
    compiled = [record.message for record in caplog.records if "Compiling" in record.message]
    assert compiled == []


def test_a_quadrature_that_did_not_converge_is_told_in_one_warning() -> None:
    rough = Quadrature(num_nodes=8, tolerance=1e-15)
    with pytest.warns(
        hp.ConvergenceWarning, match=r"take more num_nodes \(now 8\), or NUTS"
    ) as caught:
        tree = hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=rough)
    assert len(caught) == 1
    assert tree.attrs["quadrature_converged"] == 0
    assert np.isfinite(tree["posterior"]["theta"]).all()
    assert hp.check(tree).sentence.startswith("Not converged")


@pytest.mark.parametrize("model", JOINT, ids=lambda model: type(model).__name__)
def test_quadrature_refuses_a_position_of_more_than_two_numbers(model: hp.Model) -> None:
    with pytest.raises(hp.InputError, match=r"two numbers, and \w+ has 20: take NUTS, or a model"):
        hp.fit(PLAYERS, **COLUMNS, model=model, inference=Quadrature())


@pytest.mark.parametrize(
    ("inference", "message"),
    [
        (Quadrature(num_chains=0), "num_chains must be a whole number, at least 1"),
        (Quadrature(num_draws=3), "num_draws .* at least 4, not 3"),
        (Quadrature(num_nodes=7), "num_nodes must be a whole number, at least 8, not 7"),
        (Quadrature(num_nodes=32.5), "num_nodes must be a whole number"),
        (Quadrature(tolerance=0.0), r"tolerance must be a positive number, not 0\.0"),
        (Quadrature(tolerance=np.nan), "tolerance must be a positive number, not nan"),
    ],
)
def test_settings_of_quadrature_out_of_range_are_refused(
    inference: Quadrature, message: str
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=inference)


@pytest.mark.parametrize("inference", [SHORT, EXACT], ids=["NUTS", "Quadrature"])
def test_twenty_thousand_groups_are_fitted_by_their_hyperparameters_alone(
    inference: hp.NUTS | Quadrature, tmp_path: object
) -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(0, 60, 20_000)
    table = {"y": rng.binomial(n, rng.beta(30, 70, len(n))), "n": n}
    tree = hp.fit(
        table,
        successes="y",
        trials="n",
        model=COLLAPSED,
        inference=inference,
        hyperparameters_only=True,
    )
    assert set(tree["posterior"].data_vars) == {"phi", "kappa_log", "kappa"}
    assert set(tree.children) - {"sample_stats"} == {
        "posterior",
        "prior",
        "observed_data",
        "constant_data",
    }
    lower, upper = tree["posterior"]["kappa"].quantile([0.001, 0.999])
    assert lower < 100 < upper
    assert hp.check(tree).problems == ()
    summary = hp.summarize(tree)
    assert sorted(summary.population.index) == ["kappa", "kappa_log", "phi"]
    assert list(summary.groups.columns) == ["successes", "trials", "rate"]
    hp.save(tree, f"{tmp_path}/fit.nc")
    xr.testing.assert_identical(hp.load(f"{tmp_path}/fit.nc"), tree)


@pytest.mark.parametrize("model", MODELS[:-1], ids=lambda model: type(model).__name__)
def test_the_hyperparameters_alone_are_those_of_the_whole_fit(
    model: hp.Model, trees: dict[str, xr.DataTree]
) -> None:
    tree = hp.fit(
        PLAYERS,
        **COLUMNS,
        model=model,
        inference=SHORT,
        new_groups={"rookie": (0, 4)},
        hyperparameters_only=True,
    )
    whole = trees[type(model).__name__]
    for name, draws in tree["posterior"].data_vars.items():
        xr.testing.assert_equal(draws, whole["posterior"][name])
    assert set(whole["posterior"].data_vars) - set(tree["posterior"].data_vars) == {"theta"}


def test_without_hyperparameters_nothing_would_be_left() -> None:
    with pytest.raises(hp.InputError, match="NoPooling has no hyperparameters"):
        hp.fit(PLAYERS, **COLUMNS, model=hp.NoPooling(), hyperparameters_only=True)


@pytest.mark.parametrize("model", JOINT, ids=lambda model: type(model).__name__)
def test_many_groups_in_a_joint_model_are_told_of_the_faster_one(model: hp.Model) -> None:
    table = {"y": np.arange(2001) % 5, "n": np.full(2001, 9)}
    short = hp.NUTS(num_chains=1, num_warmup=0, num_draws=4, max_tree_depth=1)
    better = f"Collapsed{type(model).__name__} has the same posterior"
    with pytest.warns(hp.ConvergenceWarning), pytest.warns(SlowModelWarning, match=better) as told:
        hp.fit(
            table,
            successes="y",
            trials="n",
            model=model,
            inference=short,
            hyperparameters_only=True,
        )
    assert sum(warning.category is SlowModelWarning for warning in told) == 1


def test_a_model_that_constrains_in_its_own_way_is_obeyed() -> None:
    class Certain(hp.CollapsedPartialPooling):
        def constrain(self, key: jax.Array, position: Position, counts: hp.Counts) -> Parameters:
            parameters = super().constrain(key, position, counts)
            return parameters | {"theta": jax.numpy.full(len(counts.trials), parameters["phi"])}

    jax.tree_util.register_dataclass(Certain)
    tree = hp.fit(PLAYERS, **COLUMNS, model=Certain(), inference=EXACT)
    theta, phi = tree["posterior"]["theta"], tree["posterior"]["phi"]
    xr.testing.assert_equal(theta, phi.broadcast_like(theta))


def test_a_log_likelihood_of_ones_own_sees_every_group_and_theta() -> None:
    class Own(hp.CollapsedPartialPooling):
        def log_likelihood(self, parameters: Parameters, counts: hp.Counts) -> jax.Array:
            return parameters["theta"] * jax.numpy.arange(len(counts.trials))

    jax.tree_util.register_dataclass(Own)
    y, n = np.zeros(9, int), np.ones(9, int)
    draws = {"theta": np.random.default_rng(0).uniform(size=(21, 9))}
    with jax.enable_x64(True):
        got = log_likelihood(Own(), hp.Counts(y, n), distinct(y, n), draws, 21)
    np.testing.assert_array_equal(got, draws["theta"] * np.arange(9))
