"""Leaving a group out equals refitting without it; scores agree with ArviZ's where those hold."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import betaln, gammaln

import hierpool as hp
from hierpool import leave_one_out as leaving
from hierpool.leave_one_out import leave_one_out
from hierpool.tally import distinct
from tests import oracle
from tests.tables import HOSPITALS, PLAYERS, RATS, WITH_ROOKIE, close

MODELS = {
    "complete": hp.CompletePooling(),
    "none": hp.NoPooling(),
    "beta": hp.CollapsedPartialPooling(),
    "logit": hp.CollapsedLogitPartialPooling(),
}
SKEWED = {
    "complete": hp.CompletePooling(2.0, 5.0),
    "none": hp.NoPooling(2.0, 5.0),
    "beta": hp.CollapsedPartialPooling(0.5, 2.0, 5.0),
    "logit": hp.CollapsedLogitPartialPooling(0.0, 2.0, 0.5),
}
SMALL = {
    "uneven, two of them alike": ([0, 18, 7, 1, 7], [4, 45, 45, 1, 45]),
    "one far from the others": ([5, 6, 4, 0], [10, 10, 10, 10_000]),
    "a single group": ([3], [10]),
}
COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}


def evidence(name: str, model: Any, y: np.ndarray, n: np.ndarray) -> float:
    """Returns the log evidence by means of its own."""
    coefficients = np.sum(gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1))
    if name == "complete":
        a, b = model.phi_alpha, model.phi_beta
        return coefficients + betaln(a + y.sum(), b + (n - y).sum()) - betaln(a, b)
    if name == "none":
        a, b = model.theta_alpha, model.theta_beta
        return coefficients + np.sum(betaln(a + y, b + n - y) - betaln(a, b))
    if not len(y):
        return 0.0
    if name == "beta":
        return oracle.exact(y, n, **vars(model)).log_evidence
    return logit_evidence(model, y, n) + coefficients


def logit_evidence(model: Any, y: np.ndarray, n: np.ndarray) -> float:
    """Returns the log evidence less binomial coefficients, by trapezoid rules over everything."""
    x = np.linspace(-14, 12, 4001)
    log_theta, log_rest = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    mu, sigma, z = np.linspace(-9, 7, 321), np.linspace(0, 7, 141), np.linspace(-8, 8, 65)
    # The likelihood is interpolated to nodes that every population has of its own.
    at = mu[:, None, None] + sigma[:, None] * z
    mass = np.exp(-0.5 * z**2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    total = -0.5 * ((mu[:, None] - model.mu_mean) / model.mu_sd) ** 2
    total = total - 0.5 * (sigma / model.sigma_sd) ** 2 - np.log(np.pi * model.mu_sd)
    total = total - np.log(model.sigma_sd)
    # The density is even in sigma: at 0 it counts half.
    total[:, 0] -= np.log(2)
    pairs, times = np.unique(np.stack([y, n]), axis=1, return_counts=True)
    for (successes, trials), repeats in zip(pairs.T, times, strict=True):
        one = successes * log_theta + (trials - successes) * log_rest
        total += repeats * np.log(np.exp(np.interp(at, x, one)) @ mass + 1e-300)
    cell = np.log((mu[1] - mu[0]) * (sigma[1] - sigma[0]))
    return float(np.logaddexp.reduce(total.ravel()) + cell)


def frame(y: Any, n: Any) -> dict[str, np.ndarray]:
    return {"y": np.asarray(y), "n": np.asarray(n)}


def compared(y: Any, n: Any, models: Any = None) -> Any:
    return hp.compare(frame(y, n), successes="y", trials="n", models=models)


@pytest.mark.parametrize(
    ("counts", "elpd", "log_evidence"),
    [
        (
            PLAYERS,
            {"complete": -46.431, "none": -68.916, "beta": -47.636},
            {"beta": -54.36065, "logit": -49.283},
        ),
        (HOSPITALS, {"beta": -41.658, "complete": -46.701, "none": -62.740}, {}),
        (WITH_ROOKIE, {}, {"beta": -55.56712}),
    ],
    ids=["players", "hospitals", "with the 0-for-4"],
)
def test_the_scores_are_the_reference(
    counts: hp.Counts, elpd: dict[str, float], log_evidence: dict[str, float]
) -> None:
    table = compared(*counts).models
    for column, want in (("elpd", elpd), ("log_evidence", log_evidence)):
        for name, value in want.items():
            digits = -math.floor(math.log10(0.5 * 10 ** -len(str(value).split(".")[1])))
            assert round(table.loc[name, column], digits - 1) == pytest.approx(value)


@pytest.mark.parametrize("models", [MODELS, SKEWED], ids=["default", "skewed"])
@pytest.mark.parametrize("table", SMALL)
@pytest.mark.parametrize("name", MODELS)
def test_leaving_a_group_out_equals_refitting_without_it(
    name: str, table: str, models: dict[str, Any]
) -> None:
    y, n = (np.array(x) for x in SMALL[table])
    got = compared(y, n, {name: models[name]})
    whole = evidence(name, models[name], y, n)
    close(got.models["log_evidence"], [whole], relative=1e-5)
    want = [
        whole - evidence(name, models[name], np.delete(y, i), np.delete(n, i))
        for i in range(len(y))
    ]
    close(got.pointwise[name], want, relative=0, absolute=1e-4)
    close(got.models["elpd"], [sum(want)], relative=0, absolute=3e-4)


@pytest.mark.parametrize("name", ["beta", "logit"])
@pytest.mark.parametrize("counts", [PLAYERS, HOSPITALS, RATS], ids=["players", "hospitals", "rats"])
def test_taking_a_group_off_the_weights_equals_integrating_without_it(
    name: str, counts: hp.Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = distinct(*counts)
    divided = leave_one_out(MODELS[name], pairs, hp.Quadrature())
    # No mass is little enough for that: every group is left out by an integration of its own.
    monkeypatch.setattr(leaving, "EDGE", -1.0)
    again = leave_one_out(MODELS[name], pairs, hp.Quadrature())
    assert divided.num_refitted < again.num_refitted == len(pairs.trials)
    close(divided.elpd, again.elpd, relative=0, absolute=2e-6)
    close(divided.log_evidence, again.log_evidence, relative=1e-7)


@pytest.mark.parametrize("name", ["beta", "logit"])
def test_a_group_that_moved_the_posterior_far_is_integrated_without(name: str) -> None:
    y, n = SMALL["one far from the others"]
    result = leave_one_out(MODELS[name], distinct(np.array(y), np.array(n)), hp.Quadrature())
    assert result.num_refitted >= 1


def test_joint_models_score_as_their_collapsed_twins() -> None:
    twins = {"joint": hp.PartialPooling(), "joint logit": hp.LogitPartialPooling(), **MODELS}
    table = compared(*PLAYERS, twins).models.drop(columns=["difference", "difference_se"])
    for joint, twin in (("joint", "beta"), ("joint logit", "logit")):
        close(table.loc[joint], table.loc[twin], relative=1e-12)


def test_the_table_follows_from_the_pointwise_scores() -> None:
    result = compared(*HOSPITALS)
    table, pointwise = result.models, result.pointwise
    assert (
        list(pointwise.columns)
        == list(table.index)
        == list(table["elpd"].sort_values().index)[::-1]
    )
    assert pointwise.index.name == "group" and len(pointwise) == 12
    best = pointwise[table.index[0]]
    for name in table.index:
        row, each = table.loc[name], pointwise[name]
        gap = each - best
        close(row["elpd"], each.sum(), relative=1e-12)
        close(row["elpd_se"], np.sqrt(12 * np.mean((each - each.mean()) ** 2)), relative=1e-12)
        close(row["difference"], gap.sum(), relative=1e-12)
        close(row["difference_se"], np.sqrt(12) * np.std(gap), relative=1e-12)
    assert table["log_bayes_factor"].max() == 0
    close(table["weight"].sum(), 1, relative=1e-12)
    odds = np.log(table["weight"]) - np.log(table["weight"].max())
    close(odds, table["log_bayes_factor"], relative=1e-9)
    close(table.loc[["complete", "none"], "error"], 0, relative=0)
    assert (table["error"] < 1e-6).all()


def test_order_names_and_unseen_groups_change_nothing() -> None:
    want = compared(*HOSPITALS)
    order = np.random.default_rng(0).permutation(12)
    names = np.array([*"ABCDEFGHIJKL", "unseen"])
    y, n = np.append(HOSPITALS.successes[order], 0), np.append(HOSPITALS.trials[order], 0)
    got = hp.compare(
        {"y": y, "n": n, "name": np.append(names[:-1][order], "unseen")},
        successes="y",
        trials="n",
        group="name",
    )
    assert "unseen" not in got.pointwise.index
    close(got.models, want.models, relative=1e-9, absolute=1e-9)
    close(got.pointwise.sort_index(), want.pointwise, relative=1e-9)


def test_a_billion_trials_keep_their_digits() -> None:
    y, n = np.array([300_000_000, 299_990_000]), np.array([10**9, 10**9])
    got = compared(y, n, {"complete": hp.CompletePooling(), "none": hp.NoPooling()})
    close(got.models.loc["none", "elpd"], -2 * np.log(1e9 + 1), relative=1e-9)
    # Normal: z = -10,000 / sqrt(2 n p q).
    variance = 2 * 1e9 * 0.3 * 0.7
    normal = -0.5 * 1e8 / variance - 0.5 * np.log(2 * np.pi * variance)
    close(got.models.loc["complete", "elpd"], 2 * normal, relative=1e-5)


@pytest.fixture(scope="module")
def fits() -> dict[str, xr.DataTree]:
    exact = hp.Quadrature(num_chains=4, num_draws=2000)
    return {
        name: hp.fit(
            hp.load_dataset("efron-morris-75"),
            **COLUMNS,
            model=MODELS[name],
            inference=exact,
            seed=3,
        )
        for name in ("complete", "none", "beta")
    }


def test_fits_are_scored_as_their_models(fits: dict[str, xr.DataTree]) -> None:
    got = hp.compare_fits(fits)
    models = {name: MODELS[name] for name in fits}
    want = hp.compare(hp.load_dataset("efron-morris-75"), **COLUMNS, models=models)
    pd.testing.assert_frame_equal(got.models[want.models.columns], want.models)
    pd.testing.assert_frame_equal(got.pointwise, want.pointwise)
    close(got.models.loc["beta", "log_evidence"], fits["beta"].attrs["log_evidence"], relative=1e-8)


def test_arviz_agrees_where_pareto_k_is_good(fits: dict[str, xr.DataTree]) -> None:
    import arviz as az

    got = hp.compare_fits(fits)
    # Without pooling nothing depends on draws, which az.loo refuses.
    drawn = {name: fits[name] for name in ("complete", "beta")}
    for name, tree in drawn.items():
        loo = az.loo(tree, pointwise=True, reff=1.0)
        row = got.models.loc[name]
        close(row["psis_elpd"], loo.elpd, relative=1e-9)
        close(got.pareto_k[name], loo.pareto_k, relative=1e-7)
        assert row["unreliable"] == 0 and row["pareto_k"] < 0.7
        close(got.pointwise[name], loo.elpd_i, relative=0, absolute=0.02)
        assert abs(row["elpd"] - loo.elpd) < 0.05
        assert abs(row["elpd_se"] - loo.se) < 0.1
    close(got.models.loc["none", "psis_elpd"], got.models.loc["none", "elpd"], relative=1e-9)
    assert np.isnan(got.models.loc["none", "pareto_k"])
    with warnings.catch_warnings():
        # How its stacking weights are found is not compared here.
        warnings.simplefilter("ignore")
        theirs = az.compare(drawn, round_to="none")
    ours = got.models.loc[list(theirs.index)]
    close(ours["difference"].abs(), theirs["elpd_diff"].abs(), relative=0, absolute=0.06)
    close(ours["difference_se"], theirs["dse"], relative=0, absolute=0.06)


def test_it_is_said_where_pareto_k_is_bad_and_the_score_holds_there() -> None:
    y, n = SMALL["one far from the others"]
    model = MODELS["complete"]
    tree = hp.fit(frame(y, n), successes="y", trials="n", model=model)
    result = hp.compare_fits({"complete": tree})
    row = result.models.loc["complete"]
    assert result.pareto_k.loc["3", "complete"] > 0.7 and row["unreliable"] >= 1
    want = sum(
        evidence("complete", model, np.array(y), np.array(n))
        - evidence("complete", model, np.delete(y, i), np.delete(n, i))
        for i in range(4)
    )
    close(row["elpd"], want, relative=1e-9)
    assert abs(row["psis_elpd"] - want) > 1


def test_a_fit_that_was_saved_gives_the_same(fits: dict[str, xr.DataTree], tmp_path: Path) -> None:
    hp.save(fits["beta"], tmp_path / "fit.nc")
    loaded = {**fits, "beta": hp.load(tmp_path / "fit.nc")}
    for got, want in zip(hp.compare_fits(loaded), hp.compare_fits(fits), strict=True):
        pd.testing.assert_frame_equal(got, want)


def test_a_fit_without_theta_is_scored_without_pareto_k(fits: dict[str, xr.DataTree]) -> None:
    tree = hp.fit(
        hp.load_dataset("efron-morris-75"),
        **COLUMNS,
        model=MODELS["beta"],
        inference=hp.Quadrature(),
        hyperparameters_only=True,
    )
    table = hp.compare_fits({"few": tree, "all": fits["beta"]}).models
    close(table.loc["few", "elpd"], table.loc["all", "elpd"], relative=1e-12)
    assert table.loc["few", ["psis_elpd", "pareto_k"]].isna().all()


@pytest.mark.slow
def test_an_integration_that_missed_its_tolerance_is_said() -> None:
    with pytest.warns(hp.ConvergenceWarning, match="integration of 'beta' missed its tolerance"):
        hp.compare(
            frame([3, 9], [10, 10]),
            successes="y",
            trials="n",
            models={"beta": MODELS["beta"]},
            inference=hp.Quadrature(tolerance=1e-30),
        )


class _Own:
    pass


def test_wrong_arguments_get_a_sentence(fits: dict[str, xr.DataTree]) -> None:
    other = hp.fit(frame([3, 4], [9, 9]), successes="y", trials="n", model=hp.CompletePooling())
    with pytest.raises(hp.InputError, match="'beta' and 'other' are not of the same data"):
        hp.compare_fits({"beta": fits["beta"], "other": other})
    with pytest.raises(TypeError, match="must map names to trees, and are list"):
        hp.compare_fits([fits["beta"]])
    with pytest.raises(TypeError, match="the tree that fit returned"):
        hp.compare_fits({"beta": "fit.nc"})
    for nothing in (lambda: hp.compare_fits({}), lambda: compared([1], [2], {})):
        with pytest.raises(hp.InputError, match="nothing to compare"):
            nothing()
    with pytest.raises(TypeError, match="must map names to models, and are tuple"):
        compared([1], [2], (hp.NoPooling(),))
    with pytest.raises(hp.InputError, match="_Own is not one of hierpool's models"):
        compared([1], [2], {"own": _Own()})
    with pytest.raises(hp.InputError, match="kappa_log_rate must be a positive number, not -1"):
        compared([1], [2], {"beta": hp.PartialPooling(kappa_log_rate=-1)})
    with pytest.raises(hp.InputError, match="No group has trials"):
        compared([0], [0])
    with pytest.raises(TypeError, match="by Quadrature, not NUTS"):
        hp.compare(frame([1], [2]), successes="y", trials="n", inference=hp.NUTS())
    with pytest.raises(hp.InputError, match="y must not exceed n"):
        compared([3], [2])
