"""Log-likelihoods of counts, each relative to that of the group's reference rate.

A binomial log-likelihood is a large number, but only its differences matter. So the log-likelihood
of the group's reference rate, (y + 1/2) / (n + 1), which depends on no parameter, is subtracted
from it. The difference is half a deviance, of order 1, and keeps its digits in float32 and float64,
for 45 trials and for a billion. ``reference`` returns what is subtracted, with the binomial
coefficient.

Source: the split of a log Beta function into an entropy, a determinant and Stirling remainders is
NIST Digital Library of Mathematical Functions, 5.11; the rest is algebra, checked in the tests
against 50-digit arithmetic.
"""

import jax
import jax.numpy as jnp

from hierpool.arrays import namespace, sigmoid
from hierpool.counts import Counts
from hierpool.likelihood.special import (
    HALF_LOG_TWO_PI,
    bernoulli_divergence,
    log1p_ratio,
    stirling_remainder,
)


def reference(counts: Counts) -> jax.Array:
    """Returns (group,) log Binomial(y | n, (y + 1/2) / (n + 1)), with the binomial coefficient.

    Add it to ``binomial`` or ``beta_binomial`` to get the log probability of the counts.
    """
    xp = namespace(*counts)
    successes, failures, trials = counts.as_floats(xp=xp)

    def half(count: jax.Array) -> jax.Array:
        shifted = count + 1
        log_factorial_rest = 0.5 * xp.log(shifted) + stirling_remainder(shifted)
        return count * xp.log1p(-0.5 / shifted) - log_factorial_rest

    total = 0.5 * xp.log(trials + 1) + stirling_remainder(trials + 1)
    return half(successes) + half(failures) + total + (1 - HALF_LOG_TWO_PI)


def binomial(logit_theta: jax.Array, counts: Counts) -> jax.Array:
    """Returns (group,) log Binomial(y | n, theta), minus ``reference``.

    Args:
        logit_theta: (group,) log-odds of success of each group.
        counts: successes out of trials of each group.
    """
    successes, failures, trials = counts.as_floats(logit_theta.dtype)
    reference_logit = jnp.log(successes + 0.5) - jnp.log(failures + 0.5)
    return against_reference(reference_logit, logit_theta - reference_logit, successes, trials)


def beta_binomial(logit_phi: jax.Array, kappa: jax.Array, counts: Counts) -> jax.Array:
    """Returns (..., group) log probability of y with theta integrated out, minus ``reference``.

        theta ~ Beta(phi kappa, (1 - phi) kappa), y ~ Binomial(n, theta)

    A group with 0 trials gives exactly 0.

    Args:
        logit_phi: (...,) log-odds of the population mean chance of success.
        kappa: (...,) population concentration, in trials.
        counts: successes out of trials of each group.
    """
    xp = namespace(logit_phi, kappa, *counts)
    successes, failures, trials = counts.as_floats(logit_phi.dtype, xp)
    logit_phi, kappa = logit_phi[..., None], kappa[..., None]
    # Under some priors phi is so near 0 or 1 that a count divided by a or b would overflow.
    smallest = jnp.finfo(logit_phi.dtype).tiny * 2.0**30
    a = xp.maximum(kappa * sigmoid(logit_phi), smallest)
    b = xp.maximum(kappa * sigmoid(-logit_phi), smallest)
    # How much the data raise the log of each Beta parameter; the difference of the two is the
    # change in the log-odds of the mean.
    lift_a, lift_b = log1p_ratio(successes, a), log1p_ratio(failures, b)
    from_reference = _log_ratio(a, successes) - _log_ratio(b, failures)
    reference_logit = xp.log(successes + 0.5) - xp.log(failures + 0.5)
    # The three terms are the log-likelihood at the posterior mean of theta, the cost of that mean
    # under the population, and the log ratio of the posterior's width to the population's.
    at_mean = against_reference(reference_logit, from_reference, successes, trials)
    cost = kappa * bernoulli_divergence(logit_phi, lift_a - lift_b)
    widths = 0.5 * (xp.log1p(trials / kappa) - lift_a - lift_b)
    before = xp.broadcast_arrays(a, b, kappa)
    after = xp.broadcast_arrays(a + successes, b + failures, kappa + trials)
    rest = stirling_remainder(xp.stack(after)) - stirling_remainder(xp.stack(before))
    rest = rest[0] + rest[1] - rest[2]
    return at_mean - cost + widths + rest


def against_reference(
    reference_logit: jax.Array, shift: jax.Array, successes: jax.Array, trials: jax.Array
) -> jax.Array:
    """Returns log Binomial(y | n, theta) minus its value at (y + 1/2) / (n + 1), elementwise.

    Args:
        reference_logit: log-odds of (y + 1/2) / (n + 1).
        shift: log-odds of theta minus ``reference_logit``.
        successes: y.
        trials: n.
    """
    # This is y - n (y + 1/2) / (n + 1). The reference rate differs a little from the raw rate
    # y / n, so that it is never 0 or 1.
    excess = (successes - 0.5 * trials) / (trials + 1)
    return excess * shift - trials * bernoulli_divergence(reference_logit, shift)


def _log_ratio(parameter: jax.Array, count: jax.Array) -> jax.Array:
    """Returns log((parameter + count) / (1/2 + count))."""
    xp = namespace(parameter, count)
    # The larger is divided by the smaller, so that the argument of log1p is never near -1.
    larger = parameter > 0.5
    excess = xp.where(larger, parameter - 0.5, 0.5 - parameter)
    log_ratio = log1p_ratio(excess, count + xp.minimum(parameter, 0.5))
    return xp.where(larger, log_ratio, -log_ratio)
