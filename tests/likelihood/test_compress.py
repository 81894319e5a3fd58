"""The compression on the host: nothing is lost, and tallies add up."""

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binom
from tables import TABLES, close

from hierpool.counts import Counts
from hierpool.likelihood.compress import (
    Distinct,
    Tally,
    batch_histograms,
    compress,
    distinct,
    distinct_rows,
    log_coefficient,
    padded_pairs,
    power_of_two,
    quarter_octave,
    tally,
)
from hierpool.likelihood.histograms import Histograms, Pairs

RNG = np.random.default_rng(1775)


def simulated(num_groups: int, largest: int) -> Counts:
    trials = RNG.integers(0, largest + 1, num_groups)
    return Counts(RNG.binomial(trials, 0.3), trials)


# The first two fit a table of all that is possible; the last two are sorted.
DATA_SETS = {
    "small counts": simulated(500, 20),
    "no groups": Counts(np.zeros(0, np.int64), np.zeros(0, np.int64)),
    "large counts": simulated(500, 10**9),
    "large counts that repeat": Counts(*(np.tile(column, 3) for column in simulated(50, 10**6))),
}


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_distinct_pairs_give_every_group_back(name: str) -> None:
    counts = DATA_SETS[name]
    pairs = distinct(*counts)
    np.testing.assert_array_equal(pairs.successes[pairs.inverse], counts.successes)
    np.testing.assert_array_equal(pairs.trials[pairs.inverse], counts.trials)
    want = np.unique(np.stack(counts), axis=1).shape[1] if len(counts.trials) else 0
    assert len(pairs.trials) == len(pairs.successes) == len(pairs.groups) == want
    np.testing.assert_array_equal(pairs.groups, np.bincount(pairs.inverse, minlength=want))


def test_the_table_and_the_sort_find_the_same_pairs() -> None:
    counts = simulated(300, 30)
    # One group of very many trials, last in order, and the table would be too wide.
    wide = Counts(*(np.append(column, 10**6) for column in counts))
    by_table, by_sort = distinct(*counts), distinct(*wide)
    for one, other in zip(by_table, by_sort, strict=True):
        np.testing.assert_array_equal(one, other[:-1])


def same(one: Tally, other: Tally) -> None:
    """Fails unless two tallies are of the same data."""
    for part in ("successes", "failures", "trials"):
        for got, want in zip(getattr(one, part), getattr(other, part), strict=True):
            np.testing.assert_array_equal(got, want)
    close(one.log_coefficients, other.log_coefficients, relative=1e-13)
    close(one.reference, other.reference, relative=1e-13)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("small counts", "large counts"),
        ("small counts", "no groups"),
        ("large counts", "large counts that repeat"),
    ],
)
def test_the_tally_of_two_files_is_the_sum_of_theirs(one: str, other: str) -> None:
    first, second = DATA_SETS[one], DATA_SETS[other]
    both = Counts(*(np.concatenate(columns) for columns in zip(first, second, strict=True)))
    separate = tally(distinct(*first)) + tally(distinct(*second))
    same(separate, tally(distinct(*both)))


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_tally_counts_every_group_once(name: str) -> None:
    counts = DATA_SETS[name]
    y, n = counts
    found = tally(distinct(*counts))
    for (values, groups), column in zip(
        (found.successes, found.failures, found.trials), (y, n - y, n), strict=True
    ):
        np.testing.assert_array_equal(np.repeat(values, groups), np.sort(column))


def test_many_data_sets_have_the_histograms_of_each() -> None:
    some = [simulated(size, 60) for size in (3, 40, 17)]
    which = np.repeat(np.arange(3), [len(counts.trials) for counts in some])
    y, n = (np.concatenate(columns) for columns in zip(*some, strict=True))
    pairs = Distinct(y, n, np.ones(len(y), np.int64), np.empty(0, np.int64))
    together = batch_histograms(pairs, which, 4, 64)
    for i, counts in enumerate([*some, Counts(np.zeros(0, np.int64), np.zeros(0, np.int64))]):
        # A group of 64 trials, that both have as many octaves.
        alone = tally(distinct(*(np.append(column, 64) for column in counts))).histograms()
        unit = tally(distinct(np.array([64]), np.array([64]))).histograms()
        for part in ("successes", "failures", "trials"):
            leaves = zip(*(getattr(h, part) for h in (alone, together, unit)), strict=True)
            for one, many, more in leaves:
                close(many[i], one - more, relative=1e-11, absolute=1e-11)
        close(together.total_successes[i], counts.successes.sum(), relative=0)
        close(together.num_groups[i], np.sum(counts.trials > 0), relative=0)


def test_few_large_counts_stay_pairs_and_others_become_histograms() -> None:
    assert isinstance(compress(distinct(*DATA_SETS["large counts"])), Pairs)
    assert isinstance(compress(distinct(*DATA_SETS["small counts"])), Histograms)
    many = simulated(10_000, 10**6)
    assert isinstance(compress(distinct(*many)), Histograms)


def test_padded_pairs_are_the_pairs_and_no_groups() -> None:
    pairs = distinct(*DATA_SETS["large counts that repeat"])
    padded = padded_pairs(pairs, 64)
    np.testing.assert_array_equal(padded.counts.successes[:50], pairs.successes)
    np.testing.assert_array_equal(padded.counts.trials[:50], pairs.trials)
    np.testing.assert_array_equal(padded.groups, [3] * 50 + [0] * 14)


def test_a_quarter_of_an_octave_is_the_next_step_up() -> None:
    steps = [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128]
    for least in range(129):
        assert quarter_octave(least) == min(step for step in steps if step >= least)


def test_a_power_of_two_is_the_next_one_up() -> None:
    assert [power_of_two(least) for least in (0, 1, 8, 9, 4096, 4097)] == [8, 8, 8, 16, 4096, 8192]


def test_the_log_coefficient_agrees_with_log_factorials() -> None:
    n, y = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(60), np.arange(60)))
    y, n = y[y <= n], n[y <= n]
    want = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    close(log_coefficient(y, n), want, relative=1e-11, absolute=1e-12)


def test_the_log_coefficient_of_a_billion_agrees_with_fifty_digits() -> None:
    pairs = [(0, 10**9), (1, 10**9), (300_020_000, 10**9), (10**9, 10**9), (4000, 10**4)]
    with mpmath.workdps(50):

        def log_factorial(m: int) -> mpmath.mpf:
            return mpmath.loggamma(m + 1)

        want = [float(log_factorial(n) - log_factorial(y) - log_factorial(n - y)) for y, n in pairs]
    y, n = np.asarray(pairs, float).T
    # Where all or none succeed, a billion times the log of nearly 1 is left over.
    close(log_coefficient(y, n), want, relative=1e-13, absolute=1e-9)


@pytest.mark.parametrize("name", TABLES)
def test_the_constants_of_a_tally_are_those_of_its_groups(name: str) -> None:
    y, n = (np.asarray(column, float) for column in TABLES[name])
    found = tally(distinct(*TABLES[name]))
    rate = (y + 0.5) / (n + 1)
    close(found.reference, np.sum(binom.logpmf(y, n, rate)), relative=1e-12)
    want = np.sum(gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1))
    close(found.log_coefficients, want, relative=1e-12)


@pytest.mark.parametrize("size", [0, 1, 200])
def test_distinct_rows_are_those_of_numpy(size: int) -> None:
    columns = np.random.default_rng(size).integers(0, 4, (3, size))
    first, kind = distinct_rows(*columns)
    _, want_first, want_kind = np.unique(columns, axis=1, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(first, want_first)
    np.testing.assert_array_equal(kind, want_kind.ravel())
