"""``integrate``: the exact posterior of one data set, as a pure function.

It is the counterpart of ``estimate`` for JAX programs: it works under ``jit``, and under ``vmap``
over data sets and hyperparameters.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike

from hierpool.arrays import exp, is_on_host, namespace, over_first_axis, sigmoid
from hierpool.counts import Counts
from hierpool.exact import beta_mixture
from hierpool.exact.beta_mixture import Mixture
from hierpool.exact.chart import chart_of
from hierpool.exact.grid import Grid, column_quantiles, row_quantiles
from hierpool.exact.quadrature import Quadrature
from hierpool.likelihood.histograms import Data, log_reference
from hierpool.models.beta_population import BetaPopulation, beta_population_of
from hierpool.models.joint import ExploresTheta
from hierpool.runtime.jax_settings import default_promotion, platform


class Population(NamedTuple):
    """The exact posterior of the population, () each.

    kappa may have infinite variance, so its quantiles are given and not its mean.
    """

    phi_mean: jax.Array
    """Mean of phi."""
    phi_sd: jax.Array
    """Standard deviation of phi."""
    phi_lower: jax.Array
    """Lower end of phi's interval."""
    phi_upper: jax.Array
    """Upper end of phi's interval."""
    kappa_log_mean: jax.Array
    """Mean of kappa_log."""
    kappa_log_sd: jax.Array
    """Standard deviation of kappa_log."""
    kappa_median: jax.Array
    """Median of kappa."""
    kappa_lower: jax.Array
    """Lower end of kappa's interval."""
    kappa_upper: jax.Array
    """Upper end of kappa's interval."""
    new_group_mean: jax.Array
    """Mean of theta of a new group, which equals that of phi."""
    new_group_lower: jax.Array
    """Lower end of the interval of theta of a new group."""
    new_group_upper: jax.Array
    """Upper end of the interval of theta of a new group."""
    log_evidence: jax.Array
    """Log probability of the data under the model, binomial coefficients included."""
    error: jax.Array
    """Estimated error of the integration: of the log evidence, and of means and sds in units of the
    sd."""
    interval_error: jax.Array
    """Estimated error of the ends of a new group's interval, in probability."""
    converged: jax.Array
    """Whether ``error`` is within the tolerance, and the nodes cover the mass."""
    others: dict[str, jax.Array]
    """Means and sds of other parameters that the model reports, as ``tau_mean`` and ``tau_sd``."""


class Groups(NamedTuple):
    """The exact posterior of each group's chance of success, (group,) each."""

    mean: jax.Array
    """Posterior mean of theta."""
    sd: jax.Array
    """Posterior standard deviation of theta."""
    lower: jax.Array
    """Lower end of the interval."""
    upper: jax.Array
    """Upper end of the interval."""
    shrinkage: jax.Array
    """Posterior mean of kappa / (kappa + n), the weight of phi in theta's mean; between 0 and 1."""
    interval_error: jax.Array
    """Estimated error of the interval's ends, in probability."""


class Exact(NamedTuple):
    """An exact posterior, as ``integrate`` returns it."""

    groups: Groups
    """The posterior of each group's theta: moments and intervals, (group,) each."""
    population: Population
    """The posterior of phi, kappa and a new group's theta, the evidence and the error, () each."""


# So that a program exported by ``jax.export`` can be written to a file.
for kind in (Population, Groups, Exact):
    register_namedtuple_serialization(kind, serialized_name=f"hierpool.{kind.__name__}")


@partial(jax.jit, static_argnames="quadrature")
def integrate(
    model: BetaPopulation | ExploresTheta,
    counts: Counts,
    quadrature: Quadrature | None = None,
    prob: ArrayLike = 0.89,
) -> Exact:
    """Returns the exact posterior of one data set: no draws, no Monte Carlo error.

    It is a pure function, and works under ``jax.jit``, and under ``jax.vmap`` over data sets,
    hyperparameters and ``prob``. It runs in the caller's precision: in float32 the log evidence of
    counts above a few thousand keeps fewer digits than in float64. It checks and warns of nothing;
    ``estimate`` does, for data frames.

    Args:
        model: a model with a Beta population, as ``CollapsedPartialPooling(...)``; its
            hyperparameters may be traced.
        counts: successes out of trials, (group,) each; 0 of 0 is a new group, which does not change
            the posterior of the others.
        quadrature: settings of the integration; ``Quadrature()`` by default. Static.
        prob: () probability of the equal-tailed intervals, between 0 and 1.

    Returns:
        ``Exact`` with two fields.

        - ``groups``: (group,) each, ``mean``, ``sd``, ``lower`` and ``upper`` of theta;
          ``shrinkage``, the posterior mean of kappa / (kappa + n); and ``interval_error``, the
          estimated error of the interval's ends, in probability.
        - ``population``: () each, ``phi_mean``, ``phi_sd``, ``phi_lower``, ``phi_upper``;
          ``kappa_log_mean``, ``kappa_log_sd``; ``kappa_median``, ``kappa_lower``, ``kappa_upper``;
          ``new_group_mean``, ``new_group_lower``, ``new_group_upper`` of theta of a new group;
          ``log_evidence``, the log probability of the data under the model; ``error``, the
          estimated error of the log evidence, and of means and sds in units of the sd;
          ``interval_error`` of the new group's interval, in probability; ``converged``, whether
          ``error`` is within the tolerance; and ``others``, means and sds of further parameters.

    Raises:
        InputError: the groups of the model do not come from a Beta population.

    Examples:
        >>> import jax.numpy as jnp
        >>> import hierpool as hp
        >>> counts = hp.Counts(successes=jnp.array([18, 7, 0]), trials=jnp.array([45, 45, 4]))
        >>> exact = hp.integrate(hp.CollapsedPartialPooling(), counts)
        >>> print(exact.groups.mean.round(2), exact.population.converged)
        [0.39 0.16 0.11] True
    """
    with default_promotion():
        model = beta_population_of(model, "integrate")
        grid = explore(model, counts, Quadrature() if quadrature is None else quadrature)
        return posterior_of(model, grid, counts, counts, prob)


def over_batch[T, Result](function: Callable[[T], Result], batch: T) -> Result:
    """Returns the results of a function for every part of a batch, each leaf (part, ...).

    A CPU is fastest, and uses least memory, with one part after another, since each stays in its
    cache. An accelerator is fastest with all parts at once.
    """
    if is_on_host(*jax.tree.leaves(batch)):
        return over_first_axis(function, batch)
    if platform() == "cpu":
        return jax.lax.map(function, batch)
    return jax.vmap(function)(batch)


def explore(model: object, data: Data, quadrature: Quadrature) -> Grid:
    """Returns the posterior of two numbers as weighted points.

    Args:
        model: a model whose position is two numbers.
        data: one data set: counts, or compressed if the model accepts that.
        quadrature: settings of the integration.
    """
    return quadrature.integrate(chart_of(model, data))


def posterior_of(
    model: BetaPopulation, grid: Grid, data: Data, counts: Counts, prob: ArrayLike
) -> Exact:
    """Returns the posterior of one data set.

    Args:
        model: the model whose posterior the grid is.
        grid: the grid over its population.
        data: the data set, as the density was given it.
        counts: the groups to describe, (group,) each.
        prob: probability of the intervals.
    """
    mixture = beta_mixture.mixture_of(model, grid)
    mixtures = jax.tree.map(lambda leaf: leaf[None], mixture)
    which = namespace(grid.weight).zeros(np.shape(counts.trials), int)
    groups = of_groups(mixtures, which, counts, prob)
    return Exact(groups, of_population(model, grid, mixture, data, prob))


def of_population(
    model: BetaPopulation, grid: Grid, mixture: Mixture, data: Data, prob: ArrayLike
) -> Population:
    """Returns the posterior of a model's population, given a grid over it.

    Where the mixture has no components, the quantiles are NaN, and are not computed.
    """
    levels = _levels(prob, grid.weight.dtype)
    moments = {
        name: _moments(grid.weight, values)
        for name, values in model.reported(grid.positions).items()
    }
    (phi_mean, phi_sd), (kappa_log_mean, kappa_log_sd) = (
        moments.pop("phi"),
        moments.pop("kappa_log"),
    )
    xp = namespace(grid.weight)
    phi_ends = new_group = xp.full(2, np.nan, levels.dtype)
    kappa = xp.full(3, np.nan, levels.dtype)
    interval_error = xp.full((), np.nan, levels.dtype)
    if mixture.components is not None:
        # The chart transforms the two numbers separately, so quantiles map to quantiles. The
        # median of phi is not reported.
        places = {"excess": row_quantiles(grid, levels), "log_odds": column_quantiles(grid, levels)}
        from_chart = model.from_chart if xp is np else jax.vmap(model.from_chart)
        positions, _ = from_chart(places)
        phi_ends = sigmoid(positions["logit_phi"])[::2]
        kappa = exp(model.log_kappa(positions))
        unseen = Counts(xp.zeros(1, int), xp.zeros(1, int))
        # A new group has no data of its own, so its tails are as long as the population's: it
        # needs more points.
        (new_group,), (interval_error,) = beta_mixture.quantiles(
            mixture, unseen, levels[::2], 4 * mixture.num_points // 3
        )
    return Population(
        phi_mean,
        phi_sd,
        phi_ends[0],
        phi_ends[1],
        kappa_log_mean,
        kappa_log_sd,
        kappa[1],
        kappa[0],
        kappa[2],
        phi_mean,
        new_group[0],
        new_group[1],
        grid.log_evidence + log_reference(data),
        grid.error,
        interval_error,
        grid.converged,
        {
            f"{name}_{what}": value
            for name, pair in moments.items()
            for what, value in zip(("mean", "sd"), pair, strict=True)
        },
    )


def of_groups(mixtures: Mixture, which: Any, counts: Counts, prob: ArrayLike) -> Groups:
    """Returns the posteriors of groups, given their populations', (group,) each.

    Where the mixtures have no components, the quantiles are NaN, and are not computed.

    Args:
        mixtures: one for each data set, each leaf (data set, ...).
        which: (group,) the data set that each group belongs to.
        counts: successes out of trials, (group,) each.
        prob: probability of the intervals.
    """
    weight = mixtures.rows.weight
    levels, xp = _levels(prob, weight.dtype)[::2], namespace(weight)

    def of_block(block: tuple[jax.Array, jax.Array, jax.Array]) -> Groups:
        numbers, y, n = block
        of: Mixture = jax.tree.map(lambda leaf: leaf[numbers], mixtures)
        moments = beta_mixture.moments_of(of.rows, y, n)
        ends = xp.full((*y.shape, 2), np.nan, levels.dtype)
        error = xp.full(y.shape, np.nan, levels.dtype)
        if of.components is not None:
            ends, error = beta_mixture.quantiles_of(
                of.components, y, n, levels, mixtures.num_points
            )
            error = error + of.thinned_error
        lower, upper = ends[..., 0], ends[..., 1]
        return Groups(moments.mean, moments.sd, lower, upper, moments.shrinkage, error)

    y, _, n = counts.as_floats(levels.dtype, xp)
    return beta_mixture.over_groups(of_block, (which, y, n))


def _levels(prob: ArrayLike, dtype: jax.typing.DTypeLike) -> jax.Array:
    xp = namespace(prob)
    prob = xp.asarray(prob, dtype)
    return xp.stack([(1 - prob) / 2, xp.full_like(prob, 0.5), (1 + prob) / 2])


def _moments(weight: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean = (weight * values).sum()
    return mean, namespace(weight).sqrt((weight * (values - mean) ** 2).sum())
