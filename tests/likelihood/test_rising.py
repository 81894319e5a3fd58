"""Tabulated rising factorials against products of their factors, in long digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from tables import close, tolerance

from hierpool.likelihood.histograms import Rising, log_rising
from hierpool.likelihood.rising import tabulate, tabulate_each

# Ends of octaves, and far beyond the first and the last of them.
X = np.sort(np.append(np.exp(np.linspace(-30, 60, 71)), 2.0 ** np.arange(-4, 34)))
HISTOGRAMS = {
    "one and two": ([1, 2], [5, 3], 8),
    "the players": ([7, 18, 45], [2, 1, 18], 64),
    "more than octaves hold one by one": ([0, 3, 4096, 4097, 70_000], [9, 4, 2, 3, 1], 2**17),
    "a billion": ([2, 10**9], [1000, 2], 2**30),
}


def rising(counts: list[int], groups: list[int], largest: int) -> Rising:
    m, number = np.array(counts), np.array(groups)
    return Rising(tabulate(m, number, largest), float(np.dot(number, np.maximum(m - 1, 0))))


def exact(point: float, counts: list[int], groups: list[int]) -> mpmath.mpf:
    x = mpmath.mpf(float(point))
    one = mpmath.loggamma(x)
    log = mpmath.log(x)
    return mpmath.fsum(
        number * (mpmath.loggamma(x + m) - one - m * log)
        for m, number in zip(counts, groups, strict=True)
    )


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_a_table_of_rising_factorials_agrees_with_log_gammas(name: str, precision: str) -> None:
    counts, groups, largest = HISTOGRAMS[name]
    x = jnp.asarray(X, precision)
    got = jax.vmap(log_rising, (0, None))(x, rising(counts, groups, largest))
    want = np.array([float(exact(point, counts, groups)) for point in np.asarray(x)])
    unit = tolerance(precision, float64=4e-15, float32=2e-6)
    # Rounding is in proportion to what the octave holds, down to the last of them.
    close(got, want, relative=unit, absolute=unit * np.interp(largest, X, want))


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_its_slope_agrees_with_digammas(name: str, precision: str) -> None:
    counts, groups, largest = HISTOGRAMS[name]
    # The ends of octaves themselves included: no seam is seen.
    x, table = jnp.asarray(X, precision), rising(counts, groups, largest)
    got = x * jax.vmap(jax.grad(log_rising), (0, None))(x, table)
    want = []
    for point in np.asarray(x):
        at = mpmath.mpf(float(point))
        each = (
            number * (at * (mpmath.digamma(at + m) - mpmath.digamma(at)) - m)
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


def test_a_million_groups_lose_no_digits_in_their_sum(double: None) -> None:
    # Partial sums are near 1e9 here: each would round by 1e-7, and there are thousands.
    rng = np.random.default_rng(5)
    m, number = np.unique(np.rint(rng.exponential(260, 10**6)).astype(int), return_counts=True)
    counts, groups = m.tolist(), number.tolist()
    for x in (0.7, 2.1672814299764838, 40.0):
        want = exact(x, counts, groups)
        got = float(log_rising(jnp.asarray(x), rising(counts, groups, 4096)))
        # Two units in the last place of what is computed.
        assert abs(float(got - want)) < 5e-16 * float(want)
