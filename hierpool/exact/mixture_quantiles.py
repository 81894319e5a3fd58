"""Quantiles of a mixture of Betas, by its density on the logit scale, where it is smooth."""

from collections.abc import Callable

import jax
import numpy as np

from hierpool.arrays import (
    computed_once,
    log_sigmoid,
    logsumexp,
    namespace,
    repeat,
    sigmoid,
    stop_gradient,
    where_any,
    while_loop,
)
from hierpool.exact.neighbours import BESIDE, slopes_and_cells
from hierpool.exact.stretch import stretch
from hierpool.likelihood.special import (
    HALF_LOG_TWO_PI,
    bernoulli_divergence,
    log_beta,
    stirling_remainder,
)

NEGLIGIBLE = 1e-6
"""Below theta = NEGLIGIBLE / (b + 1) the density of Beta(a, b) counts as a power of theta alone."""


def beta_mixture_quantiles(
    weight: jax.Array,
    mean: jax.Array,
    other: jax.Array,
    total: jax.Array,
    levels: jax.Array,
    num_points: int,
) -> tuple[jax.Array, jax.Array]:
    """Returns (..., level) quantiles of mixtures of Betas, and (...,) errors of their totals.

    The density of the log-odds is integrated numerically between two points. Beyond them every Beta
    is a power of theta or of 1 - theta, so the distribution function is a sum of exponentials of
    the log-odds, which is solved directly. So a quantile may be as small as the smallest
    representable number, below which it is 0.

    Args:
        weight: (..., component) probabilities.
        mean: (..., component) means.
        other: (..., component) 1 minus the means, given separately because a mean may round to 1.
        total: (..., component) sums of both parameters.
        levels: (level,) probabilities.
        num_points: points at which the density is computed.
    """
    xp = namespace(weight, mean, total)
    a, b = mean * total, other * total
    centre, spread = xp.log(mean) - xp.log(other), xp.sqrt(1 / a + 1 / b)
    matters = weight > 1e-9
    lowest = xp.maximum(centre - 5 * spread - 12 / a, -xp.log((b + 1) / NEGLIGIBLE))
    highest = xp.minimum(centre + 5 * spread + 12 / b, xp.log((a + 1) / NEGLIGIBLE))
    low = xp.min(xp.where(matters, lowest, np.inf), axis=-1)
    high = xp.max(xp.where(matters, highest, -np.inf), axis=-1)
    middle = xp.sum(weight * centre, axis=-1)
    middle = xp.clip(middle, low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    width = xp.exp(xp.sum(weight * xp.log(spread), axis=-1))
    scale = stretch(middle, width, middle - low, high - middle).each()

    step = 2 / (num_points - 1)
    t = -1 + step * xp.arange(-BESIDE, num_points + BESIDE, dtype=a.dtype)
    x, dx = scale.with_slope(t)
    log_density = _log_densities(weight, a, b, centre)
    # Only a sum of exponentials: XLA fuses the exponential with the sum, and stores no term.
    wide = xp.exp(xp.maximum(log_density(x), -80)).sum(axis=-1) * dx * step
    density, slope, cells = slopes_and_cells(wide)
    # Beyond the ends each density is a power of theta or of 1 - theta.
    first, last = x[..., BESIDE : BESIDE + 1], x[..., -1 - BESIDE : -BESIDE]
    log_below = log_density(first) - xp.log(a)[..., None, :]
    log_above = log_density(last) - xp.log(b)[..., None, :]
    beyond = xp.exp(log_below).sum(axis=-1)
    below = xp.concatenate([beyond, beyond + xp.cumsum(cells, axis=-1)], axis=-1)
    excess = below[..., -1] + xp.exp(log_above).sum(axis=-1)[..., 0] - 1

    # Levels above 0.5 are counted from the upper end, so that an error in the lower tail does not
    # affect them.
    level = xp.where(levels > 0.5, levels + excess[..., None], levels)
    cell = (below[..., None, :] <= level[..., None]).sum(axis=-1) - 1
    cell = xp.clip(cell, 0, num_points - 2)

    def at_both_ends(of_node: jax.Array) -> tuple[jax.Array, jax.Array]:
        left, right = (xp.take_along_axis(of_node, cell + i, axis=-1) for i in (0, 1))
        return left, right

    (f0, f1), (d0, d1), (c0, c1) = map(at_both_ends, (below, density, slope))
    # Hermite's quintic through values, slopes and curvatures at both ends.
    rise = f1 - f0 - d0 - 0.5 * c0
    turn, bend = d1 - d0 - c0, c1 - c0
    p3 = 10 * rise - 4 * turn + 0.5 * bend
    p4 = -15 * rise + 7 * turn - bend
    p5 = 6 * rise - 3 * turn + 0.5 * bend

    def newton(s: jax.Array) -> jax.Array:
        value = f0 + s * (d0 + s * (0.5 * c0 + s * (p3 + s * (p4 + s * p5))))
        rate = d0 + s * (c0 + s * (3 * p3 + s * (4 * p4 + s * 5 * p5)))
        return xp.clip(s - (value - level) / rate, 0, 1)

    s = repeat(5, newton, xp.clip((level - f0) / (f1 - f0), 0, 1))
    inside = scale.at(-1 + step * (cell + s))
    left = first - _exponential_quantile(log_below, a[..., None, :], levels)
    right = last + _exponential_quantile(log_above, b[..., None, :], 1 - levels)
    quantile = xp.where(left < first, left, xp.where(right > last, right, inside))
    return sigmoid(quantile), xp.abs(excess)


def _log_densities(
    weight: jax.Array, a: jax.Array, b: jax.Array, centre: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """Returns the log densities, times weights, of (..., point) log-odds.

    They are (..., point, component).
    """
    xp = namespace(weight, a, b)
    log_weight = xp.log(xp.maximum(weight, 1e-30))
    if weight.dtype == np.float64:
        constant = computed_once((log_weight - log_beta(a, b))[..., None, :])
        a, b = a[..., None, :], b[..., None, :]

        def of(x: jax.Array) -> jax.Array:
            above, below = computed_once((log_sigmoid(x), log_sigmoid(-x)))
            return constant + a * above[..., None] + b * below[..., None]

        return of
    # With large parameters the terms above cancel, and float32 would keep no digits. The divergence
    # from the mean is computed without that cancellation.
    total = a + b
    rest = stirling_remainder(xp.stack([total, a, b]))
    roots = 0.5 * (xp.log(a) + xp.log(b) - xp.log(total)) - HALF_LOG_TWO_PI
    constant = computed_once((log_weight + roots + (rest[0] - rest[1] - rest[2]))[..., None, :])
    total, centre = total[..., None, :], centre[..., None, :]
    return lambda x: constant - total * bernoulli_divergence(centre, x[..., None] - centre)


def _exponential_quantile(log_mass: jax.Array, rate: jax.Array, level: jax.Array) -> jax.Array:
    """Returns (..., level) distances at which sums of exponential tails have fallen to levels.

    One is 0 if the sum starts at or below the level. The log of the sum is convex, so that Newton's
    steps never overshoot.

    Args:
        log_mass: (..., 1, component) logs of the tails at distance 0.
        rate: (..., 1, component) rates at which the tails decay.
        level: (level,) the values to which the sum should fall.
    """
    xp = namespace(log_mass, rate, level)

    def step(
        log_mass: jax.Array, rate: jax.Array, level: jax.Array, distance: jax.Array
    ) -> jax.Array:
        logs = log_mass - rate * distance[..., None]
        log_sum = logsumexp(logs, axis=-1)
        slope = xp.sum(xp.exp(logs - log_sum[..., None]) * rate, axis=-1)
        return (log_sum - xp.log(level)) / slope

    State = tuple[jax.Array, jax.Array, jax.Array]

    def has_far(distance: jax.Array, move: jax.Array) -> jax.Array:
        return move > 1e-6 * (1 + distance)

    def go_on(state: State) -> jax.Array:
        distance, move, count = state
        return has_far(distance, move).any() & (count < 200)

    def solved(log_mass: jax.Array, rate: jax.Array, level: jax.Array) -> jax.Array:
        live = log_mass, rate, level
        held = stop_gradient(live)

        def go(state: State) -> State:
            distance, move, count = state
            # One that has arrived stays there, while others go on.
            distance = xp.where(has_far(distance, move), distance + move, distance)
            return distance, step(*held, distance), count + 1

        state = nowhere, step(*held, nowhere), xp.asarray(0)
        distance, _, _ = while_loop(go_on, go, state)
        # Derivatives pass through this last step, and not through the loop.
        return xp.where(distance > 0, distance + step(*live, distance), 0)

    # What a loop carries must depend, from its start, on all that its steps depend on, and so must
    # all that a branch is given: programs over several devices ask for that.
    nowhere = xp.zeros_like(level + log_mass[..., 0] + rate[..., 0])
    level = level + nowhere
    # Few quantiles lie beyond the ends.
    is_beyond = logsumexp(log_mass, axis=-1) > xp.log(level)
    return where_any(is_beyond, solved, nowhere, log_mass, rate, level)
