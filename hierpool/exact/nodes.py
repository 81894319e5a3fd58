"""Places the nodes of a quadrature over two numbers around the mass of the density.

Every row has one value of the first number, and nodes of its own in the second. Given the first
number, the density has one peak in the second. The mass of each row, by Laplace's approximation,
is a function of the first number, here called the profile. It may have several peaks of very
different widths, so it is evaluated at all starting points of the chart before any peak is climbed.

The search uses values of the log density only. A parabola through three points, half the width
found so far apart, gives the location and the width of the peak. So the search works at the scale
of the mass in either precision, and compiles in a fraction of the time that second derivatives
take. It never descends: after a step that lands lower, it goes back three quarters of the way.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from hierpool.arrays import is_on_host, namespace, stop_gradient, while_loop
from hierpool.exact.stretch import CORE_DROP, DROP, FAR_DROP, Level, Stretch, level, stretch

PairDensity = Callable[[jax.Array, jax.Array], jax.Array]

MOST_STEPS = 100
"""A search that takes this many steps has failed, and reports ``found`` as False."""
PATIENCE = 10
"""Number of steps after which a search is late: it accepts a less exact peak, or halves its
bracket."""
CHART_STEPS = 6
"""Number of steps towards its peak that each row of the chart takes."""
FINE = 384
"""Number of rows from which a grid extends further: with fewer its nodes would be too sparse."""
RIVAL = 20.0
"""A second peak whose log mass is lower than the first by more than this is ignored."""


class Start(NamedTuple):
    """Points from which the search starts, over the whole range of the first number."""

    first: jax.Array
    """(start,) first numbers, ascending; a peak between two of them is found."""
    second: jax.Array
    """(start,) second numbers, near the peak given the first."""
    reach: jax.Array
    """(start,) rough width of that peak; any positive number works."""


class Nodes(NamedTuple):
    """The nodes of two nested trapezoid rules; the inner rule differs from row to row."""

    rows: jax.Array
    """(row,) first number."""
    columns: jax.Array
    """(row, column) second number."""
    log_cell: jax.Array
    """(row, column) log of the area that a node represents, its weight in the rule."""
    row_scale: Level
    """() scale of the rows, which are equidistant in t."""
    column_scales: Stretch
    """(row,) scale of the nodes in each row, which are equidistant in t."""
    found: jax.Array
    """() whether every search succeeded."""
    has_rival: jax.Array
    """() whether the profile has a second peak."""


def place(density: PairDensity, start: Start, num_rows: int, num_columns: int) -> Nodes:
    """Returns nodes around the mass of a density.

    Args:
        density: log density of two numbers.
        start: points at which the search for peaks starts.
        num_rows: number of rows.
        num_columns: number of nodes in each row.
    """
    # The nodes are constants under differentiation: the integral does not depend on where they
    # stand.
    first, second, reach = stop_gradient(start)
    # In a program over several devices the points differ between them wherever the density does:
    # under ``shard_map`` a loop's state must be of one kind from its start.
    xp = namespace(*start)
    nothing = xp.zeros_like(density(first[0], second[0]))
    first, second, reach = first + nothing, second + nothing, reach + nothing
    in_rows = _in_rows(density, first, second)

    def along(u: jax.Array, v: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
        values = in_rows(xp.broadcast_to(u, v.shape[:-1]).ravel(), v.reshape(-1, v.shape[-1]))
        return values.reshape(v.shape), ()

    def profile(u: jax.Array, row: Peak) -> tuple[jax.Array, Peak]:
        # The mass of a row by Laplace's approximation. Height alone would mislead: the highest
        # point may be on a narrow ridge that holds little mass.
        at, sd = (xp.broadcast_to(leaf[..., None], u.shape) for leaf in (row.at, row.sd))
        row = climb(partial(along, u), at, 0.5 * sd, ())
        return row.top + xp.log(row.sd), row

    charted = climb(partial(along, first), second, 0.5 * reach, (), most_steps=CHART_STEPS)
    heights = charted.top + xp.log(charted.sd)
    drop = DROP if num_rows < FINE else FAR_DROP
    core, ends, found, has_rival = _extents(profile, first, charted, heights, drop)
    row_scale = level(core, ends)

    row_t, t = (xp.linspace(-1, 1, size, dtype=first.dtype) for size in (num_rows, num_columns))
    rows, row_slopes = row_scale.with_slope(row_t)
    # Rows change smoothly, so the search runs in every third row, and the others are interpolated.
    # A matrix product would be simpler, but its call would slow the loop over data sets by a half.
    some_t = xp.linspace(-1, 1, num_rows // 3 + 1, dtype=first.dtype)
    u = row_scale.at(some_t)
    at, sd = (xp.interp(u, first, values) for values in (charted.at, charted.sd))
    seen = climb(partial(along, u), at, 0.5 * sd, ())
    extents, all_reached = reaches(partial(along, u[:, None]), seen, drop)
    numbers = [seen.at, xp.log(seen.sd), *xp.log(extents.T)]
    at, *log_sizes = (xp.interp(row_t, some_t, values) for values in numbers)
    sd, left, right = map(xp.exp, log_sizes)
    column_scales = stretch(at, sd, left, right, drop)
    columns, slopes = column_scales.each().with_slope(t)
    log_cell = xp.log(row_slopes * (row_t[1] - row_t[0]))[:, None]
    log_cell = log_cell + xp.log(slopes * (t[1] - t[0]))
    found = found & seen.found.all() & all_reached
    return Nodes(rows, columns, log_cell, row_scale, column_scales, found, has_rival)


def _in_rows(density: PairDensity, first: jax.Array, second: jax.Array) -> PairDensity:
    """Returns a density of (row,) first numbers and (row, point) second ones, held constant.

    Terms of the first number alone are computed once for all points of a row.
    """
    if is_on_host(first):
        return lambda u, v: density(u[:, None], v)
    held, constants = jax.closure_convert(density, first[0], second[0])
    constants = [jax.lax.stop_gradient(constant) for constant in constants]
    alike = [None] * len(constants)
    of_rows = jax.vmap(jax.vmap(held, (None, 0, *alike)), (0, 0, *alike))
    return lambda u, v: of_rows(u, v, *constants)


class Peak(NamedTuple):
    """Maxima of functions of one number, each from a parabola through three points near it."""

    at: jax.Array
    """(search, ...) location of the maximum."""
    sd: jax.Array
    """(search, ...) 1 / sqrt(curvature): the sd, if the function is the log density of a normal."""
    top: jax.Array
    """(search, ...) value at the maximum."""
    aux: Any
    """What the function returned there besides its value, each leaf (search, ...)."""
    found: jax.Array
    """(search, ...) whether the search succeeded, rather than ran out of steps."""


Function = Callable[[jax.Array, Any], tuple[jax.Array, Any]]
"""Returns values and auxiliary results at (search, ..., point) numbers, given auxiliary results
(search, ...) near them."""


Interval = tuple[jax.Array, jax.Array]


def _extents(
    profile: Function, first: jax.Array, charted: Peak, heights: jax.Array, drop: float
) -> tuple[Interval, Interval, jax.Array, jax.Array]:
    """Returns the ends of the mass's core, the ends of all the mass, and two flags.

    The flags are whether every search succeeded, and whether there is a second peak.
    """
    xp, gaps = namespace(first), namespace(first).diff(first)
    spacing = xp.minimum(xp.append(gaps, np.inf), xp.append(np.inf, gaps))
    padded = xp.pad(heights, 1, constant_values=-np.inf)
    is_peak = (heights > padded[:-2]) & (heights >= padded[2:])

    def extents(start: jax.Array) -> tuple[Peak, jax.Array, jax.Array]:
        row = jax.tree.map(lambda leaf: leaf[start], charted)
        peak = climb(profile, first[start], 0.25 * spacing[start], row)
        distances, reached = reaches(profile, peak, xp.array([CORE_DROP, drop], first.dtype))
        sides = xp.array([-1.0, 1.0], first.dtype)
        return peak, peak.at + sides * distances, peak.found & reached

    best = xp.argmax(heights)
    others = xp.where(is_peak & (xp.arange(first.size) != best), heights, -np.inf)
    rival = xp.argmax(others)
    has_rival = others[rival] > heights[best] - RIVAL

    State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]

    def go_on(state: State) -> jax.Array:
        return state[0] < xp.where(has_rival, 2, 1)

    def go(state: State) -> State:
        count, top, span, found = state
        peak, its_span, its_found = extents(xp.where(count == 0, best, rival))
        # A second peak that is too low does not widen the core.
        is_part = xp.array([top - peak.top < CORE_DROP, True]) | (count == 0)
        wider = xp.stack(
            [xp.minimum(span[:, 0], its_span[:, 0]), xp.maximum(span[:, 1], its_span[:, 1])], 1
        )
        span = xp.where(is_part[:, None], wider, span)
        return count + 1, xp.where(count == 0, peak.top, top), span, found & its_found

    # A loop, so that XLA compiles its body once and not for each peak.
    zero = xp.zeros_like(first[0])
    nothing = zero + xp.array([[np.inf, -np.inf]] * 2, first.dtype)
    state = (xp.array(0), zero, nothing, zero == 0)
    _, _, span, found = while_loop(go_on, go, state)
    core, ends = ((row[0], row[1]) for row in span)
    return core, ends, found, has_rival


def climb(
    function: Function, start: jax.Array, reach: jax.Array, aux: Any, most_steps: int = MOST_STEPS
) -> Peak:
    """Returns the peaks of functions, each from any start at which its function is finite.

    All searches take their steps together, and one that is done waits for the others. They are
    written for arrays, since loops within ``jax.vmap`` take several times as long to trace.

    Args:
        function: the functions to maximise.
        start: (search, ...) where to begin.
        reach: (search, ...) first distance between evaluations; any positive number works.
        aux: auxiliary results of evaluations near the starts.
        most_steps: largest number of steps.
    """
    xp = namespace(start, reach)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        peak, centre, height, at, reach, count = state
        here = at[..., None] + reach[..., None] * xp.array([-1.0, 0.0, 1.0], reach.dtype)
        values, auxes = function(here, peak.aux)
        left, value, right = (values[..., i] for i in range(3))
        slope = (right - left) / (2 * reach)
        curve = (2 * value - left - right) / (reach * reach)
        is_known = xp.isfinite(slope + curve)
        is_peaked = is_known & (curve * reach * reach > 1e-3)
        sd = xp.where(is_peaked, 1 / xp.sqrt(xp.where(is_peaked, curve, 1)), 4 * reach)
        # Where the function is nearly straight, move uphill by the limit. Where a value is not
        # finite, stay and evaluate at a smaller distance.
        limit = 4 * reach
        move = xp.where(is_peaked, slope * sd * sd, xp.sign(slope) * limit)
        is_cut = is_known & ~(xp.abs(move) < limit)
        move = xp.where(is_known, xp.clip(move, -limit, limit), 0)
        following = xp.where(is_known, xp.clip(0.5 * sd, 0.25 * reach, limit), 0.25 * reach)
        # A move that was cut at the limit makes the next steps longer.
        following = xp.where(is_cut, xp.maximum(following, 2 * reach), following)
        # A peak may look wide at a large distance and narrow at a small one, and the search may
        # alternate. Then it takes the distance between the two and accepts the peak seen from
        # there: the nodes need not be placed exactly.
        is_late = count > PATIENCE
        following = xp.where(is_late, xp.sqrt(following * reach), following)
        slack = xp.where(is_late, 4, 1)
        is_near = xp.abs(move) < xp.where(is_late, 0.6, 0.3) * sd
        found = is_peaked & ~is_cut & is_near & (sd < 4 * slack * reach) & (slack * sd > reach)
        middle = jax.tree.map(lambda leaf: leaf[..., 1], auxes)
        # The parabola is trusted only within the distance at which it was evaluated.
        rise = xp.where(is_peaked & ~is_cut, 0.5 * slope * move, 0)
        there = Peak(at + move, sd, value + rise, middle, found)
        # A lower value is a failed step, but for the 0.2 by which the widths are uncertain. After
        # one, the step is repeated with a quarter of its length.
        is_kept = value >= height - 0.2
        back = centre + 0.25 * (at - centre), 0.25 * reach
        state = _chosen(
            is_kept,
            (there, at, value, there.at, following),
            (peak, centre, height, *back),
        )
        return *_chosen(peak.found, (peak, centre, height, at, reach), state), count + 1

    nowhere, no = xp.full_like(start, -np.inf), xp.zeros_like(start, bool)
    unknown = Peak(start, reach, nowhere, aux, no)
    state = (unknown, start, nowhere, start, reach, xp.array(0))

    def goes_on(state: tuple[Any, ...]) -> jax.Array:
        return ~state[0].found.all() & (state[-1] < most_steps)

    return while_loop(goes_on, step, state)[0]


def reaches(function: Function, peak: Peak, wanted: Any) -> tuple[jax.Array, jax.Array]:
    """Returns (search, ..., 2) distances on either side of peaks, and () whether all were found.

    Args:
        function: the functions that have the peaks.
        peak: their peaks, (search, ...) each, or () of one.
        wanted: (search, ...) or () drops below the values at the peaks; up to a fifth more is
            accepted.
    """
    xp = namespace(peak.at)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        distance, power, last, inner, outer, aux, stop, count = state
        values, auxes = function((at + sides * distance)[..., None], aux)
        value, following_aux = jax.tree.map(lambda leaf: leaf[..., 0], (values, auxes))
        drop = top - value
        is_far = ~(drop < 1.2 * wanted)  # NaN counts as too far.
        inner = xp.where(drop < wanted, distance, inner)
        outer = xp.where(is_far, xp.minimum(distance, outer), outer)
        # The drop is about proportional to a power of the distance: 2 for a normal peak, 1 for an
        # exponential tail. The power is estimated from the last two distances.
        log_drop = xp.log(xp.maximum(drop, 1e-2) / (1.1 * wanted))
        last_log_distance, last_log_drop = last
        gap = xp.log(distance) - last_log_distance
        fresh = (log_drop - last_log_drop) / xp.where(gap == 0, 1, gap)
        power = xp.where((gap == 0) | ~xp.isfinite(fresh), power, xp.clip(fresh, 0.5, 20))
        proposed = distance * xp.exp(xp.clip(-log_drop / power, -1.4, 1.4))
        # On a plateau beside a cliff the two last distances may take turns for ever: a search that
        # is late halves its bracket.
        is_wild = ~(proposed > inner) | ~(proposed < outer) | (count > PATIENCE)
        bisected = xp.where(xp.isfinite(outer), 0.5 * (inner + outer), 4 * inner)
        # One that has stopped stays where it is.
        stop = stop | ((drop >= wanted) & ~is_far)
        following = xp.where(stop, distance, xp.where(is_wild, bisected, proposed))
        aux = _chosen(xp.isfinite(value), following_aux, aux)
        last = (xp.log(distance), log_drop)
        return following, power, last, inner, outer, aux, stop, count + 1

    wanted = xp.asarray(wanted, peak.at.dtype)[..., None]
    sides = xp.array([-1.0, 1.0], peak.at.dtype)
    shape = xp.broadcast_shapes(peak.at[..., None].shape, wanted.shape, sides.shape)
    at, sd, top, aux = jax.tree.map(
        lambda leaf: xp.broadcast_to(leaf[..., None], shape),
        (peak.at, peak.sd, peak.top, peak.aux),
    )
    start = sd * xp.sqrt(2.2 * wanted)
    nowhere, everywhere = xp.zeros_like(start), xp.full_like(start, np.inf)
    two = xp.full_like(start, 2.0)
    last = (xp.log(start), nowhere)
    no = xp.zeros_like(start, bool)
    state = (start, two, last, nowhere, everywhere, aux, no, xp.array(0))

    def goes_on(state: tuple[Any, ...]) -> jax.Array:
        return ~state[6].all() & (state[7] < MOST_STEPS)

    state = while_loop(goes_on, step, state)
    return state[0], state[6].all()


def _chosen[T](which: jax.Array, these: T, others: T) -> T:
    """Returns these results where they are chosen, and the others elsewhere."""
    return jax.tree.map(partial(namespace(which).where, which), these, others)
