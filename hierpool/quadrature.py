"""The exact posterior where a position is two numbers: nested trapezoid rules around the mass.

The first number runs along rows; every row has nodes of its own in the second, around the peak of
its conditional. For a function that is smooth on the whole line the trapezoid rule converges
geometrically, so the rule with every other node tells what error is left. Nothing here knows a
model.

Source: Trefethen and Weideman (2014), "The Exponentially Convergent Trapezoidal Rule".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Position = dict[str, jax.Array]
LogDensity = Callable[[Position], jax.Array]
PairDensity = Callable[[jax.Array, jax.Array], jax.Array]

DROP = 20.0
"""The nodes reach out to where the log density has dropped so far from its peak."""
NUM_STARTS = 8
EDGE = 1e-5
"""A grid that converged has no more of the mass than that on its edges."""
REFINE = 8
"""Points a node in the tables that draws and quantiles are read from."""


class Stretch(NamedTuple):
    """A smooth scale whose points are dense around a peak and sparse in its tails.

        x = low + (high - low) (sinh(tail t + skew) - a) / (b - a),   t from -1 to 1

    with a and b such that the ends are low and high.
    """

    low: jax.Array
    """() where t = -1."""
    high: jax.Array
    """() where t = 1."""
    tail: jax.Array
    """() how much sparser the tails are; near 0, equidistant."""
    skew: jax.Array
    """() where the dense part is; 0, the middle."""

    def at(self, t: jax.Array) -> jax.Array:
        """Returns x, the shape of ``t``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        share = (jnp.sinh(self.tail * t + self.skew) - a) / (b - a)
        return self.low + (self.high - self.low) * share

    def slope(self, t: jax.Array) -> jax.Array:
        """Returns dx/dt, the shape of ``t``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        rise = self.tail * jnp.cosh(self.tail * t + self.skew)
        return (self.high - self.low) * rise / (b - a)

    def curve(self, t: jax.Array) -> jax.Array:
        """Returns the second derivative of x, the shape of ``t``."""
        return self.slope(t) * self.tail * jnp.tanh(self.tail * t + self.skew)

    def inverse(self, x: jax.Array) -> jax.Array:
        """Returns t, the shape of ``x``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        share = (x - self.low) / (self.high - self.low)
        return (jnp.arcsinh(a + (b - a) * share) - self.skew) / self.tail


class Grid(NamedTuple):
    """A posterior of two numbers, as weighted points."""

    positions: Position
    """Each leaf (row, column)."""
    weight: jax.Array
    """(row, column) posterior probability; the sum is 1."""
    log_evidence: jax.Array
    """() log of the integral of the density."""
    error: jax.Array
    """() estimated error: of the log evidence, and of means and sds in units of the sd."""
    converged: jax.Array
    """() whether ``error`` is within tolerance and the nodes reach beyond the mass."""
    row_scale: Stretch
    """() scale along which the rows stand, equidistant in t."""
    column_scales: Stretch
    """(row,) scale of each row's nodes, equidistant in t."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Quadrature:
    """Exact integration over a position of two numbers, and independent draws from it."""

    num_chains: int = field(default=4, metadata={"static": True})
    """Chains that the draws are dealt into."""
    num_draws: int = field(default=1000, metadata={"static": True})
    """Draws of each chain. All are independent."""
    num_nodes: int = field(default=32, metadata={"static": True})
    """Rows, and nodes in each of them."""
    tolerance: float = field(default=1e-6, metadata={"static": True})
    """Largest estimated error of a grid that counts as converged."""

    def integrate(
        self, key: jax.Array, log_density: LogDensity, init: Callable[[jax.Array], Position]
    ) -> Grid:
        """Returns the posterior as weighted points.

        The log evidence may be differentiated with respect to what the density closes over, such
        as the parameters of a prior: the nodes are held where they are.

        Args:
            key: random key, for the starts of the search.
            log_density: log density of a position, a dict of two scalars.
            init: a start from a key.
        """
        starts = jax.vmap(init)(jax.random.split(key, NUM_STARTS))
        leaves, structure = jax.tree.flatten(starts)
        if len(leaves) != 2 or any(leaf.ndim != 1 for leaf in leaves):
            raise TypeError(
                "Quadrature explores a position of two numbers; this model's has "
                f"{sum(leaf.size for leaf in leaves) // NUM_STARTS}. Take NUTS, or a model with "
                "theta integrated out, such as CollapsedPartialPooling."
            )

        # Two scalars, and not one vector: what depends on the first alone is computed once a row.
        def pair_density(first: jax.Array, second: jax.Array) -> jax.Array:
            return log_density(structure.unflatten([first, second]))

        nodes = _place(pair_density, *leaves, self.num_nodes)
        across = jax.vmap(pair_density, (None, 0))
        values = jax.vmap(across)(nodes.rows, nodes.columns)
        log_mass = values + nodes.log_cell
        log_evidence = jax.nn.logsumexp(log_mass)
        weight = jnp.exp(log_mass - log_evidence)
        first = jnp.broadcast_to(nodes.rows[:, None], nodes.columns.shape)
        error = _error(first, nodes.columns, log_mass)
        edge = jnp.maximum(weight[0].sum() + weight[-1].sum(), (weight[:, 0] + weight[:, -1]).sum())
        return Grid(
            structure.unflatten([first, nodes.columns]),
            weight,
            log_evidence,
            error,
            (error < self.tolerance) & (edge < EDGE) & jnp.isfinite(log_evidence),
            nodes.row_scale,
            nodes.column_scales,
        )

    def run(
        self, key: jax.Array, log_density: LogDensity, init: Callable[[jax.Array], Position]
    ) -> tuple[Position, None]:
        """Returns independent draws, each leaf (chain, draw). NaN if the grid did not converge."""
        place_key, draw_key = jax.random.split(key)
        grid = self.integrate(place_key, log_density, init)
        return draw(draw_key, grid, (self.num_chains, self.num_draws)), None


def draw(key: jax.Array, grid: Grid, shape: tuple[int, ...]) -> Position:
    """Returns independent draws from a grid, each leaf of the given shape.

    The inverse of the distribution function: of the first number, then of the second in the rows
    on either side, between which it is interpolated. All NaN if the grid did not converge.

    Args:
        key: random key.
        grid: what ``Quadrature.integrate`` returned.
        shape: shape of the draws.
    """
    structure = jax.tree.structure(grid.positions)
    dtype, size = grid.weight.dtype, grid.weight.shape[0]
    uniform = jax.random.uniform(key, (2, int(np.prod(shape))), dtype)
    row_table, tables = _tables(grid)
    place = _invert(row_table, uniform[0])

    def one(place: jax.Array, level: jax.Array) -> tuple[jax.Array, jax.Array]:
        # Quantiles of smooth conditionals are smooth across rows: a cubic through four of them.
        nearest = jnp.clip(jnp.floor(place).astype(int) - 1, 0, size - 4)
        rows = nearest + jnp.arange(4)
        scales = jax.tree.map(lambda leaf: leaf[rows], grid.column_scales)
        inside = jax.vmap(_invert, (0, None))(tables[rows], level)
        quantiles = jax.vmap(Stretch.at)(scales, _to_t(inside, size))
        return grid.row_scale.at(_to_t(place, size)), _cubic(place - nearest) @ quantiles

    draws = jax.vmap(one)(place, uniform[1])
    draws = jax.tree.map(lambda leaf: jnp.where(grid.converged, leaf, jnp.nan), draws)
    return structure.unflatten([leaf.reshape(shape) for leaf in draws])


def row_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the number that runs along the rows."""
    row_table, _ = _tables(grid)
    return grid.row_scale.at(_to_t(_invert(row_table, levels), grid.weight.shape[0]))


def column_quantiles(grid: Grid, levels: jax.Array) -> jax.Array:
    """Returns (level,) posterior quantiles of the number that runs within the rows."""
    columns = jax.tree.leaves(grid.positions)[1]
    size = columns.shape[0]
    _, tables = _tables(grid)
    mass = grid.weight.sum(axis=1)

    def below(x: jax.Array) -> jax.Array:
        t = jax.vmap(Stretch.inverse, (0, None))(grid.column_scales, x)
        return mass @ jax.vmap(_distribution)(tables, 0.5 * (t + 1) * (size - 1))

    def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        lower, upper = bounds
        middle = 0.5 * (lower + upper)
        is_below = jax.vmap(below)(middle) < levels
        return jnp.where(is_below, middle, lower), jnp.where(is_below, upper, middle)

    start = jnp.full(levels.shape, columns.min()), jnp.full(levels.shape, columns.max())
    lower, upper = jax.lax.fori_loop(0, 40, halve, start)
    return 0.5 * (lower + upper)


class _Nodes(NamedTuple):
    rows: jax.Array
    columns: jax.Array
    log_cell: jax.Array
    row_scale: Stretch
    column_scales: Stretch


def _place(density: PairDensity, first: jax.Array, second: jax.Array, size: int) -> _Nodes:
    """Returns nodes around the mass, from starts (start,) each."""
    # The nodes are held fixed under differentiation: the rule is exact wherever they stand.
    held, constants = jax.closure_convert(density, first[0], second[0])
    constants = [jax.lax.stop_gradient(constant) for constant in constants]
    first, second = jax.lax.stop_gradient((first, second))

    def density(u: jax.Array, v: jax.Array) -> jax.Array:
        return held(u, v, *constants)

    u, v, width = _row_peak(density, *_peak(density, first, second))
    top, v, _ = _profile(density, u, v)
    left, right = jax.vmap(lambda side: _row_end(density, u, v, width, top, side))(
        jnp.array([-1.0, 1.0], u.dtype)
    )
    row_scale = stretch(u, width, left, right)
    t = jnp.linspace(-1, 1, size, dtype=u.dtype)
    rows = row_scale.at(t)
    column_scales = jax.vmap(partial(_extent, density, v))(rows)
    columns = jax.vmap(Stretch.at, (0, None))(column_scales, t)
    slopes = jax.vmap(Stretch.slope, (0, None))(column_scales, t)
    log_cell = jnp.log(row_scale.slope(t))[:, None] + jnp.log(slopes) + 2 * jnp.log(t[1] - t[0])
    return _Nodes(rows, columns, log_cell, row_scale, column_scales)


def stretch(peak: jax.Array, width: jax.Array, left: jax.Array, right: jax.Array) -> Stretch:
    """Returns the scale for a peak of which the sd and the extents on either side are known.

    For a normal peak it is equidistant; the further the extents go beyond the normal ones, and the
    more they differ, the more it is stretched, so that along t the peak looks normal again.
    """
    normal = width * np.sqrt(2 * DROP)
    ratio = jnp.maximum(0.5 * (left + right) / normal, 1 + 1e-6)
    # sinh(tail) / tail = ratio: convex, so Newton's steps from above stay above.
    start = jnp.minimum(jnp.sqrt(6 * (ratio - 1)), 2 * jnp.log(2 * ratio) + 1)

    def newton(_: int, x: jax.Array) -> jax.Array:
        return x - (jnp.sinh(x) - ratio * x) / (jnp.cosh(x) - ratio)

    tail = jnp.maximum(jax.lax.fori_loop(0, 20, newton, start), 1e-2)
    lean = 0.5 * (right - left) / normal * tail / (jnp.cosh(tail) - 1)
    skew = jnp.arctanh(jnp.clip(lean, -0.95, 0.95))
    return Stretch(peak - left, peak + right, tail, skew)


def _slopes(density: PairDensity, u: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
    """Returns the log density, its gradient, and its second derivatives."""

    def gradient(u: jax.Array, v: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        value, slopes = jax.value_and_grad(density, (0, 1))(u, v)
        return slopes, value

    one = jnp.ones_like(u)
    (du, dv), (duu, duv), value = jax.jvp(lambda u: gradient(u, v), (u,), (one,), has_aux=True)
    _, (_, dvv), _ = jax.jvp(lambda v: gradient(u, v), (v,), (one,), has_aux=True)
    return value, du, dv, duu, duv, dvv


def _peak(
    density: PairDensity, first: jax.Array, second: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the highest point (u, v), and the sd of u there."""
    values = jax.vmap(density)(first, second)
    best = jnp.nanargmax(jnp.where(jnp.isfinite(values), values, jnp.nan))
    fractions = jnp.asarray(4.0 ** -np.arange(6), first.dtype)

    def climb(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        u, v, _, _, count = state
        value, du, dv, duu, duv, dvv = _slopes(density, u, v)
        # Newton's step by blocks, with curvatures kept positive and long steps cut.
        curve_v = jnp.maximum(-dvv, 0.2 * jnp.abs(dv) + 1e-3)
        tilt = duv / curve_v
        slope_u = du + tilt * dv
        curve_u = jnp.maximum(-(duu + tilt * duv), jnp.abs(slope_u) + 1e-3)
        step_u = slope_u / curve_u
        step_v = dv / curve_v + tilt * step_u
        tried = jax.vmap(density)(u + fractions * step_u, v + fractions * step_v)
        chosen = jnp.argmax(jnp.where(jnp.isfinite(tried), tried, -jnp.inf))
        fraction = jnp.where(tried[chosen] > value, fractions[chosen], 0)
        gain = 0.5 * (step_u * slope_u + dv * dv / curve_v)
        stop = (gain < 1e-2) | (fraction == 0)
        following = u + fraction * step_u, v + fraction * step_v
        return *following, 1 / jnp.sqrt(curve_u), stop, count + 1

    start = (first[best], second[best], jnp.ones_like(first[0]), jnp.array(False), jnp.array(0))
    u, v, width, _, _ = jax.lax.while_loop(lambda state: ~state[3] & (state[4] < 60), climb, start)
    return u, v, width


def _row_peak(
    density: PairDensity, u: jax.Array, v: jax.Array, width: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the row with the most mass, where it is highest, and the sd of u there.

    The highest point may stand on a narrow ridge with little mass: rows are judged by both.
    """

    def climb(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        u, v, reach, _, _, count = state
        here = u + reach * jnp.array([-1.0, 0.0, 1.0], u.dtype)
        mass, peaks, _ = jax.vmap(partial(_profile, density), (0, None))(here, v)
        # The parabola through three rows.
        slope = (mass[2] - mass[0]) / (2 * reach)
        curve = (2 * mass[1] - mass[0] - mass[2]) / (reach * reach)
        is_known = jnp.isfinite(slope + curve)
        is_peaked = curve > 1e-3 / (reach * reach)
        sd = 1 / jnp.sqrt(jnp.where(is_known & is_peaked, curve, 1 / (16 * reach * reach)))
        step = jnp.where(is_peaked, slope * sd * sd, jnp.sign(slope) * 4 * reach)
        step = jnp.where(is_known, jnp.clip(step, -4 * reach, 4 * reach), 0)
        following = jnp.where(is_known, jnp.clip(0.5 * sd, 0.25 * reach, 4 * reach), 0.25 * reach)
        stop = is_known & is_peaked & (jnp.abs(step) < 0.3 * sd) & (sd < 8 * reach)
        v = jnp.where(jnp.isfinite(peaks[1]), peaks[1], v)
        return u + step, v, following, sd, stop, count + 1

    start = (u, v, 0.5 * width, width, jnp.array(False), jnp.array(0))
    u, v, _, width, _, _ = jax.lax.while_loop(
        lambda state: ~state[4] & (state[5] < 40), climb, start
    )
    return u, v, width


def _conditional_peak(
    density: PairDensity, u: jax.Array, v: jax.Array, steps: int
) -> tuple[jax.Array, jax.Array]:
    """Returns where a row is highest, and the sd of the second number there."""

    def climb(_: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        v, _ = state
        slope, curve = _second(density, u, v)
        curve = jnp.maximum(-curve, 0.25 * jnp.abs(slope) + 1e-6)
        return v + slope / curve, 1 / jnp.sqrt(curve)

    return jax.lax.fori_loop(0, steps, climb, (v, jnp.ones_like(v)))


def _second(density: PairDensity, u: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the first and second derivative of a row."""
    one = jnp.ones_like(v)
    slope = lambda v: jax.jvp(lambda v: density(u, v), (v,), (one,))[1]  # noqa: E731
    return jax.jvp(slope, (v,), (one,))


def _profile(
    density: PairDensity, u: jax.Array, v: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the log mass of a row by Laplace's rule, and its peak and width."""
    peak, width = _conditional_peak(density, u, v, 4)
    return density(u, peak) + jnp.log(width), peak, width


def _row_end(
    density: PairDensity,
    u: jax.Array,
    v: jax.Array,
    width: jax.Array,
    top: jax.Array,
    side: jax.Array,
) -> jax.Array:
    """Returns how far from the peak, on one side, the rows have lost their mass."""

    def move(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        distance, peak, inner, outer = state
        here = u + side * distance
        mass, peak, _ = _profile(density, here, peak)
        drop = top - mass
        slope = -side * jax.grad(density)(here, peak)
        inner = jnp.where(drop < DROP, distance, inner)
        outer = jnp.where(drop > DROP, jnp.minimum(distance, outer), outer)
        proposed = _towards(distance, drop, slope)
        # Between the bounds known so far; a NaN counts as too far.
        is_wild = ~(proposed > inner) | ~(proposed < outer)
        bisected = jnp.where(jnp.isfinite(outer), 0.5 * (inner + outer), 2 * inner)
        following = jnp.where(is_wild, bisected, proposed)
        return following, jnp.where(jnp.isfinite(peak), peak, v), inner, outer

    start = width * np.sqrt(2 * DROP)
    state = (start, v, jnp.zeros_like(u), jnp.full_like(u, jnp.inf))
    distance, _, _, outer = jax.lax.fori_loop(0, 12, move, state)
    return jnp.where(jnp.isfinite(outer), outer, distance)


def _towards(distance: jax.Array, drop: jax.Array, slope: jax.Array) -> jax.Array:
    """Returns a distance whose drop should be ``DROP``, or a little more.

    Newton's step on the square root of the drop, which is straight where the density is normal.
    """
    root = jnp.sqrt(jnp.maximum(drop, 1e-3))
    target = np.sqrt(1.05 * DROP)
    step = (target - root) * 2 * root / jnp.maximum(slope, 1e-12)
    return jnp.clip(distance + step, 0.25 * distance, 4 * distance)


def _extent(
    density: PairDensity, v: jax.Array, row: jax.Array
) -> Stretch:
    """Returns the scale of a row, around its peak."""
    peak, width = _conditional_peak(density, row, v, 12)
    top = density(row, peak)

    def reach(side: float) -> jax.Array:
        def move(_: int, distance: jax.Array) -> jax.Array:
            here = peak + side * distance
            value, slope = jax.jvp(lambda v: density(row, v), (here,), (jnp.ones_like(here),))
            return _towards(distance, top - value, -side * slope)

        return jax.lax.fori_loop(0, 7, move, width * np.sqrt(2 * DROP))

    return stretch(peak, width, reach(-1.0), reach(1.0))


def _error(first: jax.Array, second: jax.Array, log_mass: jax.Array) -> jax.Array:
    """Returns what is left of the error, from the rules with every other row or node."""
    shift = log_mass.max()
    centre, scale = _moments(first, second, jnp.exp(log_mass - shift))

    def compare(rows: slice, columns: slice) -> jax.Array:
        mass = 2 * jnp.exp(log_mass[rows, columns] - shift)
        all_mass = jnp.exp(log_mass - shift).sum()
        means, sds = _moments(first[rows, columns], second[rows, columns], mass)
        gaps = jnp.stack(
            [
                jnp.log(mass.sum() / all_mass),
                *((means - centre) / scale),
                *(sds / scale - 1),
            ]
        )
        return jnp.max(jnp.abs(gaps))

    every, other = slice(None), slice(None, None, 2)
    half = jnp.maximum(compare(other, every), compare(every, other))
    # Geometric convergence: twice the nodes, the square of the error.
    return half * half


def _moments(first: jax.Array, second: jax.Array, mass: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns means (2,) and sds (2,) of the two numbers."""
    mass = mass / mass.sum()
    values = jnp.stack([first, second])
    means = jnp.sum(mass * values, axis=(1, 2))
    sds = jnp.sqrt(jnp.sum(mass * (values - means[:, None, None]) ** 2, axis=(1, 2)))
    return means, sds


def _refinement(size: int) -> np.ndarray:
    """Returns the matrix from values at nodes to values at ``REFINE`` points a node, by sextics."""
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
    """Returns (2, point) the density and distribution function between equidistant nodes."""
    fine = jnp.asarray(_refinement(log_density.shape[0]), log_density.dtype) @ jnp.maximum(
        log_density, log_density.max() - 60
    )
    density = jnp.exp(fine - fine.max())
    # The trapezoid rule with the next term of Euler and Maclaurin's formula.
    slope = jnp.gradient(density)
    cells = 0.5 * (density[1:] + density[:-1]) + (slope[:-1] - slope[1:]) / 12
    cells = jnp.maximum(cells, 0)
    below = jnp.concatenate([jnp.zeros(1, fine.dtype), jnp.cumsum(cells)])
    return jnp.stack([density, below]) / below[-1]


def _distribution(table: jax.Array, place: jax.Array) -> jax.Array:
    """Returns () the probability below a place, counted in nodes."""
    density, below = table
    fine = jnp.clip(place * REFINE, 0, density.shape[0] - 1)
    cell = jnp.clip(jnp.floor(fine).astype(int), 0, density.shape[0] - 2)
    t = fine - cell
    # Hermite's cubic: values and slopes at both ends.
    rise = below[cell + 1] - below[cell]
    curve = density[cell] + density[cell + 1] - 2 * rise
    return below[cell] + t * (rise + (1 - t) * ((density[cell] - rise) - t * curve))


def _invert(table: jax.Array, level: jax.Array) -> jax.Array:
    """Returns the place, counted in nodes, below which a probability lies; shape of ``level``."""
    density, below = table
    cell = jnp.clip(jnp.searchsorted(below, level) - 1, 0, density.shape[0] - 2)
    # The density is linear within a cell: solve the quadratic, without cancellation.
    left, right = density[cell], density[cell + 1]
    rise = jnp.maximum(below[cell + 1] - below[cell], jnp.finfo(density.dtype).tiny)
    scale = rise / jnp.maximum(0.5 * (left + right), jnp.finfo(density.dtype).tiny)
    left, right = left * scale, right * scale
    wanted = level - below[cell]
    root = jnp.sqrt(jnp.maximum(left * left + 2 * (right - left) * wanted, 0))
    t = 2 * wanted / jnp.maximum(left + root, jnp.finfo(density.dtype).tiny)
    return (cell + jnp.clip(t, 0, 1)) / REFINE


def _tables(grid: Grid) -> tuple[jax.Array, jax.Array]:
    """Returns the tables of the rows, and of the nodes within each row."""
    weight = jnp.maximum(grid.weight, jnp.finfo(grid.weight.dtype).tiny)
    return _table(jnp.log(weight.sum(axis=1))), jax.vmap(_table)(jnp.log(weight))


def _to_t(place: jax.Array, size: int) -> jax.Array:
    """Returns t of a place counted in nodes, of which there are ``size``."""
    return 2 * place / (size - 1) - 1


def _cubic(x: jax.Array) -> jax.Array:
    """Returns (4,) weights of the cubic through 0, 1, 2, 3 at x."""
    a, b, c, d = x, x - 1, x - 2, x - 3
    return jnp.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6])
