"""A posterior of two numbers as weighted points, with draws and quantiles computed from them."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike

from hierpool.exact.stretch import Level, Stretch
from hierpool.models.protocol import Position

REFINE = 8
"""Points per node in the tables from which draws and quantiles are computed."""


class Grid(NamedTuple):
    """A posterior of two numbers, as weighted points."""

    points: Position
    """Each leaf (row, column), in the coordinates of the chart."""
    positions: Position
    """Each leaf (row, column), in the coordinates of the model."""
    weight: jax.Array
    """(row, column) posterior probability; the sum is 1."""
    log_evidence: jax.Array
    """() logarithm of the integral of the density."""
    error: jax.Array
    """() estimated error: of the log evidence, and of means and sds in units of the sd."""
    thinned_error: jax.Array
    """() the same error for the grid of every other row and node."""
    converged: jax.Array
    """() whether ``error`` is within tolerance, and the nodes cover the mass."""
    row_scale: Level
    """() scale of the rows, which are equidistant in t."""
    column_scales: Stretch
    """(row,) scale of the nodes in each row, which are equidistant in t."""


# So that a program exported by ``jax.export`` can be written to a file.
for kind in (Grid, Level, Stretch):
    register_namedtuple_serialization(kind, serialized_name=f"hierpool.{kind.__name__}")


def draw(key: jax.Array, grid: Grid, shape: tuple[int, ...]) -> Position:
    """Returns independent draws of points from a grid, each leaf of the given shape.

    The distribution function of the first number is inverted, then that of the second number in
    the four nearest rows, between which it is interpolated. All draws are NaN if the grid did not
    converge.

    Args:
        key: random key.
        grid: what ``Quadrature.integrate`` returned.
        shape: shape of the draws.
    """
    structure: Any = jax.tree.structure(grid.points)
    dtype, (num_rows, num_columns) = grid.weight.dtype, grid.weight.shape
    uniform = jax.random.uniform(key, (2, int(np.prod(shape))), dtype)
    row_table, tables = _tables(grid)
    place = jax.vmap(partial(_invert, row_table[None]))(uniform[0])

    def one(place: jax.Array, level: jax.Array) -> tuple[jax.Array, jax.Array]:
        # Quantiles of smooth conditionals are smooth across rows: a cubic through four of them.
        nearest = jnp.clip(jnp.floor(place).astype(int) - 1, 0, num_rows - 4)
        rows = nearest + jnp.arange(4)
        scales = jax.tree.map(lambda leaf: leaf[rows], grid.column_scales)
        inside = jax.vmap(lambda row: _invert(tables, level, row))(rows)
        quantiles = jax.vmap(Stretch.at)(scales, _to_t(inside, num_columns))
        return grid.row_scale.at(_to_t(place, num_rows)), _cubic(place - nearest) @ quantiles

    draws = jax.vmap(one)(place, uniform[1])
    draws = jax.tree.map(lambda leaf: jnp.where(grid.converged, leaf, jnp.nan), draws)
    return structure.unflatten([leaf.reshape(shape) for leaf in draws])


def row_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the first number, in the coordinates of the chart."""
    row_table, _ = _tables(grid)
    places = jax.vmap(partial(_invert, row_table[None]))(levels)
    return grid.row_scale.at(_to_t(places, grid.weight.shape[0]))


def column_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the second number, in the chart's coordinates."""
    columns = jax.tree.leaves(grid.points)[1]
    size = columns.shape[1]
    _, tables = _tables(grid)
    mass = grid.weight.sum(axis=1)

    def below(x: jax.Array) -> jax.Array:
        t = jax.vmap(Stretch.inverse, (0, None))(grid.column_scales, x)
        return mass @ jax.vmap(_distribution)(tables, 0.5 * (t + 1) * (size - 1))

    tiny = jnp.finfo(mass.dtype).eps

    def log_odds(chance: ArrayLike) -> jax.Array:
        chance = jnp.clip(chance, tiny, 1 - tiny)
        return jnp.log(chance) - jnp.log1p(-chance)

    # The secant method between two points that bracket the quantile, on the log-odds scale, on
    # which the distribution function is nearly straight. The excess at the end that stays is
    # halved (the Illinois rule), so that the other end moves too.
    def secant(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        low, high, excess_low, excess_high = state
        share = excess_low / (excess_low - excess_high)
        at = low + (high - low) * jnp.where(jnp.isfinite(share), share, 0.5)
        excess = log_odds(jax.vmap(below)(at)) - log_odds(levels)
        is_below = excess < 0
        return (
            jnp.where(is_below, at, low),
            jnp.where(is_below, high, at),
            jnp.where(is_below, excess, 0.5 * excess_low),
            jnp.where(is_below, 0.5 * excess_high, excess),
        )

    none = jnp.zeros_like(levels + columns[0, 0] + mass[0])
    ends = none + columns.min(), none + columns.max()
    excesses = [none + log_odds(end) - log_odds(levels) for end in (0.0, 1.0)]
    low, high, excess_low, excess_high = jax.lax.fori_loop(0, 16, secant, (*ends, *excesses))
    return jnp.where(-excess_low < excess_high, low, high)


def _refinement(size: int) -> np.ndarray:
    """Returns the matrix that interpolates from nodes to ``REFINE`` points a node, by quintics."""
    fine = np.arange((size - 1) * REFINE + 1) / REFINE
    width = min(6, size)
    matrix = np.zeros((len(fine), size))
    for i, x in enumerate(fine):
        first = int(np.clip(np.floor(x) - width // 2 + 1, 0, size - width))
        near = np.arange(first, first + width)
        for j in near:
            others = near[near != j]
            matrix[i, j] = np.prod((x - others) / (j - others))
    return matrix


def _table(log_density: jax.Array) -> jax.Array:
    """Returns (2, point) the density and the distribution function, ``REFINE`` points per node."""
    fine = jnp.asarray(_refinement(log_density.shape[0]), log_density.dtype) @ jnp.maximum(
        log_density, log_density.max() - 60
    )
    density = jnp.exp(fine - fine.max())
    # The trapezoid rule with the next term of the Euler-Maclaurin formula.
    slope = jnp.asarray(jnp.gradient(density))
    cells = 0.5 * (density[1:] + density[:-1]) + (slope[:-1] - slope[1:]) / 12
    cells = jnp.maximum(cells, 0)
    below = jnp.concatenate([jnp.zeros(1, fine.dtype), jnp.cumsum(cells)])
    return jnp.stack([density, below]) / below[-1]


def _distribution(table: jax.Array, place: jax.Array) -> jax.Array:
    """Returns () the probability below a point, which is measured in nodes."""
    density, below = table
    fine = jnp.clip(place * REFINE, 0, density.shape[0] - 1)
    cell = jnp.clip(jnp.floor(fine).astype(int), 0, density.shape[0] - 2)
    t = fine - cell
    # The cubic Hermite polynomial through values and slopes at both ends.
    rise = below[cell + 1] - below[cell]
    curve = density[cell] + density[cell + 1] - 2 * rise
    return below[cell] + t * (rise + (1 - t) * ((density[cell] - rise) - t * curve))


def _invert(tables: jax.Array, level: jax.Array, row: ArrayLike = 0) -> jax.Array:
    """Returns the quantile of a probability according to one of the tables, measured in nodes."""
    num_cells = tables.shape[2] - 1

    def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) // 2
        is_below = tables[row, 1, middle] < level
        return jnp.where(is_below, middle, low), jnp.where(is_below, high, middle)

    # Only single entries are read: a copy of a whole row for each draw would fill the memory.
    zero = jnp.zeros_like(level + tables[0, 0, 0], int)
    start = (zero, zero + num_cells)
    cell, _ = jax.lax.fori_loop(0, num_cells.bit_length(), halve, start)
    left, right = tables[row, 0, cell], tables[row, 0, cell + 1]
    below, above = tables[row, 1, cell], tables[row, 1, cell + 1]
    # The density is linear within a cell, so the quantile solves a quadratic equation. This form of
    # the root is free of cancellation.
    tiny = jnp.finfo(tables.dtype).tiny
    rise = jnp.maximum(above - below, tiny)
    scale = rise / jnp.maximum(0.5 * (left + right), tiny)
    left, right = left * scale, right * scale
    wanted = level - below
    root = jnp.sqrt(jnp.maximum(left * left + 2 * (right - left) * wanted, 0))
    t = 2 * wanted / jnp.maximum(left + root, tiny)
    return (cell + jnp.clip(t, 0, 1)) / REFINE


def _tables(grid: Grid) -> tuple[jax.Array, jax.Array]:
    """Returns the table of the rows, and the tables of the nodes within each row."""
    weight = jnp.maximum(grid.weight, jnp.finfo(grid.weight.dtype).tiny)
    return _table(jnp.log(weight.sum(axis=1))), jax.vmap(_table)(jnp.log(weight))


def _to_t(place: jax.Array, size: int) -> jax.Array:
    """Returns t, from -1 to 1, of a point that is measured in nodes; there are ``size`` nodes."""
    return 2 * place / (size - 1) - 1


def _cubic(x: jax.Array) -> jax.Array:
    """Returns (4,) weights that evaluate at x the cubic through values at 0, 1, 2, 3."""
    a, b, c, d = x, x - 1, x - 2, x - 3
    return jnp.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6])
