"""Intervals of theta from a part of the grid, against the mixture over the whole of a finer one."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from integrated import integrated
from scipy.special import betainc, expit
from tables import PLAYERS

import hierpool as hp
from hierpool.arrays import quietly
from hierpool.counts import Counts
from hierpool.exact import beta_mixture as mixture
from hierpool.exact.grid import Grid
from hierpool.exact.posterior import explore
from hierpool.exact.quadrature import Quadrature
from hierpool.likelihood.compress import compress, distinct
from hierpool.likelihood.histograms import Pairs

MODEL = hp.CollapsedPartialPooling()
LEVELS = np.array([0.001, 0.055, 0.5, 0.945, 0.999])
SIZE = 18
"""Groups of each table: what lacks is filled up with 0 of 0."""


def table(y: list[int], n: list[int]) -> Counts:
    return Counts(*(np.array(counts + [0] * (SIZE - len(counts))) for counts in (y, n)))


TABLES = {
    "the players": Counts(*map(np.asarray, PLAYERS)),
    "groups that differ much": table([1, 9, 30, 2, 55, 0, 17, 80], [10, 10, 40, 40, 60, 8, 19, 90]),
    "groups that are alike": table([5, 6, 4, 5, 7, 5], [20, 21, 19, 20, 22, 18]),
    "two groups": table([0, 3], [4, 4]),
    "one group": table([1], [3]),
    # The lower ends are far beyond the points at which the density is computed.
    "ten of none": table([0] * 10, [20] * 10),
}


@pytest.fixture(scope="module", params=TABLES)
def counts(request: pytest.FixtureRequest) -> Counts:
    return TABLES[request.param]


@partial(jax.jit, static_argnames="quadrature")
def compiled_grid_of(counts: Counts | Pairs, quadrature: Quadrature) -> Grid:
    return explore(MODEL, counts, quadrature)


@quietly
def quantiles(grid: Grid, counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Returns (group, level) quantiles, and (group,) their error."""
    return mixture.quantiles(mixture.mixture_of(MODEL, grid), counts, LEVELS)


def grid_of(counts: Counts | Pairs, quadrature: Quadrature) -> Grid:
    return integrated(MODEL, counts, quadrature)


def below(grid: Grid, y: int, n: int, theta: np.ndarray) -> np.ndarray:
    """Returns (level,) the probability of theta below a value, by every node of a grid."""
    phi = expit(np.asarray(grid.positions["logit_phi"]))[..., None]
    first = jax.tree.map(lambda leaf: leaf[..., None], grid.positions)
    kappa = np.exp(np.asarray(MODEL.log_kappa(first)))
    parts = betainc(phi * kappa + y, (1 - phi) * kappa + n - y, theta)
    return np.tensordot(np.asarray(grid.weight), parts, 2)


def test_every_end_holds_its_probability(counts: Counts, double: None) -> None:
    found, errors = quantiles(grid_of(counts, Quadrature()), counts)
    finer = grid_of(counts, Quadrature(num_nodes=96))
    for y, n, ends, error in zip(*map(np.asarray, (*counts, found, errors)), strict=True):
        gaps = np.abs(below(finer, y, n, ends) - np.asarray(LEVELS))
        # Far in the tails of a new group theta rounds to 1.
        gap = gaps[1:-1].max() if n == 0 else gaps.max()
        assert gap < max(5e-5, error), (y, n, gap, error)


def test_what_is_left_out_counts_as_an_error(counts: Counts, double: None) -> None:
    grid = grid_of(counts, Quadrature())
    rows, parts = mixture.components_of(MODEL, grid)
    for weight in (parts.node_weight, parts.bump_weight):
        left_out = 1 - float(rows.weight @ weight)
        assert 0 < left_out < 1e-5
    _, errors = quantiles(grid, counts)
    least = min(1 - float(rows.weight @ w) for w in (parts.node_weight, parts.bump_weight))
    assert np.all(np.asarray(errors) >= grid.thinned_error + 0.99 * least)


def equal(num_groups: int) -> Pairs:
    """Returns groups of one rate and of many, uneven trials: a prior much wider than the data."""
    rng = np.random.default_rng(0)
    trials = np.append(5, rng.integers(5, 5000, num_groups - 1))
    data = compress(distinct(rng.binomial(trials, 0.3), trials))
    assert isinstance(data, Pairs)
    return data


def test_twice_the_nodes_make_the_ends_finer(double: None) -> None:
    data, few = equal(300), Counts(np.array([2, 150]), np.array([5, 500]))
    coarse, fine = (
        quantiles(grid_of(data, Quadrature(num_nodes=size)), few)[1] for size in (48, 96)
    )
    assert np.all(np.asarray(coarse) < 8e-5) and np.all(np.asarray(fine) < 1e-6)


@pytest.mark.parametrize("size", [0, 1, mixture.BATCH, mixture.BATCH + 1, 3 * mixture.BATCH - 1])
def test_groups_are_taken_in_blocks_of_one_size(size: int) -> None:
    y, n = np.arange(size), np.arange(size) ** 2
    heights = []

    def of_block(block: tuple[Any, Any]) -> tuple[Any, Any]:
        heights.append(len(block[0]))
        return block[0] + block[1], jnp.stack(block, axis=-1)

    total, both = mixture.over_groups(of_block, (jnp.asarray(y), jnp.asarray(n)))
    np.testing.assert_array_equal(total, y + n)
    np.testing.assert_array_equal(both, np.stack([y, n], axis=-1))
    # Traced once, for a block that is as small as the number of blocks allows.
    (height,) = heights
    assert height <= mixture.BATCH and height * -(-size // max(height, 1)) - size < 3


def test_the_memory_of_a_large_table_is_bounded(double: None) -> None:
    program = compiled_grid_of.lower(equal(4000), Quadrature(num_nodes=96)).compile()
    # All nodes at once took 3.9 GB.
    assert program.memory_analysis().temp_size_in_bytes < 300e6


@pytest.mark.parametrize(("rows", "points"), [(8, 48), (48, 48), (96, 96), (768, 768)])
def test_a_finer_grid_has_more_points_for_each_group(rows: int, points: int) -> None:
    def of_size(counts: Counts) -> mixture.Mixture:
        return mixture.mixture_of(MODEL, explore(MODEL, counts, Quadrature(num_nodes=rows)))

    assert jax.eval_shape(of_size, TABLES["one group"]).num_points == points
