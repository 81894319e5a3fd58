"""The collapsed likelihood of a whole data set, at a cost that does not grow with it.

Less the binomial coefficient, one group's log probability with theta integrated out is

    y log phi + (n - y) log(1 - phi) + r(phi kappa, y) + r((1 - phi) kappa, n - y) - r(kappa, n)
    r(x, m) = sum over j < m of log1p(j / x)

The first two terms are complete pooling, the r's are what the spread of the population adds. Summed
over groups they ask only how many groups have each value of y, of n - y and of n: three histograms,
which add up across files and machines. Each is a smooth function of one number, and is tabulated:
so an evaluation costs the same for any number of groups. ``Pairs`` is the other way to be brief: a
term for every distinct (y, n). It keeps more digits where counts go to a billion.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood.binomial import against_reference, beta_binomial, reference
from hierpool.likelihood.rising import LOWEST

LOG_TWO = math.log(2)


class Rising(NamedTuple):
    """The sum over groups of r(x, m), as a function of x: one of a data set's three histograms.

    A polynomial for each octave of x, one below and one above; see ``rising``, which makes them.
    """

    pieces: ArrayLike
    """(piece, coefficient) of the polynomials, the constant first."""
    slope: ArrayLike
    """() how fast it falls with log x below the octaves: the sum over groups of m - 1, if m > 0."""


class Histograms(NamedTuple):
    """A data set by its three histograms: all that its collapsed likelihood depends on."""

    successes: Rising
    """Of y."""
    failures: Rising
    """Of n - y."""
    trials: Rising
    """Of n."""
    total_successes: ArrayLike
    """() the sum of y."""
    total_trials: ArrayLike
    """() the sum of n."""
    num_groups: ArrayLike
    """() how many groups have trials."""
    pooled: ArrayLike
    """() log-likelihood of one common chance, (sum y + 1/2) / (sum n + 1), less ``reference``."""
    reference: ArrayLike
    """() the sum of ``likelihood.reference`` over groups."""


class Pairs(NamedTuple):
    """A data set by its distinct (y, n)."""

    counts: Counts
    """(distinct,) successes out of trials."""
    groups: ArrayLike
    """(distinct,) how many groups have them; 0 fills up."""


Data = Counts | Pairs | Histograms
"""One data set, in any of the forms that ``log_marginal`` takes."""


def log_marginal(logit_phi: jax.Array, log_kappa: jax.Array, data: Data) -> jax.Array:
    """Returns () the log probability of a data set with every theta integrated out.

    It is given less the sum of ``likelihood.reference``, as every log-likelihood here.

    Args:
        logit_phi: () log-odds of the population mean chance.
        log_kappa: () log of the population concentration, in trials.
        data: the counts, as they are or compressed.
    """
    if isinstance(data, Counts):
        return jnp.sum(beta_binomial(logit_phi, jnp.exp(log_kappa), data))
    if isinstance(data, Pairs):
        groups = jnp.asarray(data.groups, logit_phi.dtype)
        return jnp.sum(groups * beta_binomial(logit_phi, jnp.exp(log_kappa), data.counts))
    floats = (jnp.asarray(value, logit_phi.dtype) for value in data[3:7])
    successes, trials, _, pooled = floats
    reference_logit = jnp.log(successes + 0.5) - jnp.log(trials - successes + 0.5)
    common = against_reference(reference_logit, logit_phi - reference_logit, successes, trials)
    kappa = jnp.exp(log_kappa)
    a, b = kappa * jax.nn.sigmoid(logit_phi), kappa * jax.nn.sigmoid(-logit_phi)
    spread = log_rising(a, data.successes) + log_rising(b, data.failures)
    return pooled + common + (spread - log_rising(kappa, data.trials))


def log_rising(x: jax.Array, rising: Rising) -> jax.Array:
    """Returns () the sum over groups of r(x, m) = sum over j < m of log1p(j / x).

    Args:
        x: () positive. It is taken itself and not its log, of which float32 would leave less.
        rising: the function of x, tabulated.
    """
    pieces, slope = (jnp.asarray(leaf, x.dtype) for leaf in rising)
    num_octaves = pieces.shape[0] - 2
    x = jnp.maximum(x, jnp.finfo(x.dtype).tiny) / LOWEST
    octave, share = _octave(x)
    log_share = jnp.log(share)
    # Choices, and no minima: those have no slope of their own where two are equal.
    is_below, is_above = octave < 0, octave >= num_octaves
    outside = jnp.where(is_below, x, 2.0**num_octaves / x)
    u = 2 * jnp.where(is_below | is_above, outside, log_share / LOG_TWO) - 1
    *lower, total = pieces.at[jnp.clip(octave, -1, num_octaves) + 1].get(mode="clip")
    for coefficient in reversed(lower):
        total = total * u + coefficient
    return total - slope * jnp.where(is_below, octave * LOG_TWO + log_share, 0)


def _octave(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns k and x / 2^k, exactly, where 2^k is the power of two that is next below x > 0."""
    limits = jnp.finfo(x.dtype)
    bits = jax.lax.bitcast_convert_type(x, f"int{limits.bits}")
    power = jax.lax.bitcast_convert_type(bits >> limits.nmant << limits.nmant, x.dtype)
    return (bits >> limits.nmant) - (limits.maxexp - 1), x / power


def log_reference(data: Data) -> jax.Array:
    """Returns () the sum of ``likelihood.reference``: what ``log_marginal`` is given less."""
    if isinstance(data, Histograms):
        return jnp.asarray(data.reference, jnp.result_type(float))
    if isinstance(data, Pairs):
        each = reference(data.counts)
        return jnp.sum(jnp.asarray(data.groups, each.dtype) * each)
    return jnp.sum(reference(data))


def rows(data: Counts | Pairs) -> tuple[Counts, ArrayLike]:
    """Returns the counts of a data set, and how many groups have each."""
    return (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)


def totals(data: Data) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns () the successes and failures of a data set, and how many groups have trials."""
    dtype = jnp.result_type(float)
    if isinstance(data, Histograms):
        successes, trials, groups = (jnp.asarray(value, dtype) for value in data[3:6])
        return successes, trials - successes, groups
    counts, weights = (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)
    successes, failures, trials = counts.as_floats()
    weights = jnp.asarray(weights, dtype)
    has_trials = (trials > 0).astype(dtype)
    return tuple(jnp.sum(weights * value) for value in (successes, failures, has_trials))  # type: ignore[return-value]
