"""Limits of a new group's rate, against SciPy's beta-binomial and against simulation."""

import numpy as np
import pytest
from fits import fit_of
from scipy.stats import betabinom, binom

import hierpool as hp
from hierpool.answers.new_rates import NewRate, new_rate, new_rate_of_point
from hierpool.posterior.fitted import Fitted, read_fit

LEVELS = np.array([0.001, 0.025, 0.5, 0.975, 0.999])
SIZES = np.array([1, 2, 5, 20, 45, 300, 5000, 10**6])


def known(phi: float, kappa: float) -> Fitted:
    """Returns the fit of the players, in each of whose draws the population is this one."""
    fitted = read_fit(fit_of())
    values = {"phi": phi, "kappa": kappa, "kappa_log": np.log(kappa)}
    parameters = {name: np.full(len(fitted.theta), value) for name, value in values.items()}
    return fitted._replace(parameters=parameters)


def middle(counts: np.ndarray, trials: np.ndarray, phi: float, kappa: float) -> np.ndarray:
    """Returns P(Y < y) + P(Y = y) / 2 by SciPy."""
    exact = betabinom(trials, phi * kappa, (1 - phi) * kappa)
    return (exact.cdf(counts - 1) + exact.cdf(counts)) / 2


@pytest.mark.parametrize(("phi", "kappa"), [(0.26, 40.0), (0.5, 1.5), (0.01, 3000.0)])
def test_limits_hold_the_stated_probability_of_a_known_population(phi: float, kappa: float) -> None:
    count = new_rate(known(phi, kappa)).limits(SIZES, LEVELS) * SIZES
    below = np.floor(count)
    # Between two counts the mid-distribution function is a straight line.
    start, end = (middle(k, SIZES, phi, kappa) for k in (below, below + 1))
    got = start + (count - below) * (end - start)
    want = np.broadcast_to(LEVELS[:, None], count.shape)
    inside = (count > 0) & (count < SIZES)
    tail = np.minimum(want, 1 - want)[inside]
    assert np.all(np.abs(got - want)[inside] < 0.01 * tail)
    # Without a count beyond it, the limit is at the end.
    none = middle(np.zeros(1), SIZES, phi, kappa)
    assert np.all((count == 0) == (want <= none + 1e-9))


def test_the_middle_of_a_count_is_that_of_the_beta_binomial() -> None:
    y, n = np.array([0, 3, 12, 44, 45, 70]), np.array([45, 45, 45, 45, 45, 200])
    got = new_rate(known(0.26, 40.0)).middle(y, n)
    np.testing.assert_allclose(got, middle(y, n, 0.26, 40.0), atol=1e-5)


def test_limits_of_one_value_are_binomial() -> None:
    count = new_rate_of_point(0.3).limits(SIZES[4:7], LEVELS) * SIZES[4:7]
    want = binom.ppf(LEVELS[:, None], SIZES[4:7], 0.3)
    assert np.all(np.abs(count - want) <= 1)


@pytest.mark.parametrize("model", ["beta", "logit"])
def test_a_new_group_of_a_fit_is_between_the_limits_as_often_as_they_say(model: str) -> None:
    tree = fit_of(model)
    fitted = read_fit(tree)
    rng = np.random.default_rng(3)
    if model == "beta":
        phi, kappa = (np.tile(fitted.parameters[name], 50) for name in ("phi", "kappa"))
        theta = rng.beta(phi * kappa, (1 - phi) * kappa)
    else:
        mu, sigma = (np.tile(fitted.parameters[name], 50) for name in ("mu", "sigma"))
        theta = 1 / (1 + np.exp(-rng.normal(mu, sigma)))
    trials = 2000
    drawn = rng.binomial(trials, theta)
    limits = new_rate(fitted).limits(np.array([trials]), LEVELS)
    share = np.mean(drawn / trials < limits, axis=1)
    # The draws of theta, of both sides, are independent; the draws of the population are the same.
    error = np.sqrt(LEVELS * (1 - LEVELS) * (1 / len(theta) + 1 / 2**18))
    one = np.mean(drawn == np.round(limits * trials), axis=1)
    assert np.all(np.abs(share - LEVELS) < 5 * error + one + 1e-4)


def test_the_mean_is_that_of_a_group_not_yet_seen() -> None:
    got = new_rate(read_fit(fit_of())).mean
    want = hp.new_groups(fit_of(), {"unseen": (0, 0)})["mean"].iloc[0]
    assert abs(got - want) < 1e-5


def test_without_a_population_nothing_is_known_of_a_new_group() -> None:
    with pytest.raises(hp.InputError, match="NoPooling has no population"):
        new_rate(read_fit(fit_of("none")))


def test_probabilities_add_up_to_one_where_the_population_is_as_wide_as_can_be() -> None:
    new: NewRate = new_rate(known(0.001, 1.01))
    assert abs(new.probability.sum() - 1) < 1e-12
    assert abs(new.mean - 0.001) < 1e-4
