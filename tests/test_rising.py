"""Tabulated rising factorials against products of their factors, in long digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from tables import close, tolerance

from hierpool.histograms import Rising, log_rising
from hierpool.rising import tabulate, tabulate_each

# Ends of octaves, and far beyond the first and the last of them.
LOG_X = np.sort(np.append(np.linspace(-30, 60, 71), np.log(2.0 ** np.arange(-4, 34))))
HISTOGRAMS = {
    "one and two": ([1, 2], [5, 3], 8),
    "the players": ([7, 18, 45], [2, 1, 18], 64),
    "more than octaves hold one by one": ([0, 3, 4096, 4097, 70_000], [9, 4, 2, 3, 1], 2**17),
    "a billion": ([2, 10**9], [1000, 2], 2**30),
}


def rising(counts: list[int], groups: list[int], largest: int) -> Rising:
    m, number = np.array(counts), np.array(groups)
    return Rising(tabulate(m, number, largest), float(np.dot(number, np.maximum(m - 1, 0))))


def exact(log_x: float, counts: list[int], groups: list[int]) -> mpmath.mpf:
    x = mpmath.exp(mpmath.mpf(float(log_x)))
    one = mpmath.loggamma(x)
    log = mpmath.log(x)
    return mpmath.fsum(
        number * (mpmath.loggamma(x + m) - one - m * log)
        for m, number in zip(counts, groups, strict=True)
    )


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_a_table_of_rising_factorials_agrees_with_log_gammas(name: str, precision: str) -> None:
    counts, groups, largest = HISTOGRAMS[name]
    log_x = jnp.asarray(LOG_X, precision)
    got = jax.vmap(log_rising, (0, None))(log_x, rising(counts, groups, largest))
    want = np.array([float(exact(x, counts, groups)) for x in np.asarray(log_x)])
    unit = tolerance(precision, float64=4e-15, float32=2e-6)
    # Rounding is in proportion to what the octave holds, down to the last of them.
    close(got, want, relative=unit, absolute=unit * np.interp(np.log(largest), LOG_X, want))


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_its_slope_agrees_with_digammas(name: str, precision: str) -> None:
    counts, groups, largest = HISTOGRAMS[name]
    # The ends of octaves themselves included: no seam is seen.
    log_x = jnp.asarray(LOG_X, precision)
    table = rising(counts, groups, largest)
    got = jax.vmap(jax.grad(log_rising), (0, None))(log_x, table)
    want = []
    for point in np.asarray(log_x):
        x = mpmath.exp(mpmath.mpf(float(point)))
        each = (
            number * (x * (mpmath.digamma(x + m) - mpmath.digamma(x)) - m)
            for m, number in zip(counts, groups, strict=True)
        )
        want.append(float(mpmath.fsum(each)))
    scale = np.abs(want).max()
    unit = tolerance(precision, float64=4e-12, float32=4e-5)
    close(got, want, relative=unit, absolute=unit * scale)


def test_tables_of_many_data_sets_are_the_tables_of_each() -> None:
    counts = np.random.default_rng(1).integers(0, 4, (5, 65))
    together = tabulate_each(counts, 64)
    for row, groups in zip(together, counts, strict=True):
        alone = tabulate(np.arange(65), groups, 64)
        close(row, alone, relative=1e-12, absolute=1e-12 * np.abs(alone).max())
