"""Where the nodes of a quadrature over two numbers stand: around the mass, wherever that is.

The first number runs along rows, and each row has nodes of its own in the second. Given the first
number, the density has one peak in the second. The mass of a row, by Laplace's rule, is the profile
of the first number: it may have several peaks, of very different widths, so it is looked at all
along a chart of starting points before any peak is climbed.

The search asks for nothing but values of the log density: a parabola through three points, as far
apart as half the width found so far, tells where the peak is and how wide. So it works at the scale
of the mass in either precision, and compiles in a fraction of the time that second derivatives
take. It never goes down: a step that lands lower is taken back by three quarters.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hierpool.exact.stretch import CORE_DROP, DROP, Level, Stretch, level, stretch

PairDensity = Callable[[jax.Array, jax.Array], jax.Array]

MOST_STEPS = 100
"""A search that takes so many has failed, and says so."""
PATIENCE = 10
"""Steps after which a search takes what it can get."""
CHART_STEPS = 6
"""Steps towards its peak that each row of the chart takes."""
RIVAL = 20.0
"""A peak of the chart that is lower by more than this holds nothing."""


class Start(NamedTuple):
    """Points from which the search starts, along the whole line of the first number."""

    first: jax.Array
    """(start,) first numbers, ascending: a peak between two of them is seen."""
    second: jax.Array
    """(start,) second numbers, near the peak given the first."""
    reach: jax.Array
    """(start,) about how wide that peak is; any positive number will do."""


class Nodes(NamedTuple):
    """The nodes of a product of two trapezoid rules, of which the second differs by row."""

    rows: jax.Array
    """(row,) first number."""
    columns: jax.Array
    """(row, column) second number."""
    log_cell: jax.Array
    """(row, column) log of the area that a node stands for."""
    row_scale: Level
    """() scale along which the rows stand, equidistant in t."""
    column_scales: Stretch
    """(row,) scale of each row's nodes, equidistant in t."""
    found: jax.Array
    """() whether every search ended at what it looked for."""
    has_rival: jax.Array
    """() whether the rows go over more than one peak."""


def place(density: PairDensity, start: Start, num_rows: int, num_columns: int) -> Nodes:
    """Returns nodes around the mass.

    Args:
        density: log density of two numbers.
        start: where to look for peaks first.
        num_rows: rows.
        num_columns: nodes in each of them.
    """
    # The nodes are held fixed under differentiation: the rule is exact wherever they stand.
    first, second, reach = jax.lax.stop_gradient(start)
    # In a program over several devices the points differ between them wherever the density does:
    # under ``shard_map`` a loop's state must be of one kind from its start.
    nothing = jnp.zeros_like(density(first[0], second[0]))
    first, second, reach = first + nothing, second + nothing, reach + nothing
    held, constants = jax.closure_convert(density, first[0], second[0])
    constants = [jax.lax.stop_gradient(constant) for constant in constants]

    def along(u: jax.Array, v: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
        return held(u, v, *constants), ()

    def profile(u: jax.Array, row: Peak) -> tuple[jax.Array, Peak]:
        # The mass of a row by Laplace's rule: the highest point may stand on a narrow ridge with
        # little mass, so rows are judged by their width too.
        row = climb(partial(along, u), row.at, 0.5 * row.sd, ())
        return row.top + jnp.log(row.sd), row

    def chart_row(u: jax.Array, v: jax.Array, reach: jax.Array) -> Peak:
        return climb(partial(along, u), v, 0.5 * reach, (), most_steps=CHART_STEPS)

    charted = jax.vmap(chart_row)(first, second, reach)
    heights = charted.top + jnp.log(charted.sd)
    heights = jnp.where(jnp.isnan(heights), -jnp.inf, heights)
    core, ends, found, has_rival = _extents(profile, first, charted, heights)
    row_scale = level(core, ends)

    def row_extent(u: jax.Array) -> tuple[jax.Array, jax.Array]:
        start, sd = (jnp.interp(u, first, values) for values in (charted.at, charted.sd))
        row = climb(partial(along, u), start, 0.5 * sd, ())
        ends, reached = reaches(partial(along, u), row, DROP)
        return jnp.stack([row.at, jnp.log(row.sd), *jnp.log(ends)]), row.found & reached

    row_t, t = (jnp.linspace(-1, 1, size, dtype=first.dtype) for size in (num_rows, num_columns))
    rows, row_slopes = row_scale.with_slope(row_t)
    # Rows differ smoothly: every third is looked at, and the others interpolated. By no product of
    # matrices: its call would slow the loop over data sets by a half.
    some_t = jnp.linspace(-1, 1, num_rows // 3 + 1, dtype=first.dtype)
    seen, all_found = jax.vmap(row_extent, out_axes=(1, 0))(row_scale.at(some_t))
    at, log_sd, *log_ends = jax.vmap(jnp.interp, (None, None, 0))(row_t, some_t, seen)
    column_scales = jax.vmap(stretch)(at, jnp.exp(log_sd), *map(jnp.exp, log_ends))
    columns, slopes = jax.vmap(Stretch.with_slope, (0, None))(column_scales, t)
    log_cell = jnp.log(row_slopes * (row_t[1] - row_t[0]))[:, None]
    log_cell = log_cell + jnp.log(slopes * (t[1] - t[0]))
    found = found & jnp.all(all_found)
    return Nodes(rows, columns, log_cell, row_scale, column_scales, found, has_rival)


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
    found: jax.Array
    """() whether the search ended there, and not by count."""


Function = Callable[[jax.Array, Any], tuple[jax.Array, Any]]
"""A value at a place, given what an evaluation nearby left behind; and what this one leaves."""


Interval = tuple[jax.Array, jax.Array]


def _extents(
    profile: Function, first: jax.Array, charted: Peak, heights: jax.Array
) -> tuple[Interval, Interval, jax.Array, jax.Array]:
    """Returns where the core of the mass is, where all of it is, and two answers.

    These are whether all was found, and whether there is more than one peak.
    """
    gaps = jnp.diff(first)
    spacing = jnp.minimum(jnp.append(gaps, jnp.inf), jnp.append(jnp.inf, gaps))
    padded = jnp.pad(heights, 1, constant_values=-jnp.inf)
    is_peak = (heights > padded[:-2]) & (heights >= padded[2:])

    def extents(start: jax.Array) -> tuple[Peak, jax.Array, jax.Array]:
        row = jax.tree.map(lambda leaf: leaf[start], charted)
        peak = climb(profile, first[start], 0.25 * spacing[start], row)
        distances, reached = jax.vmap(partial(reaches, profile, peak))(
            jnp.array([CORE_DROP, DROP], first.dtype)
        )
        sides = jnp.array([-1.0, 1.0], first.dtype)
        return peak, peak.at + sides * distances, peak.found & reached.all()

    best = jnp.argmax(heights)
    others = jnp.where(is_peak & (jnp.arange(first.size) != best), heights, -jnp.inf)
    rival = jnp.argmax(others)
    has_rival = others[rival] > heights[best] - RIVAL

    State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]

    def go_on(state: State) -> jax.Array:
        return state[0] < jnp.where(has_rival, 2, 1)

    def go(state: State) -> State:
        count, top, span, found = state
        peak, its_span, its_found = extents(jnp.where(count == 0, best, rival))
        # The core of a rival that is too low is not part of the core.
        is_part = jnp.array([top - peak.top < CORE_DROP, True]) | (count == 0)
        wider = jnp.stack(
            [jnp.minimum(span[:, 0], its_span[:, 0]), jnp.maximum(span[:, 1], its_span[:, 1])], 1
        )
        span = jnp.where(is_part[:, None], wider, span)
        return count + 1, jnp.where(count == 0, peak.top, top), span, found & its_found

    # A loop, so that what it does is compiled once.
    zero = jnp.zeros_like(first[0])
    nothing = zero + jnp.array([[jnp.inf, -jnp.inf]] * 2, first.dtype)
    state = (jnp.array(0), zero, nothing, zero == 0)
    _, _, span, found = jax.lax.while_loop(go_on, go, state)
    core, ends = ((row[0], row[1]) for row in span)
    return core, ends, found, has_rival


def climb(
    function: Function, start: jax.Array, reach: jax.Array, aux: Any, most_steps: int = MOST_STEPS
) -> Peak:
    """Returns the peak of a function, from any start at which it is finite.

    Args:
        function: what has a peak.
        start: () where to begin.
        reach: () how far apart to look at first; any positive number will do.
        aux: what an evaluation near the start left behind.
        most_steps: where to stop in any case.
    """

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        peak, centre, height, at, reach, _, count = state
        here = at + reach * jnp.array([-1.0, 0.0, 1.0], reach.dtype)
        values, auxes = jax.vmap(function, (0, None))(here, peak.aux)
        slope = (values[2] - values[0]) / (2 * reach)
        curve = (2 * values[1] - values[0] - values[2]) / (reach * reach)
        is_known = jnp.isfinite(slope + curve)
        is_peaked = is_known & (curve * reach * reach > 1e-3)
        sd = jnp.where(is_peaked, 1 / jnp.sqrt(jnp.where(is_peaked, curve, 1)), 4 * reach)
        # Where it is straight, uphill as far as is allowed; where nothing is known, look nearer.
        limit = 4 * reach
        move = jnp.where(is_peaked, slope * sd * sd, jnp.sign(slope) * limit)
        is_cut = is_known & ~(jnp.abs(move) < limit)
        move = jnp.where(is_known, jnp.clip(move, -limit, limit), 0)
        following = jnp.where(is_known, jnp.clip(0.5 * sd, 0.25 * reach, limit), 0.25 * reach)
        # The further there is to go, the longer the steps.
        following = jnp.where(is_cut, jnp.maximum(following, 2 * reach), following)
        # A peak that looks wide from afar and narrow from near is met half way, and taken as it is
        # seen from there: the nodes need not stand exactly.
        is_late = count > PATIENCE
        following = jnp.where(is_late, jnp.sqrt(following * reach), following)
        slack = jnp.where(is_late, 4, 1)
        is_near = jnp.abs(move) < jnp.where(is_late, 0.6, 0.3) * sd
        found = is_peaked & is_near & (sd < 4 * slack * reach) & (slack * sd > reach)
        middle = jax.tree.map(lambda leaf: leaf[1], auxes)
        # What the parabola adds is known only as far as it was seen.
        rise = jnp.where(is_peaked & ~is_cut, 0.5 * slope * move, 0)
        there = Peak(at + move, sd, values[1] + rise, middle, found)
        # Down is wrong, but for what widths are uncertain by; then less of the way is tried.
        is_kept = values[1] >= height - 0.2
        back = centre + 0.25 * (at - centre), 0.25 * reach
        state = there, at, values[1], there.at, following
        former = peak, centre, height, *back
        state = jax.tree.map(partial(jnp.where, is_kept), state, former)
        return *state, is_kept & found, count + 1

    nowhere, no = jnp.full_like(start, -jnp.inf), jnp.zeros_like(start, bool)
    unknown = Peak(start, reach, nowhere, aux, no)
    state = (unknown, start, nowhere, start, reach, no, jnp.array(0))
    state = jax.lax.while_loop(lambda state: ~state[5] & (state[6] < most_steps), step, state)
    return state[0]


def reaches(
    function: Function, peak: Peak, wanted: jax.Array | float
) -> tuple[jax.Array, jax.Array]:
    """Returns (2,) how far left and right of a peak it has dropped as wanted, and () if both do."""

    def one(side: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
            distance, power, last, inner, outer, aux, _, count = state
            value, following_aux = function(peak.at + side * distance, aux)
            drop = peak.top - value
            is_far = ~(drop < 1.2 * wanted)  # NaN counts as too far
            inner = jnp.where(drop < wanted, distance, inner)
            outer = jnp.where(is_far, jnp.minimum(distance, outer), outer)
            stop = (drop >= wanted) & ~is_far
            # The drop is about a power of the distance: 2 for a normal peak, 1 for an exponential
            # tail. The last two places tell which.
            log_drop = jnp.log(jnp.maximum(drop, 1e-2) / (1.1 * wanted))
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

        start = peak.sd * jnp.sqrt(2.2 * wanted)
        nowhere, everywhere = jnp.zeros_like(start), jnp.full_like(start, jnp.inf)
        two = jnp.full_like(start, 2.0)
        last = (jnp.log(start), nowhere)
        no = jnp.zeros_like(start, bool)
        state = (start, two, last, nowhere, everywhere, peak.aux, no, jnp.array(0))
        state = jax.lax.while_loop(lambda state: ~state[6] & (state[7] < MOST_STEPS), step, state)
        return state[0], state[6]

    distances, are_found = jax.vmap(one)(jnp.array([-1.0, 1.0], peak.at.dtype))
    return distances, are_found.all()
