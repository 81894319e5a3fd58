"""Exact answers on tables of every kind, held against an oracle that shares nothing with them.

A sample of benchmarks/exact_everywhere.py, with the tables that once gave NaN or a wrong peak.
"""

import exact_everywhere
import jax
import numpy as np
import pytest
import slow_oracle

import hierpool as hp
from hierpool.exact import explore

BILLION = 10**9


def broad() -> exact_everywhere.Table:
    """Returns 20,000 groups that differ much: kappa is near 2."""
    rng = np.random.default_rng(0)
    n = rng.integers(1, 631, 20000)
    return rng.binomial(n, rng.beta(0.8, 1.2, 20000)), n, {}


def counts(y: list[int], n: list[int], **hyperpriors: float) -> exact_everywhere.Table:
    """Returns a table."""
    return np.array(y), np.array(n), hyperpriors


NAMED = {
    "three arms": counts([1100, 900, 1300], [10**6] * 3),
    "340 of 1e6": counts([340], [10**6]),
    "1 of 1e9": counts([1], [BILLION]),
    "kappa_log_rate 1e6": counts([3, 2, 1], [10, 20, 1], kappa_log_rate=1e6),
    "a far tail beside the peak": counts(
        [963938, 4413942, 2434775, 376391, 8073491, 3799104, 512098, 1948595],
        [970617, 4442629, 2451437, 379019, 8131649, 3822255, 515401, 1961839],
    ),
    "0 of few under a prior of phi near 0": counts(
        [0, 0, 0], [1, 3, 6], phi_alpha=0.1, phi_beta=10.0
    ),
    "phi_alpha 1e8": counts([3, 2, 1], [10, 20, 1], phi_alpha=1e8),
}
SAMPLE = [
    "1 to 10 of 1 to 1e9",
    "1 to 10 of 1 to 100",
    "4, nearly equal, low",
    "6 groups of 1e5 to 1e6, low",
    "100",
    "any hyperprior, 1 to 10",
]


def assert_right(table: exact_everywhere.Table) -> None:
    """Fails unless a table's numbers are those of the oracle, and said to be converged."""
    y, n, hyperpriors = table
    found = exact_everywhere.estimated([table]).iloc[0]
    assert not found["warned"]
    differences = exact_everywhere.differences(found, slow_oracle.exact(y, n, **hyperpriors))
    # The tolerance that `converged` stands for.
    assert all(value < 1e-6 for value in differences.values()), differences


@pytest.mark.parametrize("name", NAMED)
def test_a_table_that_once_failed_is_right(name: str) -> None:
    assert_right(NAMED[name])


@pytest.mark.parametrize("name", SAMPLE)
def test_a_random_table_is_right(name: str) -> None:
    (table,) = exact_everywhere.tables(name, 1)
    assert_right(table)


def test_many_groups_that_differ_much_are_right() -> None:
    assert_right(broad())


@pytest.mark.parametrize("num_nodes", [24, 32, 40, 64, 128, 256])
def test_one_of_a_billion_is_right_at_any_number_of_nodes(num_nodes: int) -> None:
    truth = slow_oracle.exact([1], [BILLION])
    model, quadrature = hp.CollapsedPartialPooling(), hp.Quadrature(num_nodes=num_nodes)
    with jax.enable_x64(True):
        data = hp.Counts(np.array([1]), np.array([BILLION]))
        grid = jax.jit(lambda data: explore(model, data, quadrature))(data)
        phi = jax.nn.sigmoid(grid.positions["logit_phi"])
        mean = float((grid.weight * phi).sum())
        sd = float((grid.weight * (phi - mean) ** 2).sum() ** 0.5)
    assert grid.converged == (num_nodes >= 40)
    allowed = 1e-6 if grid.converged else float(grid.error)
    assert abs(mean - truth.phi_mean) < allowed * truth.phi_sd
    assert abs(sd / truth.phi_sd - 1) < allowed
