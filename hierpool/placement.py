"""Where the nodes of a quadrature over two numbers stand: around the mass, wherever that is.

The first number runs along rows, and each row has nodes of its own in the second. The search asks
for nothing but values of the log density: a parabola through three points, as far apart as half the
width found so far, tells where the peak is and how wide. So it works at the scale of the mass in
either precision, and compiles in a fraction of the time that second derivatives take.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

PairDensity = Callable[[jax.Array, jax.Array], jax.Array]

DROP = 20.0
"""The nodes reach out to where the log density has dropped so far from its peak."""
MOST_STEPS = 60


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
        return self.with_slope(t)[0]

    def with_slope(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns x and dx/dt, the shape of ``t``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        unit = (self.high - self.low) / (b - a)
        # Both by one exponential.
        growth = jnp.exp(self.tail * t + self.skew)
        up, down = 0.5 * growth, 0.5 / growth
        return self.low + unit * (up - down - a), unit * self.tail * (up + down)

    def inverse(self, x: jax.Array) -> jax.Array:
        """Returns t, the shape of ``x``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        share = (x - self.low) / (self.high - self.low)
        return (jnp.arcsinh(a + (b - a) * share) - self.skew) / self.tail


class Nodes(NamedTuple):
    """The nodes of a product of two trapezoid rules, of which the second differs by row."""

    rows: jax.Array
    """(row,) first number."""
    columns: jax.Array
    """(row, column) second number."""
    log_cell: jax.Array
    """(row, column) log of the area that a node stands for."""
    row_scale: Stretch
    """() scale along which the rows stand, equidistant in t."""
    column_scales: Stretch
    """(row,) scale of each row's nodes, equidistant in t."""


def place(
    density: PairDensity, first: jax.Array, second: jax.Array, num_rows: int, num_columns: int
) -> Nodes:
    """Returns nodes around the mass.

    Args:
        density: log density of two numbers.
        first: (start,) first numbers to start from.
        second: (start,) second numbers.
        num_rows: rows.
        num_columns: nodes in each of them.
    """
    # The nodes are held fixed under differentiation: the rule is exact wherever they stand.
    held, constants = jax.closure_convert(density, first[0], second[0])
    constants = [jax.lax.stop_gradient(constant) for constant in constants]
    first, second = jax.lax.stop_gradient((first, second))

    def along(u: jax.Array, v: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
        return held(u, v, *constants), ()

    def profile(u: jax.Array, row: Peak) -> tuple[jax.Array, Peak]:
        # The mass of a row by Laplace's rule: the highest point may stand on a narrow ridge with
        # little mass, so rows are judged by their width too.
        row = climb(partial(along, u), row.at, 0.5 * row.sd, ())
        return row.top + jnp.log(row.sd), row

    values = jax.vmap(lambda u, v: held(u, v, *constants))(first, second)
    best = jnp.argmax(jnp.where(jnp.isfinite(values), values, -jnp.inf))
    spread = [jnp.maximum(jnp.std(starts), 1e-3) for starts in (first, second)]
    row = Peak(second[best], spread[1], values[best], ())
    peak = climb(profile, first[best], 0.25 * spread[0], row)
    row_scale = extent(profile, peak)

    def row_extent(u: jax.Array) -> jax.Array:
        row = climb(partial(along, u), peak.aux.at, 0.5 * peak.aux.sd, ())
        left, right = reaches(partial(along, u), row)
        return jnp.stack([row.at, jnp.log(row.sd), jnp.log(left), jnp.log(right)])

    row_t, t = (jnp.linspace(-1, 1, size, dtype=first.dtype) for size in (num_rows, num_columns))
    rows, row_slopes = row_scale.with_slope(row_t)
    # Rows differ smoothly: every third is looked at, and the others interpolated. By no product of
    # matrices: its call would slow the loop over data sets by a half.
    some_t = jnp.linspace(-1, 1, num_rows // 3 + 1, dtype=first.dtype)
    seen = jax.vmap(row_extent, out_axes=1)(row_scale.at(some_t))
    at, *logs = jax.vmap(jnp.interp, (None, None, 0))(row_t, some_t, seen)
    column_scales = jax.vmap(stretch)(at, *map(jnp.exp, logs))
    columns, slopes = jax.vmap(Stretch.with_slope, (0, None))(column_scales, t)
    log_cell = jnp.log(row_slopes * (row_t[1] - row_t[0]))[:, None]
    log_cell = log_cell + jnp.log(slopes * (t[1] - t[0]))
    return Nodes(rows, columns, log_cell, row_scale, column_scales)


class Peak(NamedTuple):
    """Where a function of one number is highest, as the parabola there tells."""

    at: jax.Array
    """() the place."""
    sd: jax.Array
    """() 1 / sqrt of the curvature: if the function is a log density, its sd."""
    top: jax.Array
    """() the value."""
    aux: Any
    """What the function returned beside its value, there."""


Function = Callable[[jax.Array, Any], tuple[jax.Array, Any]]
"""A value at a place, given what an evaluation nearby left behind; and what this one leaves."""


def climb(function: Function, start: jax.Array, reach: jax.Array, aux: Any) -> Peak:
    """Returns the peak of a function, from any start.

    Args:
        function: what has one peak.
        start: () where to begin.
        reach: () how far apart to look at first; any positive number will do.
        aux: what an evaluation near the start left behind.
    """

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        peak, reach, _, count = state
        here = peak.at + reach * jnp.array([-1.0, 0.0, 1.0], reach.dtype)
        values, auxes = jax.vmap(function, (0, None))(here, peak.aux)
        slope = (values[2] - values[0]) / (2 * reach)
        curve = (2 * values[1] - values[0] - values[2]) / (reach * reach)
        is_known = jnp.isfinite(slope + curve)
        is_peaked = is_known & (curve * reach * reach > 1e-3)
        sd = jnp.where(is_peaked, 1 / jnp.sqrt(jnp.where(is_peaked, curve, 1)), 4 * reach)
        # Where it is straight, four reaches uphill; where nothing is known, look nearer.
        move = jnp.where(is_peaked, slope * sd * sd, jnp.sign(slope) * 4 * reach)
        move = jnp.where(is_known, jnp.clip(move, -4 * reach, 4 * reach), 0)
        following = jnp.where(is_known, jnp.clip(0.5 * sd, 0.25 * reach, 4 * reach), 0.25 * reach)
        stop = is_peaked & (jnp.abs(move) < 0.3 * sd) & (sd < 4 * reach) & (sd > reach)
        middle = jax.tree.map(lambda leaf: leaf[1], auxes)
        middle = jax.tree.map(
            lambda new, old: jnp.where(jnp.isfinite(values[1]), new, old), middle, peak.aux
        )
        top = values[1] + 0.5 * slope * move
        return Peak(peak.at + move, sd, top, middle), following, stop, count + 1

    unknown = Peak(start, reach, jnp.zeros_like(start), aux)
    state = (unknown, reach, jnp.array(False), jnp.array(0))
    state = jax.lax.while_loop(lambda state: ~state[2] & (state[3] < MOST_STEPS), step, state)
    return state[0]


def extent(function: Function, peak: Peak) -> Stretch:
    """Returns the scale from end to end of a peak."""
    left, right = reaches(function, peak)
    return stretch(peak.at, peak.sd, left, right)


def reaches(function: Function, peak: Peak) -> jax.Array:
    """Returns (2,) how far from the peak, to the left and to the right, it has dropped by DROP."""

    def one(side: jax.Array) -> jax.Array:
        def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
            distance, power, last, inner, outer, aux, _, count = state
            value, following_aux = function(peak.at + side * distance, aux)
            drop = peak.top - value
            is_far = ~(drop < 1.2 * DROP)  # NaN counts as too far
            inner = jnp.where(drop < DROP, distance, inner)
            outer = jnp.where(is_far, jnp.minimum(distance, outer), outer)
            stop = (drop >= DROP) & ~is_far
            # The drop is about a power of the distance: 2 for a normal peak, 1 for an exponential
            # tail. The last two places tell which.
            log_drop = jnp.log(jnp.maximum(drop, 1e-2) / (1.1 * DROP))
            last_log_distance, last_log_drop = last
            gap = jnp.log(distance) - last_log_distance
            fresh = (log_drop - last_log_drop) / jnp.where(gap == 0, 1, gap)
            power = jnp.where((gap == 0) | ~jnp.isfinite(fresh), power, jnp.clip(fresh, 0.5, 20))
            proposed = distance * jnp.exp(jnp.clip(-log_drop / power, -1.4, 1.4))
            is_wild = ~(proposed > inner) | ~(proposed < outer)
            bisected = jnp.where(jnp.isfinite(outer), 0.5 * (inner + outer), 4 * inner)
            following = jnp.where(stop, distance, jnp.where(is_wild, bisected, proposed))
            is_finite = jnp.isfinite(value)
            aux = jax.tree.map(lambda new, old: jnp.where(is_finite, new, old), following_aux, aux)
            last = (jnp.log(distance), log_drop)
            return following, power, last, inner, outer, aux, stop, count + 1

        start = peak.sd * np.sqrt(2.2 * DROP)
        nowhere, everywhere = jnp.zeros_like(start), jnp.full_like(start, jnp.inf)
        two = jnp.full_like(start, 2.0)
        last = (jnp.log(start), nowhere)
        state = (start, two, last, nowhere, everywhere, peak.aux, jnp.array(False), jnp.array(0))
        state = jax.lax.while_loop(lambda state: ~state[6] & (state[7] < MOST_STEPS), step, state)
        return state[0]

    return jax.vmap(one)(jnp.array([-1.0, 1.0], peak.at.dtype))


def stretch(peak: jax.Array, width: jax.Array, left: jax.Array, right: jax.Array) -> Stretch:
    """Returns the scale for a peak of which the sd and the extents on either side are known.

    For a normal peak it is equidistant; the further the extents go beyond the normal ones, and the
    more they differ, the more it is stretched, so that along t the peak looks normal again.
    """
    normal = width * np.sqrt(2 * DROP)
    log_ratio = jnp.log(jnp.maximum(0.5 * (left + right) / normal, 1))
    # Nearly the solution of sinh(tail) / tail = ratio; then a step of Newton's on its log.
    tail = jnp.maximum(jnp.sqrt(log_ratio * (log_ratio + 6)), 1e-2)
    excess = jnp.log(jnp.sinh(tail) / tail) - log_ratio
    tail = jnp.maximum(tail - excess / (1 / jnp.tanh(tail) - 1 / tail), 1e-2)
    lean = 0.5 * (right - left) / normal * tail / (jnp.cosh(tail) - 1)
    skew = jnp.arctanh(jnp.clip(lean, -0.95, 0.95))
    return Stretch(peak - left, peak + right, tail, skew)
