"""Quantiles of a mixture of Betas, by its density on the logit scale, where it is smooth."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

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
    """Returns (level,) quantiles of a mixture of Betas, and the error of its total probability.

    The density of the log-odds is integrated numerically between two points. Beyond them every Beta
    is a power of theta or of 1 - theta, so the distribution function is a sum of exponentials of
    the log-odds, which is solved directly. So a quantile may be as small as the smallest
    representable number, below which it is 0.

    Args:
        weight: (component,) probabilities.
        mean: (component,) means.
        other: (component,) 1 minus the means, given separately because a mean may round to 1.
        total: (component,) sums of both parameters.
        levels: (level,) probabilities.
        num_points: points at which the density is computed.
    """
    a, b = mean * total, other * total
    centre, spread = jnp.log(mean) - jnp.log(other), jnp.sqrt(1 / a + 1 / b)
    matters = weight > 1e-9
    lowest = jnp.maximum(centre - 5 * spread - 12 / a, -jnp.log((b + 1) / NEGLIGIBLE))
    highest = jnp.minimum(centre + 5 * spread + 12 / b, jnp.log((a + 1) / NEGLIGIBLE))
    low = jnp.min(jnp.where(matters, lowest, jnp.inf))
    high = jnp.max(jnp.where(matters, highest, -jnp.inf))
    middle = jnp.clip(weight @ centre, low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    width = jnp.exp(weight @ jnp.log(spread))
    scale = stretch(middle, width, middle - low, high - middle)

    step = 2 / (num_points - 1)
    t = -1 + step * jnp.arange(-BESIDE, num_points + BESIDE, dtype=a.dtype)
    x, dx = scale.with_slope(t)
    log_density = _log_densities(weight, a, b, centre)
    # Only a sum of exponentials: XLA fuses the exponential with the sum, and stores no term.
    wide = jax.vmap(lambda x: jnp.exp(jnp.maximum(log_density(x), -80)).sum())(x) * dx * step
    density, slope, cells = slopes_and_cells(wide)
    # Beyond the ends each density is a power of theta or of 1 - theta.
    first, last = x[BESIDE], x[-1 - BESIDE]
    log_below = log_density(first) - jnp.log(a)
    log_above = log_density(last) - jnp.log(b)
    beyond = jnp.exp(log_below).sum()
    below = jnp.concatenate([beyond[None], beyond + jnp.cumsum(cells)])
    excess = below[-1] + jnp.exp(log_above).sum() - 1

    def inside(level: jax.Array) -> jax.Array:
        # Levels above 0.5 are counted from the upper end, so that an error in the lower tail does
        # not affect them.
        level = jnp.where(level > 0.5, level + excess, level)
        cell = jnp.clip(jnp.sum(below <= level) - 1, 0, num_points - 2)
        f0, f1 = below[cell], below[cell + 1]
        d0, d1 = density[cell], density[cell + 1]
        c0, c1 = slope[cell], slope[cell + 1]
        # Hermite's quintic through values, slopes and curvatures at both ends.
        rise = f1 - f0 - d0 - 0.5 * c0
        turn, bend = d1 - d0 - c0, c1 - c0
        p3 = 10 * rise - 4 * turn + 0.5 * bend
        p4 = -15 * rise + 7 * turn - bend
        p5 = 6 * rise - 3 * turn + 0.5 * bend

        def newton(_: int, s: jax.Array) -> jax.Array:
            value = f0 + s * (d0 + s * (0.5 * c0 + s * (p3 + s * (p4 + s * p5))))
            rate = d0 + s * (c0 + s * (3 * p3 + s * (4 * p4 + s * 5 * p5)))
            return jnp.clip(s - (value - level) / rate, 0, 1)

        s = jax.lax.fori_loop(0, 5, newton, jnp.clip((level - f0) / (f1 - f0), 0, 1))
        return scale.at(-1 + step * (cell + s))

    def solve(level: jax.Array) -> jax.Array:
        left = first - _exponential_quantile(log_below, a, level)
        right = last + _exponential_quantile(log_above, b, 1 - level)
        quantile = inside(level)
        quantile = jnp.where(left < first, left, jnp.where(right > last, right, quantile))
        return jax.nn.sigmoid(quantile)

    return jax.vmap(solve)(levels), jnp.abs(excess)


def _log_densities(
    weight: jax.Array, a: jax.Array, b: jax.Array, centre: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """Returns the function of () log-odds that gives (component,) log densities times weights."""
    log_weight = jnp.log(jnp.maximum(weight, 1e-30))
    if weight.dtype == jnp.float64:
        constant = log_weight - log_beta(a, b)
        return lambda x: constant + a * jax.nn.log_sigmoid(x) + b * jax.nn.log_sigmoid(-x)
    # With large parameters the terms above cancel, and float32 would keep no digits. The divergence
    # from the mean is computed without that cancellation.
    total = a + b
    rest = stirling_remainder(jnp.stack([total, a, b]))
    roots = 0.5 * (jnp.log(a) + jnp.log(b) - jnp.log(total)) - HALF_LOG_TWO_PI
    constant = log_weight + roots + (rest[0] - rest[1] - rest[2])
    return lambda x: constant - total * bernoulli_divergence(centre, x - centre)


def _exponential_quantile(log_mass: jax.Array, rate: jax.Array, level: jax.Array) -> jax.Array:
    """Returns () the distance at which a sum of exponential tails has fallen to a level.

    It is 0 if the sum starts at or below the level. The log of the sum is convex, so that Newton's
    steps never overshoot.

    Args:
        log_mass: (component,) logs of the tails at distance 0.
        rate: (component,) the rate at which each tail decays.
        level: () the value to which the sum should fall.
    """

    def step(
        log_mass: jax.Array, rate: jax.Array, level: jax.Array, distance: jax.Array
    ) -> jax.Array:
        logs = log_mass - rate * distance
        log_sum = jax.nn.logsumexp(logs)
        return (log_sum - jnp.log(level)) / jnp.sum(jnp.exp(logs - log_sum) * rate)

    live = log_mass, rate, level
    held = jax.lax.stop_gradient(live)

    State = tuple[jax.Array, jax.Array, jax.Array]

    def go_on(state: State) -> jax.Array:
        distance, move, count = state
        return (move > 1e-6 * (1 + distance)) & (count < 200)

    def go(state: State) -> State:
        distance, move, count = state
        return distance + move, step(*held, distance + move), count + 1

    # What a loop carries must depend, from its start, on all that its steps depend on: programs
    # over several devices ask for that.
    nowhere = jnp.zeros_like(level + log_mass[0] + rate[0])
    state = nowhere, step(*held, nowhere), jnp.array(0)
    distance, _, _ = jax.lax.while_loop(go_on, go, state)
    # Derivatives pass through this last step, and not through the loop.
    return jnp.where(distance > 0, distance + step(*live, distance), 0)
