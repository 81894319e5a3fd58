"""The collapsed likelihood of a data set, at a cost that does not depend on the number of groups.

Without the binomial coefficient, the log probability of a group with theta integrated out is

    y log phi + (n - y) log(1 - phi) + r(phi kappa, y) + r((1 - phi) kappa, n - y) - r(kappa, n)
    r(x, m) = sum over j < m of log1p(j / x)

The first two terms are the log-likelihood of complete pooling; the terms r come from the spread of
the population. The sum over groups depends only on the number of groups with each value of y, of
n - y and of n. These are three histograms, which can be added over files and machines. Each enters
by a smooth function of one number, which is tabulated, so that an evaluation costs the same for any
number of groups. ``Pairs`` is another compressed form, with a term for each distinct (y, n). It
keeps more digits where counts reach a billion.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import is_on_host, namespace, sigmoid
from hierpool.counts import Counts
from hierpool.likelihood.binomial import against_reference, beta_binomial, reference
from hierpool.likelihood.rising import LOWEST

LOG_TWO = math.log(2)


class Rising(NamedTuple):
    """The sum over groups of r(x, m) as a function of x, for one of the three histograms.

    There is a polynomial for each octave of x, one below the octaves and one above; module
    ``rising`` computes them.
    """

    pieces: ArrayLike
    """(piece, coefficient) coefficients of the polynomials, the constant first."""
    slope: ArrayLike
    """() its decrease per unit of log x below the octaves: the sum of m - 1 over groups where
    m > 0."""


class Histograms(NamedTuple):
    """A data set as three histograms, which determine its collapsed likelihood."""

    successes: Rising
    """The function of the histogram of y."""
    failures: Rising
    """The function of the histogram of n - y."""
    trials: Rising
    """The function of the histogram of n."""
    total_successes: ArrayLike
    """() the sum of y."""
    total_trials: ArrayLike
    """() the sum of n."""
    num_groups: ArrayLike
    """() the number of groups that have trials."""
    pooled: ArrayLike
    """() log-likelihood of one common rate, (sum y + 1/2) / (sum n + 1), minus ``reference``."""
    reference: ArrayLike
    """() the sum of ``binomial.reference`` over groups."""


class Pairs(NamedTuple):
    """A data set as its distinct pairs (y, n)."""

    counts: Counts
    """(distinct,) successes out of trials."""
    groups: ArrayLike
    """(distinct,) the number of groups with each pair; 0 for padding."""


Data = Counts | Pairs | Histograms
"""One data set, in any of the forms that ``log_marginal`` takes."""


def log_marginal(logit_phi: jax.Array, log_kappa: jax.Array, data: Data) -> jax.Array:
    """Returns (...,) the log probability of a data set with every theta integrated out.

    The sum of ``binomial.reference`` over groups is subtracted from it, as from every
    log-likelihood here.

    Args:
        logit_phi: (...,) log-odds of the population mean chance of success.
        log_kappa: (...,) log of the population concentration, in trials.
        data: the counts, plain or compressed.
    """
    kappa = namespace(log_kappa).exp(log_kappa)
    if isinstance(data, Counts):
        return beta_binomial(logit_phi, kappa, data).sum(axis=-1)
    if isinstance(data, Pairs):
        groups = namespace(data.groups).asarray(data.groups, logit_phi.dtype)
        return (groups * beta_binomial(logit_phi, kappa, data.counts)).sum(axis=-1)
    xp = namespace(data.total_trials)
    floats = (xp.asarray(value, logit_phi.dtype) for value in data[3:7])
    successes, trials, _, pooled = floats
    reference_logit = xp.log(successes + 0.5) - xp.log(trials - successes + 0.5)
    common = against_reference(reference_logit, logit_phi - reference_logit, successes, trials)
    a, b = kappa * sigmoid(logit_phi), kappa * sigmoid(-logit_phi)
    spread = log_rising(a, data.successes) + log_rising(b, data.failures)
    return pooled + common + (spread - log_rising(kappa, data.trials))


def log_rising(x: jax.Array, rising: Rising) -> jax.Array:
    """Returns (...,) the sum over groups of r(x, m) = sum over j < m of log1p(j / x).

    Args:
        x: (...,) positive numbers. It is x and not its log, because a log in float32 loses more
            digits of x.
        rising: the tabulated function of x.
    """
    xp = namespace(x, *rising)
    pieces, slope = (xp.asarray(leaf, x.dtype) for leaf in rising)
    num_octaves = pieces.shape[0] - 2
    x = xp.maximum(x, jnp.finfo(x.dtype).tiny) / LOWEST
    octave, share = _octave(x)
    log_share = xp.log(share)
    # ``where`` and not ``minimum``, whose derivative is wrong where its two arguments are equal.
    is_below, is_above = octave < 0, octave >= num_octaves
    outside = xp.where(is_below, x, 2.0**num_octaves / x)
    u = 2 * xp.where(is_below | is_above, outside, log_share / LOG_TWO) - 1
    piece = xp.clip(octave, -1, num_octaves) + 1
    *lower, total = xp.moveaxis(xp.take(pieces, piece, axis=0, mode="clip"), -1, 0)
    for coefficient in reversed(lower):
        total = total * u + coefficient
    return total - slope * xp.where(is_below, octave * LOG_TWO + log_share, 0)


def _octave(x: Any) -> tuple[Any, Any]:
    """Returns k and x / 2^k, both exact, where 2^k is the largest power of 2 up to x > 0."""
    if is_on_host(x):
        mantissa, exponent = np.frexp(x)
        return exponent - 1, 2 * mantissa
    limits = jnp.finfo(x.dtype)
    bits = jax.lax.bitcast_convert_type(x, f"int{limits.bits}")
    power = jax.lax.bitcast_convert_type(bits >> limits.nmant << limits.nmant, x.dtype)
    return (bits >> limits.nmant) - (limits.maxexp - 1), x / power


def log_reference(data: Data) -> jax.Array:
    """Returns () the sum of ``binomial.reference``, which ``log_marginal`` subtracts."""
    if isinstance(data, Histograms):
        return namespace(data.reference).asarray(data.reference, jnp.result_type(float))
    if isinstance(data, Pairs):
        each = reference(data.counts)
        return (namespace(each).asarray(data.groups, each.dtype) * each).sum()
    return reference(data).sum()


def rows(data: Counts | Pairs) -> tuple[Counts, ArrayLike]:
    """Returns the rows of a data set, and the number of groups with the counts of each row."""
    return (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)


def num_rows(data: object) -> int:
    """Returns how many rows a density of the data reads; 1 if there are none, or nobody knows."""
    if not isinstance(data, Counts | Pairs):
        return 1
    counts, _ = rows(data)
    size = jnp.shape(counts.trials)[-1]
    # A program that is exported for any number of groups does not know it.
    return size if isinstance(size, int) else 1


def totals(data: Data) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns () the total successes, the total failures and the number of groups with trials."""
    dtype = jnp.result_type(float)
    if isinstance(data, Histograms):
        xp = namespace(data.total_trials)
        successes, trials, groups = (xp.asarray(value, dtype) for value in data[3:6])
        return successes, trials - successes, groups
    counts, weights = (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)
    xp = namespace(*counts)
    successes, failures, trials = counts.as_floats(xp=xp)
    weights = xp.asarray(weights, dtype)
    has_trials = (trials > 0).astype(dtype)
    return tuple((weights * value).sum() for value in (successes, failures, has_trials))
