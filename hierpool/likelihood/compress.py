"""Compresses counts on the host, without loss, to the form in which a density is evaluated.

A ``Tally`` is three histograms, of successes, of failures and of trials. Tallies add up: that of
two files is the sum of their tallies, so each file may be tallied on the machine that holds it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hierpool.counts import Counts
from hierpool.likelihood.histograms import Histograms, Pairs, Rising
from hierpool.likelihood.rising import tabulate, tabulate_each

MOST_PAIRS = 4096
"""Large counts are kept as pairs, which lose no digits, up to this number of distinct (y, n)."""
LARGE = 4096
"""A count above it is large."""


class Distinct(NamedTuple):
    """The distinct pairs (y, n) of a data set."""

    successes: np.ndarray
    """(distinct,) int64 successes."""
    trials: np.ndarray
    """(distinct,) int64 trials."""
    groups: np.ndarray
    """(distinct,) int64 number of groups with each pair."""
    inverse: np.ndarray
    """(group,) the index of each group's pair."""


def distinct(successes: np.ndarray, trials: np.ndarray) -> Distinct:
    """Returns the distinct pairs (y, n) of a data set.

    Args:
        successes: (group,) int64 successes.
        trials: (group,) int64 trials.
    """
    width = int(trials.max(initial=0)) + 1
    if width * width <= 4 * len(trials) + 100_000:
        # Counting in a table of all possible pairs is faster than sorting.
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


def distinct_rows(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (distinct,) the first row of each kind, and (row,) the kind of every row.

    Rows of one kind are equal in every column. Kinds are in ascending order, by the first column,
    then by the second, and so on.

    Args:
        columns: (row,) numbers each.
    """
    order = np.lexsort(columns[::-1])
    is_new = np.zeros(len(order), bool)
    is_new[:1] = True
    for column in columns:
        is_new[1:] |= np.diff(column[order]) != 0
    kind = np.empty(len(order), np.int64)
    kind[order] = np.cumsum(is_new) - 1
    # The sort is stable, so that the first of a run is the first of its kind.
    return order[is_new], kind


@dataclass(frozen=True)
class Tally:
    """Three histograms of one data set: (distinct,) counts and (distinct,) numbers of groups."""

    successes: tuple[np.ndarray, np.ndarray]
    """Of y."""
    failures: tuple[np.ndarray, np.ndarray]
    """Of n - y."""
    trials: tuple[np.ndarray, np.ndarray]
    """Of n."""
    log_coefficients: float
    """The sum of the logs of the binomial coefficients."""
    reference: float
    """The sum of ``binomial.reference`` over groups, subtracted from every log-likelihood."""

    def __add__(self, other: "Tally") -> "Tally":
        """Returns the tally of the two data sets together."""
        return Tally(
            _merge(self.successes, other.successes),
            _merge(self.failures, other.failures),
            _merge(self.trials, other.trials),
            self.log_coefficients + other.log_coefficients,
            self.reference + other.reference,
        )

    def histograms(self) -> Histograms:
        """Returns the histograms in the form that ``histograms.log_marginal`` takes."""
        parts = (self.successes, self.failures, self.trials)
        # Rounded up to a power of two, so that one compiled program serves many data sets.
        largest = power_of_two(int(self.trials[0].max(initial=0)))
        total_y, total_f, total_n = (float(np.dot(counts, groups)) for counts, groups in parts)
        common = _log_power(total_y, total_f) + _log_power(total_f, total_y)
        num_groups = int(self.trials[1][self.trials[0] > 0].sum())
        successes, failures, trials = (
            Rising(tabulate(*part, largest), np.float64(_slope(*part))) for part in parts
        )
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


def has_rows(num_pairs: Any, largest: Any) -> Any:
    """Returns whether data sets are kept as rows, ``Pairs``, rather than as histograms.

    Args:
        num_pairs: number of distinct (y, n).
        largest: largest number of trials.
    """
    return (largest > LARGE) & (num_pairs <= MOST_PAIRS)


def compress(pairs: Distinct) -> Pairs | Histograms:
    """Returns a data set as ``Pairs`` if they are few and large, else as ``Histograms``."""
    if has_rows(len(pairs.trials), pairs.trials.max(initial=0)):
        return padded_pairs(pairs, power_of_two(len(pairs.trials)))
    return tally(pairs).histograms()


def batch_histograms(pairs: Distinct, which: np.ndarray, number: int, largest: int) -> Histograms:
    """Returns the histograms of many data sets, with leaves of shape (data set, ...).

    Args:
        pairs: the distinct (y, n) of all data sets.
        which: (distinct,) the index of the data set to which each belongs.
        number: the number of data sets.
        largest: a power of 2 that no number of trials exceeds, at most ``LARGE``.
    """
    y, n, groups = pairs.successes, pairs.trials, pairs.groups

    def rising(counts: np.ndarray) -> Rising:
        width = largest + 1
        each = np.bincount(which * width + counts, groups, number * width).reshape(number, width)
        return Rising(tabulate_each(each, largest), each @ _less_one(np.arange(width)))

    log_coefficients, references = _constants(y.astype(float), n.astype(float))
    total_y, total_n, coefficient, reference, num_groups = (
        np.bincount(which, groups * values, number)
        for values in (y, n, log_coefficients, references, n > 0)
    )
    total_f = total_n - total_y
    common = _log_power(total_y, total_f) + _log_power(total_f, total_y)
    pooled = common + coefficient - reference
    of_y, of_f, of_n = rising(y), rising(n - y), rising(n)
    return Histograms(of_y, of_f, of_n, total_y, total_n, num_groups, pooled, reference)


def padded_pairs(pairs: Distinct, length: int) -> Pairs:
    """Returns distinct (y, n), padded to ``length`` with (0, 0), which counts for no group."""
    space = (0, length - len(pairs.trials))
    y, n, groups = (np.pad(x, space) for x in (pairs.successes, pairs.trials, pairs.groups))
    return Pairs(Counts(y, n), groups.astype(float))


def power_of_two(least: int) -> int:
    """Returns the smallest power of 2 from 8 that is at least ``least``."""
    return 1 << max(3, (least - 1).bit_length())


def quarter_octave(least: int) -> int:
    """Returns the smallest of 8, 10, 12, 14, 16, 20, 24, 28, 32, ... that is at least ``least``."""
    step = power_of_two(least) // 8
    return -(-max(least, 8) // step) * step


def padded_rows(successes: np.ndarray, trials: np.ndarray, length: int) -> Pairs:
    """Returns a row for each group, padded to ``length`` with (0, 0), which counts for no group."""
    none = np.empty(0, np.int64)
    return padded_pairs(Distinct(successes, trials, np.ones(len(trials), np.int64), none), length)


def log_coefficient(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Returns log(n choose y)."""
    return _constants(y, n)[0]


def _constants(y: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns log(n choose y) and log Binomial(y | n, (y + 1/2) / (n + 1)), elementwise."""
    f = n - y
    # Stirling's formula loses no digits even for a billion trials; see ``binomial.reference``.
    rest = _remainder(n + 1) - _remainder(y + 1) - _remainder(f + 1)
    half_logs = 0.5 * (np.log(n + 1) - np.log(y + 1) - np.log(f + 1))
    shift = y * np.log1p(-0.5 / (y + 1)) + f * np.log1p(-0.5 / (f + 1))
    reference = shift + half_logs + rest + (1 - 0.5 * np.log(2 * np.pi))
    return reference - _log_power(y, f) - _log_power(f, y), reference


def _log_power(count: Any, other: Any) -> Any:
    """Returns count times the log of its share, (count + 1/2) / (count + other + 1)."""
    total = count + other + 1
    share = (count + 0.5) / total
    # log1p keeps the digits where the share is nearly 1.
    return count * np.where(share > 0.5, np.log1p(-(other + 0.5) / total), np.log(share))


def _remainder(x: np.ndarray) -> np.ndarray:
    """Returns the remainder of Stirling's formula, for x >= 1: ``special.stirling_remainder``."""
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
    """Returns distinct counts in ascending order, and the number of groups with each."""
    values, inverse = np.unique(counts, return_inverse=True)
    total = np.zeros(len(values), np.int64)
    np.add.at(total, inverse, groups)
    return values, total


def _merge(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    counts, groups = (np.concatenate(arrays) for arrays in zip(one, other, strict=True))
    return _histogram(counts, groups)


def _slope(counts: np.ndarray, groups: np.ndarray) -> float:
    return float(np.dot(groups, _less_one(counts)))


def _less_one(counts: np.ndarray) -> np.ndarray:
    """Returns m - 1, and 0 for 0."""
    return np.maximum(counts - 1, 0).astype(float)
