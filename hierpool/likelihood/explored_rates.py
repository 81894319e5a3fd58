"""The density of every group's rate in the coordinates that NUTS explores, with its gradient.

Given the population and the counts, theta_i is Beta(A_i, B_i), with A_i = phi kappa + y_i and
B_i = (1 - phi) kappa + n_i - y_i. NUTS explores z_i, which is nearly standard normal:

    logit theta_i = centre_i + spread_i z_i

The centre and the spread move with the population. Automatic differentiation goes back over all of
that, and XLA then computes many things of a group more than once. Written by hand, the density and
its gradient take four logarithms and two exponentials of a group, and each is computed once.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood.special import quick_log

BLOCK = 1024
"""Groups that a processor treats together: what is computed of them stays in its nearest cache."""


class Observed(NamedTuple):
    """What is known of each group, (group,) each."""

    successes: jax.Array
    failures: jax.Array
    rate: jax.Array
    """The reference rate r, (y + 1/2) / (n + 1)."""
    other: jax.Array
    """1 - r."""
    logit_rate: jax.Array
    excess: jax.Array
    """y - n r."""
    weight: jax.Array
    """How many groups a row stands for: 0 for padding."""


class Rates(NamedTuple):
    """Where the rates are, (group,) each."""

    one_a: jax.Array
    """1 / A."""
    one_b: jax.Array
    """1 / B."""
    spread: jax.Array
    one_spread: jax.Array
    """1 / spread."""
    from_phi: jax.Array
    """Log-odds of theta minus those of phi."""
    from_rate: jax.Array
    """Log-odds of theta minus those of the reference rate."""


class Terms(NamedTuple):
    """The log density of each group, and its derivatives, (group,) each."""

    density: jax.Array
    by_a: jax.Array
    by_b: jax.Array
    by_z: jax.Array


def observed(counts: Counts, weight: ArrayLike) -> Observed:
    """Returns what ``explored_density`` needs of groups, in JAX's own precision.

    Args:
        counts: successes out of trials, (group,) each.
        weight: () or (group,) number of groups with these counts.
    """
    successes, failures, trials = counts.as_floats()
    return Observed(
        successes,
        failures,
        (successes + 0.5) / (trials + 1),
        (failures + 0.5) / (trials + 1),
        jnp.log(successes + 0.5) - jnp.log(failures + 0.5),
        0.5 * (successes - failures) / (trials + 1),
        jnp.broadcast_to(jnp.asarray(weight, trials.dtype), trials.shape),
    )


def around(
    a: jax.Array, b: jax.Array, successes: jax.Array, failures: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) approximate mean and sd of logit theta given the population and the counts.

    For Beta(A, B) they are a difference of digammas and the root of a sum of trigammas, which are
    replaced by the first two terms of their series.

    Args:
        a: () phi kappa.
        b: () (1 - phi) kappa.
        successes: (group,) y.
        failures: (group,) n - y.
    """
    one_a, one_b = _inverses(a, b, successes, failures)
    return jnp.log(_odds(one_a, one_b)) + 0.5 * (one_b - one_a), jnp.sqrt(_variance(one_a, one_b))


@jax.custom_jvp
def explored_density(
    a: jax.Array, b: jax.Array, logit_phi: jax.Array, z_theta: jax.Array, data: Observed
) -> jax.Array:
    """Returns () the log density of all z and of the counts, without the Beta function.

    To be added is the logarithm of the factor by which the density of every logit theta is scaled.
    Of the counts it leaves out what ``binomial`` leaves out.

    Args:
        a: () phi kappa.
        b: () (1 - phi) kappa.
        logit_phi: () log-odds of phi, which follow from ``a`` and ``b``, so that no derivative is
            taken by them.
        z_theta: (group,) standardized log-odds.
        data: what is known of the groups; no derivative is taken by it.
    """
    return _sums(a, b, logit_phi, z_theta, data).density


@explored_density.defjvp
def _explored_density_jvp(
    primals: tuple[jax.Array, jax.Array, jax.Array, jax.Array, Observed],
    tangents: tuple[jax.Array, jax.Array, jax.Array, jax.Array, Observed],
) -> tuple[jax.Array, jax.Array]:
    a_dot, b_dot, _, z_dot, _ = tangents
    sums = _sums(*primals)
    return sums.density, sums.by_a * a_dot + sums.by_b * b_dot + jnp.dot(sums.by_z, z_dot)


def _sums(
    a: jax.Array, b: jax.Array, logit_phi: jax.Array, z_theta: jax.Array, data: Observed
) -> Terms:
    """Returns the sums over groups, () each, but for the derivatives by z."""

    def of_all(z_theta: jax.Array, data: Observed) -> Terms:
        terms = _apart(_terms(a, b, logit_phi, z_theta, data))
        density, by_a, by_b = (jnp.dot(data.weight, term) for term in terms[:3])
        return Terms(density, by_a, by_b, data.weight * terms.by_z)

    def by_blocks(z_theta: jax.Array, data: Observed) -> Terms:
        def add(total: Terms, block: tuple[jax.Array, Observed]) -> tuple[Terms, jax.Array]:
            sums = of_all(*block)
            return jax.tree.map(jnp.add, total, sums._replace(by_z=jnp.zeros_like(a))), sums.by_z

        blocks = jax.tree.map(lambda leaf: leaf.reshape(-1, BLOCK), (z_theta, data))
        total, by_z = jax.lax.scan(add, Terms(*jnp.zeros((4,), a.dtype)), blocks)
        return total._replace(by_z=by_z.reshape(-1))

    # The rows of a fit are padded to a number that whole blocks fill.
    if z_theta.size % BLOCK or z_theta.size <= BLOCK:
        return of_all(z_theta, data)
    return jax.lax.platform_dependent(z_theta, data, cpu=by_blocks, default=of_all)


def _terms(
    a: jax.Array, b: jax.Array, logit_phi: jax.Array, z_theta: jax.Array, data: Observed
) -> Terms:
    kappa, trials = a + b, data.successes + data.failures
    phi, not_phi = jax.nn.sigmoid(logit_phi), jax.nn.sigmoid(-logit_phi)
    rates = _apart(_rates(a, b, logit_phi, z_theta, data))
    one_a, one_b, spread, one_spread, from_phi, from_rate = rates
    (log_mix, cost, beyond_phi), (_, misfit, beyond_rate) = _apart(
        (
            _divergence(phi, not_phi, from_phi),
            _divergence(data.rate, data.other, from_rate),
        )
    )
    density = data.excess * from_rate - kappa * cost - trials * misfit - quick_log(one_spread)

    by_logit = data.excess - kappa * beyond_phi - trials * beyond_rate
    # Derivatives of the logarithm of the spread, and of the log-odds of theta.
    precision = one_spread * one_spread
    narrower_a = -0.5 * one_a * (one_a * (1 + one_a) * precision)
    narrower_b = -0.5 * one_b * (one_b * (1 + one_b) * precision)
    moved = spread * z_theta
    moved_a = one_a * (1 + 0.5 * one_a) + moved * narrower_a
    moved_b = moved * narrower_b - one_b * (1 + 0.5 * one_b)
    # Derivatives of -kappa KL(phi || theta) at a given theta: log(theta / phi), and that of the
    # failures.
    log_theta, log_not_theta = (
        jnp.minimum(from_phi, 0) - log_mix,
        -jnp.maximum(from_phi, 0) - log_mix,
    )
    return Terms(
        density,
        log_theta + by_logit * moved_a + narrower_a,
        log_not_theta + by_logit * moved_b + narrower_b,
        by_logit * spread,
    )


def _rates(
    a: jax.Array, b: jax.Array, logit_phi: jax.Array, z_theta: jax.Array, data: Observed
) -> Rates:
    phi, not_phi = jax.nn.sigmoid(logit_phi), jax.nn.sigmoid(-logit_phi)
    one_a, one_b = _inverses(a, b, data.successes, data.failures)
    one_spread = jax.lax.rsqrt(_variance(one_a, one_b))
    spread = _variance(one_a, one_b) * one_spread
    # Where kappa is large, A / B is near the odds of phi: by so much is it larger, relatively.
    lift = (data.successes * not_phi - data.failures * phi) * (one_b * (1 / phi))
    is_near = jnp.abs(lift) < 0.5
    ratio = jnp.where(is_near, 1 + lift, _odds(one_a, one_b))
    logarithm = quick_log(ratio)
    lifted = jnp.where(is_near, _log1p(lift, ratio, logarithm), logarithm - logit_phi)
    from_phi = lifted + 0.5 * (one_b - one_a) + spread * z_theta
    from_rate = from_phi + (logit_phi - data.logit_rate)
    return Rates(one_a, one_b, spread, one_spread, from_phi, from_rate)


def _divergence(
    chance: jax.Array, other: jax.Array, shift: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns what a shift of its log-odds does to a chance p, which becomes q.

    Args:
        chance: p.
        other: 1 - p.
        shift: log-odds of q minus those of p.

    Returns:
        log(1 - p + p e^shift) for a negative shift, and log(p + (1 - p) e^-shift) for another;
        KL(p || q); and q - p. Each keeps its digits where p and q agree to many digits, and where
        either is within rounding of 0 or 1.
    """
    is_less = shift < 0
    falling, rising = jnp.where(is_less, chance, other), jnp.where(is_less, other, chance)
    size = jnp.abs(shift)
    lost = falling * jnp.expm1(-size)
    # 1 + lost would be a difference of near numbers where almost all is lost.
    is_little = lost > -0.5
    mix = jnp.where(is_little, 1 + lost, rising + falling * jnp.exp(-size))
    mix = jnp.maximum(mix, jnp.finfo(mix.dtype).tiny)
    logarithm = quick_log(mix)
    log_mix = jnp.where(is_little, _log1p(lost, mix, logarithm), logarithm)
    change = rising * lost / mix
    return log_mix, log_mix + falling * size, jnp.where(is_less, change, -change)


def _log1p(x: jax.Array, one_more: jax.Array, logarithm: jax.Array) -> jax.Array:
    """Returns log(1 + x), given 1 + x as it was rounded, and the logarithm of that.

    Source: W. Kahan's correction, as in Goldberg (1991), "What Every Computer Scientist Should Know
    About Floating-Point Arithmetic", theorem 4.
    """
    if x.dtype != jnp.float64:
        # Its logarithm near 1 is not as accurate as this takes.
        return jnp.log1p(x)
    rounded = one_more - 1
    return jnp.where(rounded == 0, x, logarithm * (x / rounded))


def _inverses(
    a: jax.Array, b: jax.Array, successes: jax.Array, failures: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) 1 / A and 1 / B, whose squares do not overflow."""
    smallest = jnp.sqrt(jnp.finfo(a.dtype).tiny)
    return 1 / jnp.maximum(a + successes, smallest), 1 / jnp.maximum(b + failures, smallest)


def _odds(one_a: jax.Array, one_b: jax.Array) -> jax.Array:
    """Returns (group,) A / B."""
    limits = jnp.finfo(one_a.dtype)
    return jnp.clip(one_b / one_a, limits.tiny, limits.max)


def _variance(one_a: jax.Array, one_b: jax.Array) -> jax.Array:
    """Returns (group,) the square of the spread."""
    return one_a * (1 + 0.5 * one_a) + one_b * (1 + 0.5 * one_b)


def _apart[T](values: T) -> T:
    """Returns the values, which XLA computes here, and not again wherever they are used."""
    return jax.lax.optimization_barrier(values)
