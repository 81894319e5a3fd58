"""A posterior of two numbers as weighted points, with draws and quantiles computed from them."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike

from hierpool.arrays import log, namespace, repeat
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


def draw(uniform: jax.Array, grid: Grid) -> Position:
    """Returns independent draws of points from a grid, each leaf (draw,).

    The distribution function of the first number is inverted, then that of the second number in
    the four nearest rows, between which it is interpolated. All draws are NaN if the grid did not
    converge.

    Args:
        uniform: (2, draw) uniform random numbers.
        grid: what ``Quadrature.integrate`` returned.
    """
    xp, (num_rows, num_columns) = namespace(grid.weight), grid.weight.shape
    row_table, tables = _tables(grid)
    place = _invert(row_table[None], uniform[0])
    # Quantiles of smooth conditionals are smooth across rows: a cubic through four of them.
    nearest = xp.clip(xp.floor(place).astype(int) - 1, 0, num_rows - 4)
    rows = nearest[:, None] + xp.arange(4)
    scales = jax.tree.map(lambda leaf: leaf[rows], grid.column_scales)
    inside = _invert(tables, uniform[1][:, None], rows)
    quantiles = scales.at(_to_t(inside, num_columns))
    second = (_cubic(place - nearest) * quantiles).sum(axis=-1)
    draws = grid.row_scale.at(_to_t(place, num_rows)), second
    structure: Any = jax.tree.structure(grid.points)
    return structure.unflatten([xp.where(grid.converged, leaf, np.nan) for leaf in draws])


def row_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the first number, in the coordinates of the chart."""
    row_table, _ = _tables(grid)
    places = _invert(row_table[None], levels)
    return grid.row_scale.at(_to_t(places, grid.weight.shape[0]))


def column_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the second number, in the chart's coordinates."""
    columns = jax.tree.leaves(grid.points)[1]
    num_rows, size = columns.shape
    _, tables = _tables(grid)
    mass = grid.weight.sum(axis=1)
    xp = namespace(mass)

    def below(x: jax.Array) -> jax.Array:
        t = grid.column_scales.inverse(x[:, None])
        return _distribution(tables, 0.5 * (t + 1) * (size - 1), xp.arange(num_rows)) @ mass

    tiny = jnp.finfo(mass.dtype).eps

    def log_odds(chance: Any) -> jax.Array:
        chance = xp.clip(chance, tiny, 1 - tiny)
        return xp.log(chance) - xp.log1p(-chance)

    # The secant method between two points that bracket the quantile, on the log-odds scale, on
    # which the distribution function is nearly straight. The excess at the end that stays is
    # halved (the Illinois rule), so that the other end moves too.
    def secant(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        low, high, excess_low, excess_high = state
        share = excess_low / (excess_low - excess_high)
        at = low + (high - low) * xp.where(xp.isfinite(share), share, 0.5)
        excess = log_odds(below(at)) - log_odds(levels)
        is_below = excess < 0
        return (
            xp.where(is_below, at, low),
            xp.where(is_below, high, at),
            xp.where(is_below, excess, 0.5 * excess_low),
            xp.where(is_below, 0.5 * excess_high, excess),
        )

    none = xp.zeros_like(levels + columns[0, 0] + mass[0])
    ends = none + columns.min(), none + columns.max()
    excesses = [none + log_odds(end) - log_odds(levels) for end in (0.0, 1.0)]
    low, high, excess_low, excess_high = repeat(16, secant, (*ends, *excesses))
    return xp.where(-excess_low < excess_high, low, high)


@lru_cache(maxsize=8)
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
    """Returns (..., 2, point) the density and the distribution function of (..., node) values.

    There are ``REFINE`` points per node.
    """
    xp = namespace(log_density)
    refinement = _refinement(log_density.shape[-1]).T.astype(log_density.dtype)
    fine = xp.maximum(log_density, log_density.max(axis=-1, keepdims=True) - 60) @ refinement
    density = xp.exp(fine - fine.max(axis=-1, keepdims=True))
    # The trapezoid rule with the next term of the Euler-Maclaurin formula.
    slope = xp.asarray(xp.gradient(density, axis=-1))
    cells = 0.5 * (density[..., 1:] + density[..., :-1]) + (slope[..., :-1] - slope[..., 1:]) / 12
    below = xp.cumsum(xp.maximum(cells, 0), axis=-1)
    below = xp.concatenate([xp.zeros_like(below[..., :1]), below], axis=-1)
    return xp.stack([density, below], axis=-2) / below[..., None, -1:]


def _distribution(tables: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    """Returns the probabilities below points, measured in nodes, according to tables of rows."""
    xp, last = namespace(tables, place), tables.shape[2] - 1
    fine = xp.clip(place * REFINE, 0, last)
    cell = xp.clip(xp.floor(fine).astype(int), 0, last - 1)
    t = fine - cell
    # The cubic Hermite polynomial through values and slopes at both ends.
    left, right, below = tables[row, 0, cell], tables[row, 0, cell + 1], tables[row, 1, cell]
    rise = tables[row, 1, cell + 1] - below
    curve = left + right - 2 * rise
    return below + t * (rise + (1 - t) * ((left - rise) - t * curve))


def _invert(tables: jax.Array, level: jax.Array, row: ArrayLike = 0) -> jax.Array:
    """Returns the quantiles of probabilities according to one of the tables, in nodes."""
    xp, num_cells = namespace(tables, level), tables.shape[2] - 1

    def halve(bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) // 2
        is_below = tables[row, 1, middle] < level
        return xp.where(is_below, middle, low), xp.where(is_below, high, middle)

    # Only single entries are read: a copy of a whole row for each draw would fill the memory.
    zero = xp.zeros_like(level + tables[row, 0, 0], int)
    start = (zero, zero + num_cells)
    cell, _ = repeat(num_cells.bit_length(), halve, start)
    left, right = tables[row, 0, cell], tables[row, 0, cell + 1]
    below, above = tables[row, 1, cell], tables[row, 1, cell + 1]
    # The density is linear within a cell, so the quantile solves a quadratic equation. This form of
    # the root is free of cancellation.
    tiny = jnp.finfo(tables.dtype).tiny
    rise = xp.maximum(above - below, tiny)
    scale = rise / xp.maximum(0.5 * (left + right), tiny)
    left, right = left * scale, right * scale
    wanted = level - below
    root = xp.sqrt(xp.maximum(left * left + 2 * (right - left) * wanted, 0))
    t = 2 * wanted / xp.maximum(left + root, tiny)
    return (cell + xp.clip(t, 0, 1)) / REFINE


def _tables(grid: Grid) -> tuple[jax.Array, jax.Array]:
    """Returns the table of the rows, and the tables of the nodes within each row."""
    tiny = jnp.finfo(grid.weight.dtype).tiny
    weight = namespace(grid.weight).maximum(grid.weight, tiny)
    return _table(log(weight.sum(axis=1))), _table(log(weight))


def _to_t(place: jax.Array, size: int) -> jax.Array:
    """Returns t, from -1 to 1, of a point that is measured in nodes; there are ``size`` nodes."""
    return 2 * place / (size - 1) - 1


def _cubic(x: jax.Array) -> jax.Array:
    """Returns (..., 4) weights that evaluate at x the cubic through values at 0, 1, 2, 3."""
    a, b, c, d = x, x - 1, x - 2, x - 3
    weights = [-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6]
    return namespace(x).stack(weights, axis=-1)
