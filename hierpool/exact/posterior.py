"""``integrate``: the exact posterior of one data set, as a pure function.

What ``estimate`` is for tables of the host, this is for a JAX program: it may stand under ``jit``
and under ``vmap`` over data sets and hyperparameters.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.exact import beta_mixture
from hierpool.exact.chart import chart_of
from hierpool.exact.grid import Grid, column_quantiles, row_quantiles
from hierpool.exact.quadrature import Quadrature
from hierpool.likelihood.histograms import Data, log_reference
from hierpool.models.beta_population import BetaPopulation
from hierpool.runtime.jax_settings import default_promotion


class Population(NamedTuple):
    """The exact posterior of the population, () each. kappa, of infinite variance, has no mean."""

    phi_mean: jax.Array
    """Mean of phi."""
    phi_sd: jax.Array
    """Standard deviation of phi."""
    phi_lower: jax.Array
    """Lower end of phi's interval."""
    phi_upper: jax.Array
    """Upper end."""
    kappa_log_mean: jax.Array
    """Mean of kappa_log."""
    kappa_log_sd: jax.Array
    """Standard deviation of kappa_log."""
    kappa_median: jax.Array
    """Median of kappa."""
    kappa_lower: jax.Array
    """Lower end of kappa's interval."""
    kappa_upper: jax.Array
    """Upper end."""
    new_group_mean: jax.Array
    """Mean chance of success of a new group: that of phi."""
    new_group_lower: jax.Array
    """Lower end of the interval of a new group's chance."""
    new_group_upper: jax.Array
    """Upper end."""
    log_evidence: jax.Array
    """Log probability of the data under the model, binomial coefficients included."""
    error: jax.Array
    """Estimated error of the integration: of the log evidence, and of means and sds in units of the
    sd."""
    interval_error: jax.Array
    """Estimated error of the ends of a new group's interval, in probability."""
    converged: jax.Array
    """Whether ``error`` is within the tolerance, and the nodes reach beyond the mass."""
    others: dict[str, jax.Array]
    """Means and sds of what else the model reports, as ``tau_mean`` and ``tau_sd``."""


class Groups(NamedTuple):
    """The exact posterior of each group's chance of success, (group,) each."""

    mean: jax.Array
    """Mean."""
    sd: jax.Array
    """Standard deviation."""
    lower: jax.Array
    """Lower end of the interval."""
    upper: jax.Array
    """Upper end."""
    shrinkage: jax.Array
    """Mean of kappa / (kappa + n), the weight of the population's mean in the group's."""
    interval_error: jax.Array
    """Estimated error of the interval's ends, in probability."""


class Exact(NamedTuple):
    """An exact posterior."""

    groups: Groups
    """Of each group's chance."""
    population: Population
    """Of the population."""


# So that a program exported by ``jax.export`` can be written to a file.
for kind in (Population, Groups, Exact):
    register_namedtuple_serialization(kind, serialized_name=f"hierpool.{kind.__name__}")


@partial(jax.jit, static_argnames="quadrature")
def integrate(
    model: BetaPopulation,
    counts: Counts,
    quadrature: Quadrature | None = None,
    prob: ArrayLike = 0.89,
) -> Exact:
    """Returns the exact posterior of one data set: no draws, no Monte Carlo error.

    Pure, in the caller's precision; a quadrature that did not converge says so in
    ``population.converged``. In float32 the log evidence of counts beyond some thousands keeps
    fewer digits than in float64.

    Args:
        model: of a Beta population with theta integrated out, as ``CollapsedPartialPooling(...)``;
            its hyperparameters may be traced.
        counts: successes out of trials, (group,) each; 0 of 0 is a new group, and changes nothing.
        quadrature: settings of the integration; ``Quadrature()`` by default. Static.
        prob: probability of the intervals, equal-tailed.
    """
    with default_promotion():
        grid = explore(model, counts, Quadrature() if quadrature is None else quadrature)
        grids = jax.tree.map(lambda leaf: leaf[None], grid)
        which = jnp.zeros(jnp.shape(counts.trials), int)
        groups = of_groups(model, grids, which, counts, prob)
        return Exact(groups, of_population(model, grid, counts, prob))


def over_batch[T, Result](function: Callable[[T], Result], batch: T) -> Result:
    """Returns what a function makes of every part of a batch, each leaf (part, ...).

    A processor is quickest, and takes least memory, with one after another, which stay in its
    cache; an accelerator with all at once.
    """
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, batch)
    return jax.vmap(function)(batch)


def explore(model: object, data: Data, quadrature: Quadrature) -> Grid:
    """Returns the posterior of two numbers as weighted points.

    Args:
        model: a model with a position of two numbers.
        data: one data set, as it is or compressed, if the model takes it so.
        quadrature: settings of the integration.
    """
    return quadrature.integrate(chart_of(model, data))


def of_population(
    model: BetaPopulation, grid: Grid, data: Data, prob: ArrayLike, *, has_quantiles: bool = True
) -> Population:
    """Returns what a grid over the population of a model says of it.

    Without ``has_quantiles`` they are NaN, and cost nothing.
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
    phi_ends = new_group = jnp.full(2, jnp.nan, levels.dtype)
    kappa = jnp.full(3, jnp.nan, levels.dtype)
    interval_error = jnp.full((), jnp.nan, levels.dtype)
    if has_quantiles:
        # The chart maps each of the two numbers by itself; phi's median is not asked for.
        places = {"excess": row_quantiles(grid, levels), "log_odds": column_quantiles(grid, levels)}
        positions, _ = jax.vmap(model.from_chart)(places)
        phi_ends = jax.nn.sigmoid(positions["logit_phi"])[::2]
        kappa = jnp.exp(model.log_kappa(positions))
        unseen = Counts(jnp.zeros(1, int), jnp.zeros(1, int))
        # Nothing but the population tells of a new group: its tails are as long as that's.
        (new_group,), (interval_error,) = beta_mixture.quantiles(
            model, grid, unseen, levels[::2], num_nodes=256
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


def of_groups(
    model: BetaPopulation,
    grids: Grid,
    which: jax.Array,
    counts: Counts,
    prob: ArrayLike,
    *,
    has_quantiles: bool = True,
) -> Groups:
    """Returns what grids over the population of a model say of groups, (group,) each.

    Without ``has_quantiles`` they are NaN, and cost nothing.

    Args:
        model: of which the grids are posteriors.
        grids: one of each data set, each leaf (data set, ...).
        which: (group,) the data set that each group belongs to.
        counts: successes out of trials, (group,) each.
        prob: probability of the intervals.
        has_quantiles: whether to compute the intervals.
    """
    levels = _levels(prob, grids.weight.dtype)[::2]
    rows = jax.vmap(partial(beta_mixture.population, model))(grids)
    components = jax.vmap(partial(beta_mixture.components, model))(grids)

    def one(group: tuple[jax.Array, jax.Array, jax.Array]) -> Groups:
        number, y, n = group
        of_set, parts = jax.tree.map(lambda leaf: leaf[number], (rows, components))
        moments = beta_mixture.moments_of_one(of_set, y, n)
        ends, error = jnp.full(2, jnp.nan, levels.dtype), jnp.full((), jnp.nan, levels.dtype)
        if has_quantiles:
            ends, error = beta_mixture.quantiles_of_one(parts, y, n, levels)
            error = error + grids.thinned_error[number]
        return Groups(moments.mean, moments.sd, ends[0], ends[1], moments.shrinkage, error)

    y, _, n = counts.as_floats(levels.dtype)
    return beta_mixture.over_groups(one, (which, y, n))


def _levels(prob: ArrayLike, dtype: jax.typing.DTypeLike) -> jax.Array:
    prob = jnp.asarray(prob, dtype)
    return jnp.stack([(1 - prob) / 2, jnp.full_like(prob, 0.5), (1 + prob) / 2])


def _moments(weight: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean = jnp.sum(weight * values)
    return mean, jnp.sqrt(jnp.sum(weight * (values - mean) ** 2))
