"""The log-likelihood of a count with normal log-odds, integrated by a trapezoid rule.

    logit theta ~ Normal(mu, sigma), y ~ Binomial(n, theta)

The log-likelihood of the reference rate is subtracted from it, as in ``likelihood.binomial``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.arrays import (
    WithJvp,
    computed_once,
    namespace,
    repeat,
    sigmoid,
    softplus,
    stop_gradient,
)
from hierpool.counts import Counts
from hierpool.likelihood.special import HALF_LOG_TWO_PI


class LogitNormalNodes(NamedTuple):
    """The nodes of a trapezoid rule for the integral over each group's log-odds."""

    shift: jax.Array
    """(..., node, group) log-odds minus those of the group's reference rate, ascending."""
    mass: jax.Array
    """(..., node, group) integrand times the distance between nodes, divided by e^top."""
    top: jax.Array
    """(..., group) log of the integrand at its mode, minus ``reference``."""
    centre: jax.Array
    """(..., group) the shift at which nodes are densest: shift = centre + constant sinh(t), where
    the nodes are equidistant in t."""
    spacing: jax.Array
    """(..., group) distance between neighbouring nodes in t."""


def logit_normal_binomial(mu: jax.Array, sigma: jax.Array, counts: Counts) -> jax.Array:
    """Returns (..., group) log probability of y with theta integrated out, minus ``reference``.

        logit theta ~ Normal(mu, sigma), y ~ Binomial(n, theta)

    A group with 0 trials gives exactly 0. ``logit_normal_nodes`` states the error of the others.

    Args:
        mu: (...,) mean of the population's log-odds.
        sigma: (...,) sd of the population's log-odds; not negative.
        counts: successes out of trials of each group.
    """
    nodes = logit_normal_nodes(mu, sigma, counts)
    xp = namespace(nodes.mass)
    has_trials = xp.asarray(counts.trials) > 0
    return xp.where(has_trials, nodes.top + xp.log(nodes.mass.sum(axis=-2)), 0)


def logit_normal_nodes(
    mu: jax.Array, sigma: jax.Array, counts: Counts, *, num_nodes: int = 49
) -> LogitNormalNodes:
    """Returns the nodes of each group: around its mode, as far as the integrand matters.

    It is a trapezoid rule on a sinh scale. For a function that is smooth on the whole real line,
    the error of the trapezoid rule falls geometrically with the number of nodes. The sinh scale
    lets the nodes resolve the unit scale of log-odds on which the likelihood varies, and extend
    over many sds of a wide population. For derivatives, the nodes move with the mode, which keeps
    the terms of the score as small as possible.

    Compared with a dense rule in float64, the log of the integral has an error of at most 1e-12 for
    sigma up to 3, 1e-9 up to 50 and 1e-7 up to 10,000, for n up to a billion and mu from -20 to 5.
    Its derivatives have an error of at most 1e-10 for sigma up to 3 and 1e-8 up to 50 if n is at
    most a million; beyond that they have seven correct digits. In float32 the error is 1e-4, and
    5e-4 for the derivatives.

    Args:
        mu: (...,) mean of the population's log-odds.
        sigma: (...,) sd of the population's log-odds; a value above 1e6 is replaced by 1e6, so that
            its square does not overflow.
        counts: successes out of trials of each group.
        num_nodes: number of nodes of each group.
    """
    xp = namespace(mu, sigma, *counts)
    successes, failures, trials = counts.as_floats(mu.dtype, xp)
    mu, sigma = mu[..., None], sigma[..., None]
    reference_logit = xp.log(successes + 0.5) - xp.log(failures + 0.5)
    excess = (successes - 0.5 * trials) / (trials + 1)
    at_reference = _around(reference_logit, excess, trials)
    sigma = xp.minimum(sigma, 1e6)
    held_mu, s = stop_gradient((mu, sigma))
    from_reference = held_mu - reference_logit
    mode = _mode(from_reference, s, at_reference)
    score, information = at_reference.slopes(mode)
    at_mode = _around(reference_logit + mode, score, trials)
    ratio = s * s * information
    width = 1 / xp.sqrt(1 + ratio)
    # The mode minus the population mean, in population sds. If sigma is tiny, the difference has
    # lost its digits, and the score gives the value instead.
    at = xp.where(ratio < 1, s * score, (mode - from_reference) / s)
    left, right = _reach(at_mode, s, ratio)
    # The likelihood varies most near the reference rate, so the nodes must be dense there. The mode
    # is far from it for a group without successes or without failures.
    away = 7 * xp.maximum(s * width - 1.5, 0)
    centre = xp.clip(xp.clip(-mode, -away, away) / xp.maximum(s, 1), -left, right)
    scale = xp.minimum(2 * width, 3 / xp.maximum(s, 1))
    first, last = -xp.arcsinh((left + centre) / scale), xp.arcsinh((right - centre) / scale)
    spacing = (last - first) / (num_nodes - 1)
    # Otherwise XLA recomputes the quantities of a group at every node.
    of_group = at_mode, at, centre, scale, first, spacing
    at_mode, at, centre, scale, first, spacing = computed_once(of_group)

    def each(of_group: jax.Array) -> jax.Array:
        """Returns (..., 1, group): the same at each node."""
        return of_group[..., None, :]

    nodes = xp.arange(num_nodes, dtype=mu.dtype)[:, None]
    rise = xp.exp(each(first) + each(spacing) * nodes)
    step = each(centre) + 0.5 * each(scale) * (rise - 1 / rise)
    # These terms are zero, but carry the derivatives of the mode, with which every node moves.
    mu_rise, sigma_rise = mu - held_mu, sigma - s
    slide = -s * information * mu_rise + (score - s * information * at) * sigma_rise
    step = step + each(slide * width * width)
    from_mode = each(s) * step + (each(mu_rise) + each(sigma_rise) * (each(at) + step))
    # The first-order terms of the likelihood and of the population cancel, up to rounding.
    around = _Binomials(*map(each, at_mode))
    log_density = around.log_likelihood(from_mode) - step * (each(at) + 0.5 * step)
    cell = (0.5 * np.exp(-HALF_LOG_TWO_PI)) * each(scale * spacing) * (rise + 1 / rise)
    top = at_reference.log_likelihood(mode) - 0.5 * at * at
    mass = xp.exp(log_density) * cell
    return LogitNormalNodes(each(mode) + from_mode, mass, top, mode + s * centre, spacing)


def standard_log_odds(
    mu: jax.Array, sigma: jax.Array, counts: Counts
) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) mean and sd of z, where mu + sigma z are the log-odds, given the counts.

        z ~ Normal(0, 1), y ~ Binomial(n, inverse_logit(mu + sigma z))

    Both are approximations from the mode, and the curvature and skew at the mode. They are smooth
    in mu and sigma.

    Args:
        mu: () mean of the population's log-odds.
        sigma: () sd of the population's log-odds; not negative, and such that its square does not
            overflow.
        counts: successes out of trials of each group.
    """
    successes, failures, trials = counts.as_floats(mu.dtype)
    sign = jnp.where(successes > failures, -1, 1).astype(mu.dtype)
    rarer = jnp.minimum(successes, failures)

    def newton(
        z: jax.Array, mu: jax.Array, sigma: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        chance = jax.nn.sigmoid(sign * mu + sigma * z)
        curvature = 1 + sigma * sigma * (trials * (chance * (1 - chance)))
        slope = sigma * (rarer - trials * chance) - z
        # The mean is the mode plus half the third derivative divided by the squared curvature.
        skew = 0.5 * sigma * (curvature - 1) * (2 * chance - 1) / (curvature * curvature)
        return z + slope / curvature, curvature, skew

    held_mu, held_sigma = jax.lax.stop_gradient((mu, sigma))
    z = _near_mode(sign * held_mu, held_sigma, rarer, trials)
    for _ in range(3):
        z, _, _ = jax.lax.optimization_barrier(newton(z, held_mu, held_sigma))
    # At the mode one more Newton step changes no value, but gives the derivatives of the mode.
    z, _, _ = newton(z, mu, sigma)
    _, curvature, skew = newton(z, mu, sigma)
    return sign * (z + skew), 1 / jnp.sqrt(curvature)


def _near_mode(
    mu: jax.Array, sigma: jax.Array, successes: jax.Array, trials: jax.Array
) -> jax.Array:
    """Returns (group,) z near the mode for ``standard_log_odds``, if success is the rarer outcome.

    A group's log-likelihood is approximately weight (shift - e^shift), where shift is the log-odds
    minus the group's own log-odds. Under this approximation w = weight sigma^2 e^shift solves
    w + log w = level at the mode.
    """
    # The barriers give each logarithm a loop of its own: XLA does not vectorise a loop that has an
    # exponential as well.
    once = jax.lax.optimization_barrier
    own = jnp.log((successes + 0.5) / (trials - successes + 0.5))
    weight = (successes + 0.5) * (trials - successes + 0.5) / (trials + 1)
    reach = jnp.maximum(sigma * sigma * weight, jnp.finfo(mu.dtype).tiny)
    distance, log_reach = once((mu - own, jnp.log(reach)))
    level = once(jnp.maximum(log_reach + reach + distance, -46))
    w = jnp.maximum(level, 0) + jnp.log(once(1 + jnp.exp(-jnp.abs(level))))
    w = once(jnp.maximum(w, 1e-20))
    for _ in range(2):
        w = w / (1 + w) * (1 + level - once(jnp.log(w)))
    shift = jnp.where(w > 1, once(jnp.log(w)) - log_reach, reach + distance - w)
    return (shift - distance) / jnp.maximum(sigma, jnp.finfo(mu.dtype).tiny)


class _Binomials(NamedTuple):
    """Binomial log-likelihoods near given log-odds; each takes a logarithm and two exponentials."""

    logit: jax.Array
    """(group,) the log-odds from which shifts are measured."""
    sign: jax.Array
    """(group,) 1 if success is the rarer outcome at ``logit``, else -1."""
    rarer: jax.Array
    """(group,) the probability of the rarer outcome."""
    score: jax.Array
    """(group,) derivative of the log-likelihood at ``logit``."""
    trials: jax.Array
    """(group,) n."""

    def log_likelihood(self, shift: jax.Array) -> jax.Array:
        """Returns log Binomial(y | n, theta) at the log-odds logit + shift, minus that at logit."""
        return self.score * shift - self.trials * _divergence(self.rarer, self.sign * shift)

    def slopes(self, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the derivative of ``log_likelihood``, and its second derivative negated."""
        xp = namespace(shift)
        growth = xp.expm1(xp.minimum(self.sign * shift, _far(shift)))
        inverse = 1 / (1 + self.rarer * growth)
        information = self.trials * (self.rarer * (1 - self.rarer) * inverse)
        return self.score - self.sign * information * growth, information * inverse * (1 + growth)


def _around(logit: jax.Array, score: jax.Array, trials: jax.Array) -> _Binomials:
    sign = namespace(logit).where(logit > 0, -1, 1).astype(logit.dtype)
    return _Binomials(logit, sign, sigmoid(sign * logit), score, trials)


def _far(shift: jax.Array) -> float:
    """Returns the largest exponent that is used, so that the exponential does not overflow."""
    return 0.9 * float(np.log(jnp.finfo(shift.dtype).max))


@WithJvp
def _divergence(chance: jax.Array, shift: jax.Array) -> jax.Array:
    """Returns ``bernoulli_divergence`` for a probability up to 1/2, differentiable in ``shift``.

    It has no derivative in ``chance``, and takes a quarter of the time.
    """
    xp = namespace(chance, shift)
    near = xp.minimum(shift, _far(shift))
    # Beyond that, log(1 - p + p e^shift) is linear in the shift.
    return xp.log1p(chance * xp.expm1(near)) + (shift - near) - chance * shift


@_divergence.defjvp
def _divergence_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    chance, shift = primals
    growth = jnp.expm1(jnp.minimum(shift, _far(shift)))
    slope = chance * (1 - chance) * growth / (1 + chance * growth)
    return _divergence(chance, shift), slope * tangents[1]


def _mode(from_reference: jax.Array, sigma: jax.Array, binomials: _Binomials) -> jax.Array:
    """Returns (group,) modes of the log-odds, minus the log-odds of the reference rates.

    Args:
        from_reference: (group,) population mean minus the log-odds of the reference rates.
        sigma: () the population's sd.
        binomials: the log-likelihoods around the reference rates.
    """
    xp, variance = namespace(from_reference, sigma), sigma * sigma

    def newton(shift: jax.Array) -> jax.Array:
        # A step is limited to 4, because Newton's method may overshoot where the likelihood is
        # flat.
        score, information = binomials.slopes(shift)
        step = (variance * score + from_reference - shift) / (1 + variance * information)
        return shift + xp.clip(step, -4, 4)

    # The mode lies between the group's own log-odds and the population mean. It is no further from
    # the former than the point where the score would balance the pull of the whole distance.
    pull = from_reference / xp.maximum(variance, jnp.finfo(sigma.dtype).tiny)
    pull = pull / (binomials.trials + 1)
    chance, rest = sigmoid(binomials.logit), sigmoid(-binomials.logit)
    towards = xp.log1p(xp.maximum(pull / chance, -1)) - xp.log1p(xp.maximum(-pull / rest, -1))
    is_above = from_reference > 0
    start = xp.where(
        is_above, xp.minimum(from_reference, towards), xp.maximum(from_reference, towards)
    )
    return repeat(12, newton, start)


def _reach(
    binomials: _Binomials, sigma: jax.Array, ratio: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) upper bounds, left and right, of where the log integrand has fallen by 24.

    They are distances from the mode in population sds, and not much wider than necessary.

    Args:
        binomials: the log-likelihoods around the modes.
        sigma: () the population's sd.
        ratio: (group,) curvature of the likelihood divided by that of the population.
    """
    xp, drop = namespace(sigma, ratio), 24.0
    # The curvature of a binomial log-likelihood changes no faster than e^distance. So its drop is
    # at least information (e^-d - 1 + d), which is at least information d^2 / (2 + d).
    share = drop / xp.maximum(ratio, 1e-6 * drop)
    data = 0.5 * (share * sigma + xp.sqrt((share * sigma) ** 2 + 8 * share))
    both = 1 / xp.sqrt(1 / (2 * drop) + 1 / data**2)
    # On either side the log-likelihood falls by n times a softplus minus its tangent. The first
    # bound, ``linear``, replaces the softplus of an argument by the argument, which is smaller.
    z = xp.stack([-binomials.logit, binomials.logit])
    each = drop / binomials.trials
    linear = (each + softplus(-z)) / (sigmoid(-z) * sigma)
    reach = xp.minimum(both, linear)
    cost = each + softplus(z) + sigmoid(z) * sigma * reach
    bound = (cost + xp.log(-xp.expm1(-cost)) - z) / sigma
    # Near the mode the terms of ``bound`` cancel, and the first bounds are tight.
    left, right = xp.where(sigma * reach > 1, xp.minimum(reach, bound), reach)
    return left, right


def theta_quantile(level: jax.Array, mu: jax.Array, sigma: jax.Array, counts: Counts) -> jax.Array:
    """Returns (group,) quantiles of each theta given the population and the group's counts.

    Args:
        level: (group,) levels of the quantiles, from 0 to 1.
        mu: () mean of the population's log-odds.
        sigma: () sd of the population's log-odds.
        counts: successes out of trials of each group.
    """
    nodes = logit_normal_nodes(mu, sigma, counts, num_nodes=129)
    mass = nodes.mass
    # The mass of each cell, from the polynomial through six nodes. It is 0 beyond the last nodes.
    num_cells = mass.shape[0] - 1
    padded = jnp.pad(mass, ((2, 2), (0, 0)))
    stencil = (11 / 1440, -93 / 1440, 802 / 1440, 802 / 1440, -93 / 1440, 11 / 1440)
    cells = sum(w * padded[i : i + num_cells] for i, w in enumerate(stencil))
    below = jnp.cumsum(jnp.maximum(jnp.asarray(cells), 0), axis=0)
    mass, below = mass / below[-1], jnp.pad(below / below[-1], ((1, 0), (0, 0)))
    cell = jnp.clip(jnp.sum(below <= level, axis=0) - 1, 0, num_cells - 1)

    def at(table: jax.Array, row: jax.Array) -> jax.Array:
        return jnp.take_along_axis(table, row[None], axis=0)[0]

    # Within a cell the distribution function is Hermite's cubic, whose values and slopes are right
    # at both ends.
    tiny = jnp.finfo(mass.dtype).tiny
    low, left, right = at(below, cell), at(mass, cell), at(mass, cell + 1)
    rise = jnp.maximum(at(below, cell + 1) - low, tiny)
    square, cube = 3 * rise - 2 * left - right, left + right - 2 * rise
    wanted = jnp.minimum(level - low, rise)
    place = wanted / rise
    for _ in range(4):
        value = place * (left + place * (square + place * cube))
        slope = left + place * (2 * square + 3 * place * cube)
        # In the far tails the cubic may not increase everywhere; there the slope of the chord is
        # used instead.
        move = (value - wanted) / jnp.where(slope > 0.1 * rise, slope, rise)
        place = jnp.clip(place - move, 0, 1)
    # The interpolation between nodes is on the sinh scale as well.
    before, after = at(nodes.shift, cell) - nodes.centre, at(nodes.shift, cell + 1) - nodes.centre
    parts = before * jnp.sinh((1 - place) * nodes.spacing) + after * jnp.sinh(place * nodes.spacing)
    shift = nodes.centre + parts / jnp.sinh(nodes.spacing)
    successes, failures, _ = counts.as_floats(mu.dtype)
    return jax.nn.sigmoid(jnp.log(successes + 0.5) - jnp.log(failures + 0.5) + shift)
