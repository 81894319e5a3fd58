"""Beta-binomial probabilities: future successes z in m trials, where theta ~ Beta(a, b).

Source: Golub and Welsch (1969), "Calculation of Gauss Quadrature Rules", for the nodes.
"""

import numpy as np
from scipy.special import betainc, betaincc, gammaln

MOST_TERMS = 128
"""The most terms of a tail that are summed; a longer tail is integrated by ``NUM_NODES`` nodes."""
NUM_NODES = 16
"""Nodes of an integral: its error is below 1e-8; the largest in thousands of tests was 1.3e-9."""
TERMS_PER_BETAINC = 8
"""Terms of a sum that take as long as one evaluation of the incomplete Beta function."""
BLOCK = 2**18
"""Number of values that are in memory at a time."""


def beta_binomial_tail(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of at least ``least`` successes, where theta ~ Beta(a, b).

    The absolute error is below 1e-8, for any number of trials.

    Args:
        a: (row,) first parameters, positive.
        b: (row,) second parameters, positive.
        least: the smallest number of successes that counts.
        trials: number of future trials.
    """
    if least <= 0 or least > trials:
        return np.full(len(a), float(least <= 0))
    # The shorter of the two tails is computed.
    is_upper = trials - least < least
    if is_upper:
        a, b, least = b, a, trials - least + 1
    tail = _lower_sum if least <= MOST_TERMS else _lower_integral
    total = np.empty(len(a))
    height = BLOCK // (MOST_TERMS + NUM_NODES)
    for start in range(0, len(a), height):
        rows = slice(start, start + height)
        total[rows] = tail(a[rows], b[rows], least, trials)
    return np.clip(total if is_upper else 1 - total, 0, 1)


def tail_cost(least: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns (group,) the cost of a tail for one row, in evaluations of the incomplete Beta.

    Args:
        least: (group,) smallest numbers of successes that count.
        trials: (group,) numbers of future trials.
    """
    terms = np.minimum(least, trials - least + 1)
    return np.where(terms > MOST_TERMS, NUM_NODES, np.maximum(terms, 1) / TERMS_PER_BETAINC)


def log_beta_binomial(a: np.ndarray, b: np.ndarray, trials: int) -> np.ndarray:
    """Returns (row, trials + 1) log probabilities of every number of successes.

    Args:
        a: (row,) first parameters.
        b: (row,) second parameters.
        trials: number of future trials.
    """

    def risen(x: np.ndarray) -> np.ndarray:
        # The log of x (x + 1) ... (x + m - 1) for m from 0, without subtracting large numbers.
        logs = np.log(x[:, None] + np.arange(trials))
        return np.concatenate([np.zeros((len(x), 1)), logs.cumsum(axis=1)], axis=1)

    ones = risen(np.ones(1))
    combinations = ones[:, -1:] - ones - ones[:, ::-1]
    return combinations + risen(a) + risen(b)[:, ::-1] - risen(a + b)[:, -1:]


def _lower_sum(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of fewer than ``least`` successes, term by term."""
    none = _log_none(a, b, trials)
    z = np.arange(least - 1)
    a, b = a[:, None], b[:, None]
    steps = np.log((trials - z) * (a + z) / ((z + 1) * (b + (trials - 1 - z))))
    terms = none[:, None] + steps.cumsum(axis=1)
    return np.exp(none) + np.exp(terms).sum(axis=1)


def _log_none(a: np.ndarray, b: np.ndarray, trials: int) -> np.ndarray:
    """Returns (row,) log probabilities of no success, log B(a, b + m) - log B(a, b).

    It uses Stirling's formula, arranged so that large terms cancel for a, b and m of any size.
    """

    def rest(x: np.ndarray) -> np.ndarray:
        """Returns log Gamma(x + step) - log Gamma(x) - step log x."""
        return (x + step - 0.5) * np.log1p(step / x) - step + _remainder(x + step) - _remainder(x)

    step, other = np.minimum(a, trials), np.maximum(a, trials)
    # Stirling's formula is applied from b + 1 on, where it is accurate; the two log1p terms of the
    # result lead from b + 1 back to b.
    risen = step * np.log1p(other / (b + 1)) + rest(b + 1 + other) - rest(b + 1)
    return np.log1p(step / (b + other)) - np.log1p(step / b) - risen


def _remainder(x: np.ndarray) -> np.ndarray:
    """Returns the remainder of Stirling's formula for log Gamma(x), for x >= 1."""
    near = np.minimum(x, 100)
    direct = gammaln(near) - (near - 0.5) * np.log(near) + near - 0.5 * np.log(2 * np.pi)
    square = 1 / (x * x)
    return np.where(x < 100, direct, (1 / 12 - square * (1 / 360 - square / 1260)) / x)


def _lower_integral(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of fewer than ``least`` successes, for two long tails.

    At least k of m trials succeed if x < theta, where x ~ Beta(k, m - k + 1) is the k-th smallest
    of m uniform numbers. The integral is over the narrower of the two Betas, on which the
    distribution function of the other is smooth.
    """
    k, rest = float(least), trials - least + 1.0
    is_narrow = 1 / a + 1 / b < 1 / k + 1 / rest
    below = np.empty(len(a))
    if is_narrow.any():
        theta, weight = gauss_beta(a[is_narrow], b[is_narrow], NUM_NODES)
        below[is_narrow] = np.sum(weight * betaincc(k, rest, theta), axis=1)
    wide = ~is_narrow
    if wide.any():
        x, weight = gauss_beta(np.array([k]), np.array([rest]), NUM_NODES)
        below[wide] = betainc(a[wide, None], b[wide, None], x) @ weight[0]
    return below


def gauss_beta(a: np.ndarray, b: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (row, size) nodes and weights of the Gauss rule for expectations under Beta(a, b).

    Args:
        a: (row,) first parameters, at least 1.
        b: (row,) second parameters, at least 1.
        size: number of nodes; polynomials of degree below 2 * size are integrated exactly.
    """
    a, b = a[:, None] - 1, b[:, None] - 1
    total, n = a + b, np.arange(size)
    s = 2 * n + total
    # The three-term recurrence of the Jacobi polynomials on (0, 1). Its coefficients are sums of
    # positive numbers only, so that nodes near 0 keep their digits.
    middle = (2 * n * (n + 1 + total) + total * (1 + a)) / (s * (s + 2))
    n, s = n[1:], s[:, 1:]
    beside = np.sqrt(n * (n + a) * (n + b) * (n + total) / ((s + 1) * (s - 1))) / s
    matrix = np.zeros((len(a), size, size))
    of = np.arange(size)
    matrix[:, of, of] = middle
    matrix[:, of[1:], of[:-1]] = matrix[:, of[:-1], of[1:]] = beside
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, vectors[:, 0, :] ** 2
