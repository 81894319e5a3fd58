"""Logs of rising factorials, tabulated on the host: the terms of a log-likelihood by histogram.

    r(x, m) = log Gamma(x + m) - log Gamma(x) - m log x = sum over j < m of log1p(j / x)

As a function of log x its singularities are at a distance of pi from the real axis, so that over an
octave of x the polynomial through 12 Chebyshev points is exact to float64 rounding. For x below 1,
the smallest j, it is a power series in x minus a multiple of log x; for x above the largest count,
it is a power series in 1 / x. The coefficients of a histogram are the sum of those of its groups,
and the coefficients of a count are the same in every data set, so a table of them is computed once.

Source: Trefethen (2013), "Approximation Theory and Approximation Practice", chapters 4 and 8.
"""

from functools import lru_cache

import numpy as np

LOWEST = 0.125
"""The x at which the octaves begin: an eighth of the smallest count. They end at eight times the
largest."""
MARGIN = 6
"""The number of octaves beyond those from 1 to the largest count."""
POINTS = 12
DENSE = 4096
"""Up to this count the logarithms are summed one by one; beyond, Stirling's formula is used."""
BLOCK = 256


def tabulate(counts: np.ndarray, groups: np.ndarray, largest: int) -> np.ndarray:
    """Returns (piece, coefficient) the sum over groups of r(x, m) as piecewise polynomials in x.

    Piece 0 is for x below x_0, where the octaves begin: it is the sum minus (m - 1) log(x_0 / x)
    for every group with m > 0, in powers of 2 x / x_0 - 1. The last piece is for x above x_1, where
    they end, in powers of 2 x_1 / x - 1. Each piece between is for an octave of x, in powers of
    2 log2(x / start) - 1.

    Args:
        counts: (distinct,) m.
        groups: (distinct,) the number of groups with each count.
        largest: a power of 2 that no count exceeds: it sets the number of octaves.
    """
    dense = min(largest, DENSE)
    is_near = counts <= dense
    near = np.bincount(counts[is_near], groups[is_near], dense + 1)
    pieces = _total(near, *_split_near_table(largest))
    far, far_groups = counts[~is_near], groups[~is_near]
    for first in range(0, len(far), BLOCK):
        some = slice(first, first + BLOCK)
        table = _far_table(far[some], largest)
        pieces += _total(far_groups[some].astype(float), *_split(table))
    return pieces


def tabulate_each(counts: np.ndarray, largest: int) -> np.ndarray:
    """Returns (data set, piece, coefficient): ``tabulate`` for many data sets of small counts.

    Args:
        counts: (data set, largest + 1) the number of groups with each count from 0.
        largest: a power of 2, at most ``DENSE``.
    """
    table = _near_table(largest)
    sums = counts @ table.reshape(len(table), -1)
    return sums.reshape(len(counts), *table.shape[1:])


@lru_cache(maxsize=8)
def _near_table(largest: int) -> np.ndarray:
    """Returns (count, piece, coefficient) for every count up to ``DENSE``."""
    x = _points(largest)
    j = np.arange(min(largest, DENSE))[:, None, None]
    # log1p(0 / x) = 0 is the term of j = 0.
    sums = np.cumsum(np.log1p(j / x), axis=0, dtype=np.longdouble).astype(float)
    return _coefficients(np.concatenate([np.zeros((1, *x.shape)), sums]), np.arange(len(j) + 1), x)


def _total(groups: np.ndarray, coarse: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Returns the sum over counts of a table, each row as often as there are groups."""
    total: np.ndarray = np.tensordot(groups, coarse, 1) + np.tensordot(groups, rest, 1)
    return total


def _split(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns two parts of a (count, ...) table: multiples of large units, and what is left.

    A plain sum over a million groups would round every partial sum, thousands of times. Sums of
    multiples of one unit are exact, and those of the rest are small.
    """
    largest = np.abs(table).max(axis=0, initial=np.finfo(float).tiny)
    # 22 bits for a multiple leave 31 of float64's 53 for the number of groups.
    unit = 2.0 ** (np.ceil(np.log2(largest)) - 22)
    coarse = np.rint(table / unit) * unit
    return coarse, table - coarse


@lru_cache(maxsize=2)
def _split_near_table(largest: int) -> tuple[np.ndarray, np.ndarray]:
    return _split(_near_table(largest))


def _far_table(counts: np.ndarray, largest: int) -> np.ndarray:
    """Returns (count, piece, coefficient) for counts beyond ``DENSE``."""
    x, m = _points(largest), counts[:, None, None].astype(float)
    start, end = x + DENSE, x + m
    # This is log Gamma(x + m) - log Gamma(x + DENSE) - (m - DENSE) log x, without large terms that
    # cancel.
    rise = (end - 0.5) * np.log1p(m / x) - (start - 0.5) * np.log1p(DENSE / x) - (m - DENSE)
    remainder = (1 / end - 1 / start) / 12 - (1 / end**3 - 1 / start**3) / 360
    dense = np.log1p(np.arange(DENSE)[:, None, None] / x).sum(axis=0)
    return _coefficients(dense + rise + remainder, counts, x)


def _coefficients(values: np.ndarray, counts: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Returns (count, piece, coefficient) of polynomials through (count, piece, point) values."""
    values = values.copy()
    more = np.maximum(counts - 1, 0)[:, None]
    values[:, 0] += more * np.log(x[0] / LOWEST)
    # Values at Chebyshev points are converted to Chebyshev coefficients, and these to coefficients
    # of powers. Each step is exact to rounding, because the Chebyshev coefficients fall faster than
    # their conversion to powers grows. A level common to all points is left out of the conversion,
    # which would add its rounding error twelve times.
    level = values[..., POINTS // 2]
    degree = np.arange(POINTS)
    to_chebyshev = np.cos(degree[:, None] * _angles()) * np.where(degree == 0, 1, 2)[:, None]
    to_powers = np.zeros((POINTS, POINTS))
    for k in degree:
        to_powers[k, : k + 1] = np.polynomial.chebyshev.cheb2poly(np.eye(POINTS)[k])[: k + 1]
    coefficients: np.ndarray = (values - level[..., None]) @ (to_chebyshev.T / POINTS) @ to_powers
    coefficients[..., 0] += level
    # At x = infinity r is 0.
    last = coefficients[:, -1]
    last[:, 0] -= last @ (-1.0) ** degree
    return coefficients


def _points(largest: int) -> np.ndarray:
    """Returns (piece, point) the values of x at which r is computed."""
    octaves = MARGIN + largest.bit_length() - 1
    u = np.cos(_angles())
    starts = LOWEST * 2.0 ** np.arange(octaves)
    below, above = LOWEST * (1 + u) / 2, LOWEST * 2.0**octaves * 2 / (1 + u)
    return np.concatenate([below[None], starts[:, None] * 2 ** ((1 + u) / 2), above[None]])


def _angles() -> np.ndarray:
    return (np.arange(POINTS) + 0.5) * np.pi / POINTS
