"""Posterior predictive p-values: the case study's, brute force, and the laws of tails."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import MODELS, fit_of
from scipy.special import expit
from tables import close

import hierpool as hp
from hierpool.answers import predictive_check
from hierpool.answers.predictive_check import new_replicates
from hierpool.posterior.fitted import read_fit

COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}
# Of min, max, mean and sd of the 18 players' hits.
REFERENCE = {
    "complete": [0.600, 0.476, 0.516, 0.327],
    "none": [0.094, 0.972, 0.686, 0.993],
    "beta": [0.334, 0.747, 0.533, 0.767],
    "logit": [0.461, 0.610, 0.506, 0.559],
}


NUMPYS = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "sd": lambda x: np.sqrt(np.sum((x - np.mean(x)) ** 2) / (len(x) - 1)),
}


def variance_of_rates(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    return (y / n).var(axis=1, ddof=1)


@pytest.fixture(scope="module")
def players() -> dict[str, xr.DataTree]:
    return {name: fit_of(name) for name in MODELS}


@pytest.fixture(scope="module")
def rats() -> xr.DataTree:
    return hp.fit(
        hp.load_dataset("rat-tumors"),
        successes="tumors",
        trials="rats",
        model=hp.CollapsedPartialPooling(),
        inference=hp.Quadrature(),
        new_groups={"unseen": (0, 0)},
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_p_values_are_those_of_the_case_study(
    name: str, players: dict[str, xr.DataTree]
) -> None:
    table = hp.predictive_check(players[name]).loc["counts"]
    assert list(table.index) == ["min", "max", "mean", "sd"]
    gap = np.abs(table["p_upper"] - REFERENCE[name])
    # The reference is rounded to 0.001, and has an error of its own of up to 0.0008.
    assert (gap < 5 * table["p_upper_mcse"] + 0.001).all()


@pytest.mark.parametrize("name", MODELS)
def test_with_equal_trials_rates_say_what_counts_say(
    name: str, players: dict[str, xr.DataTree]
) -> None:
    table = hp.predictive_check(players[name])
    tails = ["p_upper", "p_lower", "p_mid"]
    close(table.loc["rates"][tails], table.loc["counts"][tails], relative=0)
    close(table.loc["rates"]["observed"], table.loc["counts"]["observed"] / 45, relative=1e-12)
    # Equal trials: the residuals add up to 0, whatever the data.
    close(table.loc[("residuals", "mean"), tails], [1, 1, 0.5], relative=0)


def test_it_is_brute_force_of_the_replicates(rats: xr.DataTree) -> None:
    table = hp.predictive_check(rats)
    n = rats["constant_data"]["n"].values[:-1]
    drawn = rats["posterior_predictive"]["y"].values.reshape(4000, -1)[:, :-1]
    y = rats["observed_data"]["y"].values[None, :-1]

    def residuals(y: np.ndarray) -> np.ndarray:
        p = y.sum(axis=1, keepdims=True) / n.sum()
        return (y - n * p) / np.sqrt(n * p * (1 - p))

    scales = {"counts": lambda y: y, "rates": lambda y: y / n, "residuals": residuals}
    for of, scale in scales.items():
        for statistic, function in NUMPYS.items():
            row = table.loc[(of, statistic)]
            t = np.array([function(draw) for draw in scale(drawn)])
            observed = function(scale(y)[0])
            close(row["observed"], observed, relative=1e-12)
            close(row[["mean", "sd"]], [t.mean(), t.std(ddof=1)], relative=1e-9)
            is_equal = np.isclose(t, observed, rtol=1e-12, atol=0)
            above, equal = np.mean((t > observed) & ~is_equal), np.mean(is_equal)
            want = [above + equal, 1 - above, above + equal / 2]
            close(row[["p_upper", "p_lower", "p_mid"]], want, relative=1e-12)


def test_counts_say_nothing_where_trials_are_unequal_and_rates_do(rats: xr.DataTree) -> None:
    table = hp.predictive_check(rats)
    assert table.loc[("counts", "min"), "p_upper"] == 1
    assert "unseen" not in table.index and table.loc[("rates", "max"), "p_upper"] < 1


def test_errors_are_those_of_independent_means(players: dict[str, xr.DataTree]) -> None:
    table = hp.predictive_check(players["beta"])
    p = table["p_upper"]
    # What every replicate shows, or none, is known to one of the 6000 only.
    want = np.maximum(np.sqrt(p * (1 - p) / 6000), 1 / 6000)
    close(table["p_upper_mcse"], want, relative=1e-3)
    close(table["mean_mcse"], table["sd"] / np.sqrt(6000), relative=1e-9)
    # Of a normal variable's sd it is sd / sqrt(2 draws).
    row = table.loc[("counts", "mean")]
    close(row["sd_mcse"], row["sd"] / np.sqrt(12_000), relative=0.1)


def test_a_statistic_of_the_users_is_a_row_of_its_own(players: dict[str, xr.DataTree]) -> None:
    own = {"largest": lambda y, n: y.max(axis=1), "gap": lambda y, n: np.ptp(y / n, axis=1)}
    table = hp.predictive_check(players["beta"], statistics=own)
    assert list(table.loc["custom"].index) == ["largest", "gap"]
    close(table.loc[("custom", "largest")], table.loc[("counts", "max")], relative=0)
    close(table.loc[("custom", "gap"), "observed"], 11 / 45, relative=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_new_groups_vary_as_the_population_does(name: str, players: dict[str, xr.DataTree]) -> None:
    own = {"variance": variance_of_rates}
    table = hp.predictive_check(players[name], statistics=own, replicates="new-groups", seed=1)
    draws = players[name]["posterior"].dataset
    if name == "none":
        mean, square = np.array(1 / 2), np.array(1 / 3)
    elif name == "complete":
        mean = draws["phi"].values
        square = mean**2
    elif name == "beta":
        mean, kappa = draws["phi"].values, draws["kappa"].values
        square = mean**2 + mean * (1 - mean) / (kappa + 1)
    else:
        z, weight = np.polynomial.hermite_e.hermegauss(60)
        theta = expit(draws["mu"].values[..., None] + draws["sigma"].values[..., None] * z)
        weight = weight / weight.sum()
        mean, square = theta @ weight, theta**2 @ weight
    variance = square - mean**2 + (mean - square) / 45
    of_mean, of_variance = table.loc[("rates", "mean")], table.loc[("custom", "variance")]
    assert abs(of_mean["mean"] - mean.mean()) < 5 * of_mean["mean_mcse"]
    spread = np.sqrt(mean.var() + variance.mean() / 18)
    assert abs(of_mean["sd"] - spread) < 5 * of_mean["sd_mcse"]
    assert abs(of_variance["mean"] - variance.mean()) < 5 * of_variance["mean_mcse"]


def test_new_groups_are_a_sterner_test_of_no_pooling(players: dict[str, xr.DataTree]) -> None:
    same, new = (
        hp.predictive_check(players["none"], replicates=which).loc[("rates", "sd"), "p_lower"]
        for which in ("same-groups", "new-groups")
    )
    assert new < same < 0.01


@pytest.mark.parametrize("model", [hp.PartialPooling(), hp.LogitPartialPooling()], ids=["b", "l"])
@pytest.mark.filterwarnings("ignore::hierpool.ConvergenceWarning")
def test_the_joint_models_give_the_answers_of_their_twins(model: hp.Model) -> None:
    nuts = hp.NUTS(num_chains=4, num_warmup=500, num_draws=1000, target_accept=0.95)
    frame = hp.load_dataset("efron-morris-75")
    tree = hp.fit(frame, **COLUMNS, model=model, inference=nuts, seed=1)
    table = hp.predictive_check(tree).loc["counts"]
    want = REFERENCE["beta" if isinstance(model, hp.PartialPooling) else "logit"]
    assert (np.abs(table["p_upper"] - want) < 5 * table["p_upper_mcse"] + 0.001).all()
    new = hp.predictive_check(tree, replicates="new-groups").loc["rates"]
    assert ((new["p_mid"] > 0.1) & (new["p_mid"] < 0.9)).all()
    # What chains say repeats itself: the error is more than that of independent draws.
    independent = np.sqrt(table["p_mid"] * (1 - table["p_mid"]) / 4000)
    assert (table["p_mid_mcse"] > 0.5 * independent).all()


def test_a_fit_that_was_saved_gives_the_same(
    players: dict[str, xr.DataTree], tmp_path: Path
) -> None:
    hp.save(players["beta"], tmp_path / "fit.nc")
    loaded = hp.load(tmp_path / "fit.nc")
    for which in ("same-groups", "new-groups"):
        got = hp.predictive_check(loaded, replicates=which, seed=2)
        pd.testing.assert_frame_equal(
            got, hp.predictive_check(players["beta"], replicates=which, seed=2)
        )


def test_new_groups_need_no_theta() -> None:
    tree = hp.fit(
        hp.load_dataset("efron-morris-75"),
        **COLUMNS,
        model=hp.CollapsedPartialPooling(),
        inference=hp.Quadrature(),
        hyperparameters_only=True,
    )
    assert (hp.predictive_check(tree, replicates="new-groups")["p_mid"] > 0.05).all()
    with pytest.raises(hp.InputError, match="hyperparameters only"):
        hp.predictive_check(tree)


def test_wrong_arguments_get_a_sentence(players: dict[str, xr.DataTree]) -> None:
    tree = players["complete"]
    with pytest.raises(hp.InputError, match=r"replicates must be one of .*new-groups.*'other'"):
        hp.predictive_check(tree, replicates="other")
    with pytest.raises(TypeError, match="map names to functions"):
        hp.predictive_check(tree, statistics={"min": "min"})
    with pytest.raises(TypeError, match="map names to functions"):
        hp.predictive_check(tree, statistics=[np.min])
    with pytest.raises(hp.InputError, match=r"'all' returned shape \(\) .* one number per row"):
        hp.predictive_check(tree, statistics={"all": lambda y, n: y.max()})
    with pytest.raises(hp.InputError, match="seed must be a whole number from 0 .* not -1"):
        hp.predictive_check(tree, replicates="new-groups", seed=-1)
    with pytest.raises(TypeError, match="the tree that fit returned"):
        hp.predictive_check({"y": [1]})
    lonely = hp.fit(
        {"y": [3, 0], "n": [10, 0]}, successes="y", trials="n", model=hp.CompletePooling()
    )
    with pytest.raises(hp.InputError, match="at least 2 groups with trials, and there are 1"):
        hp.predictive_check(lonely)


def test_many_replicates_are_of_draws_at_regular_steps_in_each_chain(
    players: dict[str, xr.DataTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, trials = read_fit(players["beta"]), np.array([10, 2000])
    whole = new_replicates(fitted, trials, 0)
    assert whole.shape == (6000, 2)
    monkeypatch.setattr(predictive_check, "BUDGET", 3000)
    assert new_replicates(fitted, trials, 0).shape == (1500, 2)
    # However little there is room for, 50 of each of the four chains.
    monkeypatch.setattr(predictive_check, "BUDGET", 1)
    few = new_replicates(fitted, trials, 0)
    assert few.shape == (200, 2)
    error = (whole[:, 1] / 2000).std() / np.sqrt(200)
    assert abs(few[:, 1].mean() - whole[:, 1].mean()) / 2000 < 4 * error
