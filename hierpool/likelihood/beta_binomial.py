"""Successes to come when a chance is known as a Beta: z of m trials is beta-binomial.

Source: Golub and Welsch (1969), "Calculation of Gauss Quadrature Rules", for the nodes.
"""

import numpy as np
from scipy.special import betainc, betaincc, gammaln

MOST_TERMS = 128
"""Terms of a tail that are summed; a longer one is integrated, and costs ``NUM_NODES`` values."""
NUM_NODES = 16
"""Nodes of an integral: its error stays below 1e-8, the worst of thousands tried was 1.3e-9."""
LOGARITHMS = 8
"""Terms of a sum that take as long as one incomplete Beta function."""
PIECE = 2**18
"""Values that are in memory at a time."""


def beta_binomial_tail(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of ``least`` successes or more, theta from Beta(a, b).

    The absolute error is below 1e-8, for any number of trials.

    Args:
        a: (row,) first parameters, positive.
        b: (row,) second parameters, positive.
        least: successes.
        trials: trials.
    """
    if least <= 0 or least > trials:
        return np.full(len(a), float(least <= 0))
    # The shorter of the two tails is summed.
    is_upper = trials - least < least
    if is_upper:
        a, b, least = b, a, trials - least + 1
    tail = _lower_sum if least <= MOST_TERMS else _lower_integral
    total = np.empty(len(a))
    height = PIECE // (MOST_TERMS + NUM_NODES)
    for start in range(0, len(a), height):
        rows = slice(start, start + height)
        total[rows] = tail(a[rows], b[rows], least, trials)
    return np.clip(total if is_upper else 1 - total, 0, 1)


def tail_cost(least: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns (group,) how many incomplete Beta functions take as long as a row's tail.

    Args:
        least: (group,) successes.
        trials: (group,) trials.
    """
    terms = np.minimum(least, trials - least + 1)
    return np.where(terms > MOST_TERMS, NUM_NODES, np.maximum(terms, 1) / LOGARITHMS)


def log_beta_binomial(a: np.ndarray, b: np.ndarray, trials: int) -> np.ndarray:
    """Returns (row, trials + 1) log probabilities of every number of successes.

    Args:
        a: (row,) first parameters.
        b: (row,) second parameters.
        trials: trials.
    """

    def risen(x: np.ndarray) -> np.ndarray:
        # log of x (x + 1) ... (x + m - 1) for m from 0: no large numbers are subtracted.
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

    By Stirling's formula, in which a, b and m may be of any size: what is large cancels in it.
    """

    def rest(x: np.ndarray) -> np.ndarray:
        """Returns log Gamma(x + step) - log Gamma(x) - step log x."""
        return (x + step - 0.5) * np.log1p(step / x) - step + _remainder(x + step) - _remainder(x)

    step, other = np.minimum(a, trials), np.maximum(a, trials)
    # From b + 1 on, for the formula; the last two terms go back to b.
    risen = step * np.log1p(other / (b + 1)) + rest(b + 1 + other) - rest(b + 1)
    return np.log1p(step / (b + other)) - np.log1p(step / b) - risen


def _remainder(x: np.ndarray) -> np.ndarray:
    """Returns what Stirling's formula for log Gamma(x) leaves, for x >= 1."""
    near = np.minimum(x, 100)
    direct = gammaln(near) - (near - 0.5) * np.log(near) + near - 0.5 * np.log(2 * np.pi)
    square = 1 / (x * x)
    return np.where(x < 100, direct, (1 / 12 - square * (1 / 360 - square / 1260)) / x)


def _lower_integral(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of fewer than ``least`` successes, both tails being long.

    At least k of m successes come if x < theta, with x ~ Beta(k, m - k + 1), the k-th smallest of m
    uniform numbers. The narrower of the two Betas is integrated over, on which the distribution
    function of the other is smooth.
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
    """Returns (row, size) nodes and weights of Gauss's rule for the mean under Beta(a, b).

    Args:
        a: (row,) first parameters, at least 1.
        b: (row,) second parameters, at least 1.
        size: nodes; polynomials of a degree below twice as many are integrated exactly.
    """
    a, b = a[:, None] - 1, b[:, None] - 1
    total, n = a + b, np.arange(size)
    s = 2 * n + total
    # Jacobi's three terms on (0, 1), as sums of positive numbers alone: small chances keep their
    # digits.
    middle = (2 * n * (n + 1 + total) + total * (1 + a)) / (s * (s + 2))
    n, s = n[1:], s[:, 1:]
    beside = np.sqrt(n * (n + a) * (n + b) * (n + total) / ((s + 1) * (s - 1))) / s
    matrix = np.zeros((len(a), size, size))
    of = np.arange(size)
    matrix[:, of, of] = middle
    matrix[:, of[1:], of[:-1]] = matrix[:, of[:-1], of[1:]] = beside
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, vectors[:, 0, :] ** 2
