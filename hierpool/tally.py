"""Counts compressed on the host: exactly, additively, and to the form that suits them.

A ``Tally`` is three histograms, of successes, of failures and of trials. The tally of two files is
the sum of theirs, so a data set may be tallied where it lies.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from hierpool.counts import Counts
from hierpool.histograms import Histogram, Histograms, Pairs

MOST_PAIRS = 4096
"""With no more distinct (y, n) than that, large counts are kept as pairs, which lose no digits."""
FEW_PAIRS = 64
"""So few are kept as pairs rather than in the tails of histograms."""
LARGE = 4096
"""A count from here on is large."""
TAIL_COST = 8
"""A count in a histogram's tail costs about as much as so many logarithms."""
DENSE = 32
"""Below it the terms of a rising factorial are summed one by one."""
NODES = 20
"""Nodes of each octave from there on."""


class Distinct(NamedTuple):
    """The distinct (y, n) of a data set."""

    successes: np.ndarray
    """(distinct,) int64 successes."""
    trials: np.ndarray
    """(distinct,) int64 trials."""
    groups: np.ndarray
    """(distinct,) int64 how many groups have them."""
    inverse: np.ndarray
    """(group,) which of them each group has."""


def distinct(successes: np.ndarray, trials: np.ndarray) -> Distinct:
    """Returns the distinct (y, n) of a data set.

    Args:
        successes: (group,) int64 successes.
        trials: (group,) int64 trials.
    """
    width = int(trials.max(initial=0)) + 1
    if width * width <= 4 * len(trials) + 100_000:
        # A table of all that is possible is quicker than sorting.
        code = trials * width + successes
        table = np.bincount(code, minlength=width * width)
        (found,) = np.nonzero(table)
        place = np.cumsum(table > 0) - 1
        return Distinct(found % width, found // width, table[found], place[code])
    order = np.lexsort((successes, trials))
    sorted_y, sorted_n = successes[order], trials[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (np.diff(sorted_y) != 0) | (np.diff(sorted_n) != 0)
    first = np.flatnonzero(is_new)
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.cumsum(is_new) - 1
    groups = np.diff(np.append(first, len(order)))
    return Distinct(sorted_y[first], sorted_n[first], groups, inverse)


@dataclass(frozen=True)
class Tally:
    """Three histograms of one data set, each as (distinct,) counts and (distinct,) groups."""

    successes: tuple[np.ndarray, np.ndarray]
    """Of y."""
    failures: tuple[np.ndarray, np.ndarray]
    """Of n - y."""
    trials: tuple[np.ndarray, np.ndarray]
    """Of n."""
    log_coefficients: float
    """The sum of the logs of the binomial coefficients."""
    reference: float
    """The sum of ``likelihood.reference``: what all log-likelihoods are given less."""

    def __add__(self, other: "Tally") -> "Tally":
        """Returns the tally of both data sets together."""
        return Tally(
            _merge(self.successes, other.successes),
            _merge(self.failures, other.failures),
            _merge(self.trials, other.trials),
            self.log_coefficients + other.log_coefficients,
            self.reference + other.reference,
        )

    def histograms(self, *, near: int | None = None, tail: int | None = None) -> Histograms:
        """Returns the form that ``histograms.log_marginal`` takes.

        Args:
            near: largest count that is not in the tail; by default what is cheapest.
            tail: length of the tails; by default as many as are needed, up to a power of 2.
        """
        parts = (self.successes, self.failures, self.trials)
        if near is None:
            largest = max(int(counts.max(initial=0)) for counts, _ in parts)
            # Powers of two, so that a compiled program serves many data sets.
            near = power_of_two(largest)
            most = TAIL_COST * sum(len(counts) for counts, _ in parts)
            if near > LARGE or len(_nodes(near)[0]) > most:
                near = 0
        if tail is None:
            longest = max(int(np.sum(counts > near)) for counts, _ in parts)
            tail = power_of_two(longest) if longest else 0
        total_y, total_f, total_n = (float(np.dot(counts, groups)) for counts, groups in parts)
        common = _log_power(total_y, total_f) + _log_power(total_f, total_y)
        num_groups = int(self.trials[1][self.trials[0] > 0].sum())
        successes, failures, trials = (_device(*part, near, tail) for part in parts)
        return Histograms(
            successes,
            failures,
            trials,
            np.float64(total_y),
            np.float64(total_n),
            np.float64(num_groups),
            np.float64(common + self.log_coefficients - self.reference),
            np.float64(self.reference),
        )


def tally(pairs: Distinct) -> Tally:
    """Returns the tally of a data set, from its distinct (y, n)."""
    y, n, groups = pairs.successes, pairs.trials, pairs.groups
    log_coefficients, reference = _constants(y.astype(float), n.astype(float))
    return Tally(
        _histogram(y, groups),
        _histogram(n - y, groups),
        _histogram(n, groups),
        float(np.dot(groups, log_coefficients)),
        float(np.dot(groups, reference)),
    )


def compress(pairs: Distinct) -> Pairs | Histograms:
    """Returns a data set in the form that suits it: pairs if few and large, or histograms."""
    number = len(pairs.trials)
    has_large = pairs.trials.max(initial=0) > LARGE
    histograms = None if has_large and number <= MOST_PAIRS else tally(pairs).histograms()
    # Tails cost as much as pairs, and hold fewer digits.
    if histograms is None or (number <= FEW_PAIRS and np.size(histograms.trials.tail)):
        return padded_pairs(pairs, power_of_two(number))
    return histograms


def batch_histograms(pairs: Distinct, which: np.ndarray, number: int, near: int) -> Histograms:
    """Returns the histograms of many data sets, each leaf (data set, ...), with no tails.

    Args:
        pairs: the distinct (y, n) of all of them, with at most ``near`` trials.
        which: (distinct,) the data set that each belongs to.
        number: how many data sets.
        near: the most trials that any may have.
    """
    y, n, groups = pairs.successes, pairs.trials, pairs.groups
    at, matrix = _nodes(near)
    at = np.broadcast_to(at, (number, len(at)))

    def histogram(counts: np.ndarray) -> Histogram:
        each = np.bincount(which * (near + 1) + counts, groups, number * (near + 1))
        at_least = np.cumsum(each.reshape(number, near + 1)[:, ::-1], axis=1)[:, ::-1]
        none = np.zeros((number, 0))
        return Histogram(at, at_least[:, 2:] @ matrix, none, none)

    log_coefficients, references = _constants(y.astype(float), n.astype(float))
    total_y, total_n, coefficient, reference, num_groups = (
        np.bincount(which, groups * values, number)
        for values in (y, n, log_coefficients, references, n > 0)
    )
    total_f = total_n - total_y
    common = _log_power(total_y, total_f) + _log_power(total_f, total_y)
    pooled = common + coefficient - reference
    histograms = histogram(y), histogram(n - y), histogram(n)
    return Histograms(*histograms, total_y, total_n, num_groups, pooled, reference)


def padded_pairs(pairs: Distinct, length: int) -> Pairs:
    """Returns distinct (y, n) filled up with no groups of 0 of 0."""
    space = (0, length - len(pairs.trials))
    y, n, groups = (np.pad(x, space) for x in (pairs.successes, pairs.trials, pairs.groups))
    return Pairs(Counts(y, n), groups.astype(float))


def power_of_two(least: int) -> int:
    """Returns the smallest power of 2 from 8 that is at least ``least``."""
    return 1 << max(3, (least - 1).bit_length())


def log_coefficient(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Returns log(n choose y)."""
    return _constants(y, n)[0]


def _constants(y: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns log(n choose y) and log Binomial(y | n, (y + 1/2) / (n + 1)), elementwise."""
    f = n - y
    # Stirling's formula, so that a billion trials lose no digits; see likelihood.reference.
    rest = _remainder(n + 1) - _remainder(y + 1) - _remainder(f + 1)
    half_logs = 0.5 * (np.log(n + 1) - np.log(y + 1) - np.log(f + 1))
    shift = y * np.log1p(-0.5 / (y + 1)) + f * np.log1p(-0.5 / (f + 1))
    reference = shift + half_logs + rest + (1 - 0.5 * np.log(2 * np.pi))
    return reference - _log_power(y, f) - _log_power(f, y), reference


def _log_power(count: Any, other: Any) -> Any:
    """Returns count times the log of its share, (count + 1/2) / (count + other + 1)."""
    total = count + other + 1
    share = (count + 0.5) / total
    # log1p where the share is nearly 1.
    return count * np.where(share > 0.5, np.log1p(-(other + 0.5) / total), np.log(share))


def _remainder(x: np.ndarray) -> np.ndarray:
    """Returns Stirling's remainder of log Gamma for x >= 1, as ``special.stirling_remainder``."""
    far = np.where(x < 10, x + 10, x)
    square = 1 / (far * far)
    series = 1 / 1188 - square * 691 / 360360
    for coefficient in (-1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = coefficient + square * series
    near = np.minimum(x, 10)
    product = np.prod([near + step for step in range(10)], axis=0)
    shifted = (near + 9.5) * np.log(near + 10) - (near - 0.5) * np.log(near) - np.log(product) - 10
    return series / far + np.where(x < 10, shifted, 0)


def _histogram(counts: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns distinct counts, ascending, and how many groups have each."""
    values, inverse = np.unique(counts, return_inverse=True)
    total = np.zeros(len(values), np.int64)
    np.add.at(total, inverse, groups)
    return values, total


def _merge(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    counts, groups = (np.concatenate(arrays) for arrays in zip(one, other, strict=True))
    return _histogram(counts, groups)


def _device(counts: np.ndarray, groups: np.ndarray, near: int, tail: int) -> Histogram:
    is_near = counts <= near
    each = np.zeros(near + 1)
    each[counts[is_near]] = groups[is_near]
    # Entry j - 1: the groups that have more than j, from 1 to near - 1.
    more_than = np.cumsum(each[::-1])[::-1][2:]
    at, matrix = _nodes(near)
    far = np.zeros((2, tail))
    far[:, : np.sum(~is_near)] = counts[~is_near], groups[~is_near]
    return Histogram(at, more_than @ matrix, far[0], far[1])


@lru_cache(maxsize=32)
def _nodes(near: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (node,) places, and (j, node) weights of f(j) in the values there, j < near.

    As a function of j, log1p(j / x) has its only singularity at -x: over an octave the polynomial
    through 20 Chebyshev points is as exact as a float64, whatever x is. So a sum over j to
    near - 1 needs no more terms than the logarithm of near.
    """
    at, blocks = [np.arange(1.0, min(DENSE, near))], [np.eye(max(min(DENSE, near) - 1, 0))]
    for first in (DENSE << octave for octave in range(64)):
        if first >= near:
            break
        j = np.arange(first, min(2 * first, near), dtype=float)
        if len(j) <= NODES:
            at.append(j)
            blocks.append(np.eye(len(j)))
            continue
        angle = (np.arange(NODES) + 0.5) * np.pi / NODES
        middle, half = 0.5 * (j[0] + j[-1]), 0.5 * (j[-1] - j[0])
        at.append(middle + half * np.cos(angle))
        # Chebyshev polynomials at j, from values at their points.
        degree = np.arange(NODES)
        at_j = np.cos(degree * np.arccos(np.clip((j - middle) / half, -1, 1))[:, None])
        at_points = np.cos(degree[:, None] * angle) * np.where(degree == 0, 1, 2)[:, None] / NODES
        blocks.append(at_j @ at_points)
    matrix = np.zeros((max(near - 1, 0), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return np.concatenate(at), matrix
