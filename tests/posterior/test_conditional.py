"""Closed forms given the population, and the Monte Carlo error of their averages."""

import numpy as np
import pytest
from fits import fit_of
from scipy import stats
from tables import close

from hierpool.likelihood.beta_binomial import beta_binomial_tail, log_beta_binomial
from hierpool.posterior.conditional import Betas, Points, alike, spared
from hierpool.posterior.fitted import mcse, read_fit

ALPHA, BETA = np.array([0.3, 2.0, 2.5e4, 1e13]), np.array([0.7, 9.0, 7.5e4, 3e13])
Y, FAILURES = np.array([18, 0, 0, 18]), np.array([27, 4, 0, 27])
BETAS = Betas(ALPHA, BETA, Y, FAILURES, 1, True)


def test_the_chance_above_a_line_is_the_betas() -> None:
    want = stats.beta.sf(0.3, ALPHA[:3, None] + Y, BETA[:3, None] + FAILURES)
    close(BETAS.above(0.3)[:3], want, relative=1e-9, absolute=1e-12)
    close(
        BETAS.mean(),
        (ALPHA[:, None] + Y) / ((ALPHA + BETA)[:, None] + Y + FAILURES),
        relative=1e-12,
    )


@pytest.mark.parametrize("trials", [1, 9, 400])
def test_successes_to_come_are_beta_binomial(trials: int) -> None:
    z = np.arange(trials + 1)
    got = log_beta_binomial(ALPHA, BETA, trials)
    close(np.exp(got).sum(axis=1), 1, relative=1e-11)
    want = stats.betabinom.logpmf(z, trials, ALPHA[:3, None], BETA[:3, None])
    close(got[:3], want, relative=1e-7, absolute=1e-7)
    # A population that is a point: binomial.
    close(got[3], stats.binom.logpmf(z, trials, 0.25), relative=1e-9, absolute=1e-9)


@pytest.mark.parametrize("least", [-1, 0, 1, 7, 39, 40, 41])
def test_both_tails_are_summed_to_the_same(least: int) -> None:
    whole = np.exp(log_beta_binomial(ALPHA, BETA, 40))
    want = whole[:, max(least, 0) :].sum(axis=1)
    close(beta_binomial_tail(ALPHA, BETA, least, 40), want, relative=1e-9, absolute=1e-12)
    least_of_all, trials = np.full(4, least), np.full(4, 40)
    close(
        BETAS.at_least(least_of_all, trials)[:, 1],
        beta_binomial_tail(ALPHA, BETA + 4, least, 40),
        relative=1e-12,
    )
    theta = np.array([[0.0, 0.2, 0.9, 1.0]])
    close(
        Points(theta, 1, True).at_least(least_of_all, trials),
        stats.binom.sf(least - 1, 40, theta),
        relative=1e-9,
        absolute=1e-15,
    )


def test_the_standard_error_of_independent_draws_is_the_usual_one() -> None:
    values = np.random.default_rng(0).normal(size=(4000, 3))
    close(
        mcse(values, 4, is_independent=True), values.std(axis=0, ddof=1) / 4000**0.5, relative=1e-12
    )
    close(mcse(values, 4, is_independent=False), np.full(3, 4000**-0.5), relative=0.25)
    assert mcse(values[:1], 1, is_independent=True).tolist() == [0, 0, 0]


def test_the_standard_error_of_a_chain_counts_its_correlation() -> None:
    rng, rho = np.random.default_rng(1), 0.9
    chains = np.zeros((4, 5000))
    for t in range(1, 5000):
        chains[:, t] = rho * chains[:, t - 1] + rng.normal(size=4)
    # An autoregression's effective size is n (1 - rho) / (1 + rho).
    want = np.sqrt(1 / (1 - rho**2)) / np.sqrt(20_000 * (1 - rho) / (1 + rho))
    close(mcse(chains.reshape(-1, 1), 4, is_independent=False), [want], relative=0.2)


def test_thinning_keeps_some_hundred_draws_whatever_the_cost() -> None:
    one = fit_of()
    fitted = read_fit(one)
    draws = len(fitted.theta)
    assert spared(fitted, 1e12) == -(-draws // 400)
    assert spared(fitted, 3_000_000 / draws) == 1
    assert spared(fitted, 9_000_000 / draws) == 3
    # Draws of theta cost nothing.
    assert spared(read_fit(fit_of("logit")), 1e12) == 1


def test_groups_of_equal_counts_share_a_beta_and_never_a_draw() -> None:
    first, inverse = alike(read_fit(fit_of()))
    assert len(first) < 18 and len(inverse) == 18
    first, inverse = alike(read_fit(fit_of("logit")))
    assert first.tolist() == inverse.tolist() == list(range(18))
