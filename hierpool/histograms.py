"""The collapsed likelihood of a whole data set, at the cost of its distinct values.

Less the binomial coefficient, one group's log probability with theta integrated out is

    y log phi + (n - y) log(1 - phi) + r(phi kappa, y) + r((1 - phi) kappa, n - y) - r(kappa, n)
    r(x, m) = sum over j < m of log1p(j / x)

The first two terms are complete pooling, the r's are what the spread of the population adds. Summed
over groups they ask only how many groups have each value of y, of n - y and of n: three histograms,
which add up across files and machines. ``Pairs`` is the other way to be brief: a term for every
distinct (y, n). It keeps more digits where counts go to a billion.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood import against_reference, beta_binomial, reference
from hierpool.special import log1p_ratio, stirling_remainder


class Histogram(NamedTuple):
    """How many groups have each count: one of a data set's three, ready for ``log_rising``."""

    at: ArrayLike
    """(node,) where log1p(j / x) is taken: j = 1, 2, ..., and sparser further out."""
    weight: ArrayLike
    """(node,) how many groups have a count that exceeds j, of those not in the tail: where nodes
    are sparse, so weighted that the sum over all j comes out."""
    tail: ArrayLike
    """(distinct,) large counts; 0 fills up."""
    tail_groups: ArrayLike
    """(distinct,) how many groups have each."""


class Histograms(NamedTuple):
    """A data set by its three histograms: all that its collapsed likelihood depends on."""

    successes: Histogram
    """Of y."""
    failures: Histogram
    """Of n - y."""
    trials: Histogram
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


def log_marginal(logit_phi: jax.Array, kappa: jax.Array, data: Data) -> jax.Array:
    """Returns () the log probability of a data set with every theta integrated out.

    It is given less the sum of ``likelihood.reference``, as every log-likelihood here.

    Args:
        logit_phi: () log-odds of the population mean chance.
        kappa: () population concentration, in trials.
        data: the counts, as they are or compressed.
    """
    if isinstance(data, Counts):
        return jnp.sum(beta_binomial(logit_phi, kappa, data))
    if isinstance(data, Pairs):
        groups = jnp.asarray(data.groups, logit_phi.dtype)
        return jnp.sum(groups * beta_binomial(logit_phi, kappa, data.counts))
    floats = (jnp.asarray(value, logit_phi.dtype) for value in data[3:7])
    successes, trials, _, pooled = floats
    reference_logit = jnp.log(successes + 0.5) - jnp.log(trials - successes + 0.5)
    common = against_reference(reference_logit, logit_phi - reference_logit, successes, trials)
    a, b = kappa * jax.nn.sigmoid(logit_phi), kappa * jax.nn.sigmoid(-logit_phi)
    spread = log_rising(a, data.successes) + log_rising(b, data.failures)
    return pooled + common + (spread - log_rising(kappa, data.trials))


def log_rising(x: jax.Array, histogram: Histogram) -> jax.Array:
    """Returns () the sum over groups of r(x, m) = sum over j < m of log1p(j / x).

    Args:
        x: () positive.
        histogram: how many groups have each m.
    """
    at, weight, tail, groups = (jnp.asarray(leaf, x.dtype) for leaf in histogram)
    near = jnp.sum(weight * log1p_ratio(at, x))
    if not tail.shape[0]:
        return near
    # r(x, m) = log Gamma(x + m) - log Gamma(x) - m log x, by Stirling's formula.
    rise = log1p_ratio(tail, x)
    rest = stirling_remainder(x + tail) - stirling_remainder(x)
    far = tail * _mean_rise(tail / x) - 0.5 * rise + rest
    return near + jnp.sum(groups * far)


def log_reference(data: Data) -> jax.Array:
    """Returns () the sum of ``likelihood.reference``: what ``log_marginal`` is given less."""
    if isinstance(data, Histograms):
        return jnp.asarray(data.reference, jnp.result_type(float))
    if isinstance(data, Pairs):
        each = reference(data.counts)
        return jnp.sum(jnp.asarray(data.groups, each.dtype) * each)
    return jnp.sum(reference(data))


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


def _mean_rise(t: jax.Array) -> jax.Array:
    """Returns (1 + 1 / t) log1p(t) - 1: the mean of log1p(s) over s from 0 to t."""
    small = jnp.minimum(t, 0.1)
    # For small t the terms cancel: their power series, to rounding.
    series = jnp.zeros_like(t)
    for k in range(16, 0, -1):
        series = small * (1 / (k * (k + 1)) - series)
    large = jnp.maximum(t, 0.1)
    return jnp.where(t < 0.1, series, (1 + 1 / large) * jnp.log1p(large) - 1)
