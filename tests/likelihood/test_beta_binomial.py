"""Tails of the beta-binomial for any number of trials: exact sums, and another integral."""

import mpmath
import numpy as np
import pytest
from scipy import integrate, special
from tables import close

from hierpool.likelihood.beta_binomial import beta_binomial_tail, gauss_beta

RNG = np.random.default_rng(0)


def summed(a: float, b: float, least: int, trials: int) -> float:
    """Returns the probability of ``least`` successes or more, to 30 digits, term by term."""
    with mpmath.workdps(30):
        a, b = mpmath.mpf(a), mpmath.mpf(b)
        term, total = mpmath.beta(a, b + trials) / mpmath.beta(a, b), mpmath.mpf(0)
        for z in range(least):
            total += term
            term *= (trials - z) * (a + z) / ((z + 1) * (b + trials - z - 1))
        return float(1 - total)


def integrated(a: float, b: float, least: int, trials: int) -> float:
    """Returns the same, by adaptive quadrature of the binomial tail over theta's log-odds."""
    centre, sd = np.log(a / b), np.sqrt(1 / a + 1 / b)
    line = np.log(least / (trials - least + 1))
    narrow = np.sqrt(1 / least + 1 / (trials - least + 1))
    edges = [centre + sd * step for step in (-40, -9, -3, 0, 3, 9, 40)]
    edges = np.sort([*edges, *(line + narrow * step for step in (-6, 0, 6))])

    def height(x: float) -> float:
        # Against its peak: log Beta functions of such sizes have few digits.
        return float(a * (x - centre) - (a + b) * np.log1p(a / (a + b) * np.expm1(x - centre)))

    def over(function: object) -> float:
        parts = zip(edges[:-1], edges[1:], strict=True)
        return sum(integrate.quad(function, *ends, epsabs=1e-14, limit=400)[0] for ends in parts)

    def tail(x: float) -> float:
        return float(special.betainc(least, trials - least + 1, special.expit(x)))

    whole = over(lambda x: np.exp(height(x)))
    return over(lambda x: np.exp(height(x)) * tail(x)) / whole


def near_the_middle(trials: int, a: float, b: float) -> int:
    """Returns a number of successes that is neither certain nor out of reach."""
    p = a / (a + b)
    sd = np.sqrt(p * (1 - p) * (1 / trials + 1 / (a + b + 1)))
    return int(np.clip(trials * (p + sd * RNG.normal()), 1, trials))


@pytest.mark.parametrize("trials", [1, 7, 128, 300, 3000])
def test_a_tail_is_the_sum_of_its_terms(trials: int) -> None:
    for total in (0.3, 40.0, 3e3, 1e7):
        for phi in (1e-3, 0.3, 0.98):
            a, b = phi * total, (1 - phi) * total
            least = near_the_middle(trials, a, b)
            got = beta_binomial_tail(np.array([a]), np.array([b]), least, trials)
            close(got, summed(a, b, least, trials), relative=0, absolute=2e-9)


@pytest.mark.parametrize("trials", [30_000, 2 * 10**6, 10**9])
@pytest.mark.parametrize("total", [50.0, 2e4, 3e7])
def test_a_tail_of_many_trials_is_the_integral_over_theta(trials: int, total: float) -> None:
    for phi in (0.02, 0.3, 0.9):
        a, b = phi * total, (1 - phi) * total
        least = near_the_middle(trials, a, b)
        got = beta_binomial_tail(np.array([a]), np.array([b]), least, trials)
        close(got, integrated(a, b, least, trials), relative=0, absolute=1e-8)


def test_both_tails_add_up_to_one_at_every_length() -> None:
    a, b = np.array([0.2, 3.0, 4e3]), np.array([0.9, 30.0, 7e3])
    for trials in (5, 257, 10**4, 10**8):
        lengths = {1, 2, 128, 129, trials // 3 + 1, trials - 127, trials}
        for least in [length for length in lengths if 1 <= length <= trials]:
            up = beta_binomial_tail(a, b, least, trials)
            down = beta_binomial_tail(b, a, trials - least + 1, trials)
            close(up + down, 1, relative=0, absolute=2e-8)


def test_gauss_rule_integrates_polynomials_exactly() -> None:
    a, b = np.array([1.0, 7.5, 4e8]), np.array([3.0, 2.5, 1e9])
    nodes, weight = gauss_beta(a, b, 6)
    want = np.ones(3)
    for degree in range(12):
        close(np.sum(weight * nodes**degree, axis=1), want, relative=1e-12)
        want = want * (a + degree) / (a + b + degree)
