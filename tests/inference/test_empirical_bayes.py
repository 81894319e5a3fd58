"""The most probable population: found by brute force too, and right in its limits."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats
from tables import HARD_TABLES, HOSPITALS, PLAYERS, RATS, WITH_ROOKIE, close

import hierpool as hp
from hierpool.inference.empirical_bayes import maximise
from hierpool.likelihood.compress import distinct


def empirical_bayes(y: Any, n: Any, **knobs: Any) -> Any:
    return hp.empirical_bayes(
        {"y": np.asarray(y), "n": np.asarray(n)}, successes="y", trials="n", **knobs
    )


@pytest.mark.parametrize(
    "counts",
    [PLAYERS, WITH_ROOKIE, RATS, HOSPITALS, hp.Counts(np.array([0, 9, 1]), np.array([10, 10, 1]))],
    ids=["players", "with the 0-for-4", "rats", "hospitals", "far apart"],
)
def test_it_is_the_maximum_of_the_likelihood(counts: hp.Counts) -> None:
    y, n = counts

    def loss(x: np.ndarray) -> float:
        a, b = np.exp(x)
        return -stats.betabinom.logpmf(y, n, a, b).sum()

    starts = [np.log([0.3 * k, 0.7 * k]) for k in (0.5, 5, 50, 500)]
    tight = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 10_000, "maxfev": 10_000}
    found = min(
        (optimize.minimize(loss, x, method="Nelder-Mead", options=tight) for x in starts),
        key=lambda one: one.fun,
    )
    a, b = np.exp(found.x)
    row = empirical_bayes(y, n).population.iloc[0]
    close(row["log_likelihood"], -found.fun, relative=1e-8)
    close(row["phi"], a / (a + b), relative=1e-5)
    close(row["kappa"], a + b, relative=1e-4)


def test_groups_are_betas_given_the_maximum() -> None:
    result = empirical_bayes(*WITH_ROOKIE, prob=0.8)
    phi, kappa = result.population.loc[0, ["phi", "kappa"]]
    y, n = WITH_ROOKIE
    theta = stats.beta(phi * kappa + y, (1 - phi) * kappa + n - y)
    groups = result.groups
    close(groups["mean"], theta.mean(), relative=1e-9)
    close(groups["sd"], theta.std(), relative=1e-9)
    close(groups["lower"], theta.ppf(0.1), relative=1e-7)
    close(groups["upper"], theta.ppf(0.9), relative=1e-7)
    close(groups["shrinkage"], kappa / (kappa + n), relative=1e-12)
    new = stats.beta(phi * kappa, (1 - phi) * kappa)
    ends = result.population.loc[0, ["new_group_mean", "new_group_lower", "new_group_upper"]]
    close(ends, [phi, new.ppf(0.1), new.ppf(0.9)], relative=1e-7)


@pytest.mark.parametrize(
    ("y", "n"),
    [
        ([5, 5, 5], [10, 10, 10]),
        ([3], [10]),
        ([30] * 50, [100] * 50),
        ([3, 4, 40], [10, 13, 130]),
        ([1, 0, 0], [2, 1, 0]),
    ],
)
def test_rates_no_further_apart_than_chance_has_them_get_one_chance(
    y: list[int], n: list[int]
) -> None:
    result = empirical_bayes(y, n)
    pooled, row = sum(y) / sum(n), result.population.iloc[0]
    assert row["kappa"] == np.inf
    close(row["log_likelihood"], stats.binom.logpmf(y, n, pooled).sum(), relative=1e-9)
    close(result.groups[["mean", "lower", "upper"]], pooled, relative=1e-12)
    assert (result.groups["sd"] == 0).all() and (result.groups["shrinkage"] == 1).all()


@pytest.mark.parametrize("chance", [0, 1])
def test_if_nobody_succeeds_or_fails_every_chance_is_0_or_1(chance: int) -> None:
    result = empirical_bayes([3 * chance, 4 * chance, 0], [3, 4, 0])
    assert result.population.loc[0, "phi"] == chance and result.population.loc[0, "kappa"] == np.inf
    assert abs(result.population.loc[0, "log_likelihood"]) < 1e-9
    assert (result.groups[["mean", "lower", "upper"]] == chance).all().all()


def test_chances_of_0_and_1_alone_are_the_limit_of_kappa_0() -> None:
    result = empirical_bayes([0, 0, 2, 0], [3, 4, 2, 0])
    assert list(result.population.loc[0, ["phi", "kappa"]]) == [1 / 3, 0]
    close(result.population["log_likelihood"], np.log(4 / 27), relative=1e-12)
    assert list(result.groups["mean"]) == [0, 0, 1, 1 / 3]
    assert list(result.groups["lower"]) == [0, 0, 1, 0]
    assert list(result.groups["upper"]) == [0, 0, 1, 1]
    close(result.groups["sd"], [0, 0, 0, np.sqrt(2 / 9)], relative=1e-12)


def test_single_trials_tell_nothing_of_kappa() -> None:
    result = empirical_bayes([1, 0, 0], [1, 1, 1])
    assert np.isnan(result.population.loc[0, "kappa"])
    close(result.population["phi"], 1 / 3, relative=1e-12)
    assert result.groups[["mean", "sd", "lower", "upper"]].isna().all().all()


@pytest.mark.parametrize("table", [name for name in HARD_TABLES if "uneven" not in name])
def test_the_slope_is_zero_on_hard_tables(table: str) -> None:
    y, n = (np.asarray(x) for x in HARD_TABLES[table])
    pairs = distinct(y, n)
    best = maximise(pairs)
    if not 0 < best.kappa < np.inf:
        assert best.kappa in (0, np.inf)
        return
    a, b = best.phi * best.kappa, (1 - best.phi) * best.kappa

    def log_likelihood(a: float, b: float) -> float:
        each = stats.betabinom.logpmf(pairs.successes, pairs.trials, a, b)
        return float(pairs.groups @ each)

    top = log_likelihood(a, b)
    close(best.log_likelihood, top, relative=1e-6)
    for factor in (0.9, 1.1):
        assert log_likelihood(a * factor, b) < top and log_likelihood(a, b * factor) < top
        assert log_likelihood(a * factor, b * factor) < top


def test_wrong_arguments_get_a_sentence() -> None:
    with pytest.raises(hp.InputError, match="prob must lie between 0 and 1, not 2"):
        empirical_bayes([1], [2], prob=2)
    with pytest.raises(hp.InputError, match="No group has trials"):
        empirical_bayes([0], [0])
    with pytest.raises(hp.InputError, match="y must not exceed n"):
        empirical_bayes([3], [2])
