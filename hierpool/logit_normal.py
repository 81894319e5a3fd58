"""The other population: normal log-odds, sampled on a scale of their own (non-centred).

Source: the rstanarm version of Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling
for Repeated Binary Trials"; Papaspiliopoulos, Roberts and Skold (2007), "A General Framework for
the Parametrization of Hierarchical Models", for the scale.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool import likelihood, normal_log_odds
from hierpool.counts import Counts
from hierpool.flat import Position
from hierpool.histograms import Data, Histograms, Pairs, rows, totals
from hierpool.models import model
from hierpool.population import Parameters, floats
from hierpool.special import HALF_LOG_TWO_PI


@model
class LogitPartialPooling:
    """Groups share a normal population of log-odds.

        mu ~ Normal(mu_mean, mu_sd)
        sigma ~ HalfNormal(sigma_sd)
        z_i ~ Normal(0, 1), theta_i = inverse_logit(mu + sigma z_i)
        y_i ~ Binomial(n_i, theta_i)

    The position is ``mu`` (), ``log_sigma`` () and ``z`` (group,).
    """

    mu_mean: ArrayLike = -1.0
    mu_sd: ArrayLike = 1.0
    sigma_sd: ArrayLike = 1.0

    def init(self, key: jax.Array, counts: Counts | Pairs) -> Position:
        """Returns a start: mu near the pooled log-odds, sigma from 0.05 to 1, z from its prior."""
        counts, _ = rows(counts)
        mu_key, sigma_key, z_key = jax.random.split(key, 3)
        successes, failures, _ = counts.as_floats()
        centre = jnp.log(successes.sum() + 0.5) - jnp.log(failures.sum() + 0.5)
        dtype = successes.dtype
        return {
            "mu": centre + 0.1 * jax.random.normal(mu_key, (), dtype),
            "log_sigma": jax.random.uniform(sigma_key, (), dtype, -3.0, 0.0),
            "z": jax.random.normal(z_key, successes.shape, dtype),
        }

    def log_density(self, position: Position, counts: Counts | Pairs) -> jax.Array:
        """Returns () the joint log posterior density, up to a constant of the data.

        ``counts`` may also be ``Pairs`` of a row a group, filled up with rows of no group.
        """
        counts, weight = rows(counts)
        mu, log_sigma, z = position["mu"], position["log_sigma"], position["z"]
        sigma = jnp.exp(log_sigma)
        data = likelihood.binomial(mu + sigma * z, counts)
        # The last term is log d sigma / d log_sigma.
        return _log_prior(self, mu, sigma) + log_sigma + jnp.sum(weight * (_log_normal(z) + data))

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns ``mu``, ``sigma`` and ``theta`` (group,). Nothing is drawn."""
        sigma = jnp.exp(position["log_sigma"])
        theta = jax.nn.sigmoid(position["mu"] + sigma * position["z"])
        return {"mu": position["mu"], "sigma": sigma, "theta": theta}

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over the population."""
        return _log_likelihood(parameters, counts)


@model
class CollapsedLogitPartialPooling:
    """The model of ``LogitPartialPooling`` with theta integrated out: two numbers to explore.

        mu ~ Normal(mu_mean, mu_sd)
        sigma ~ HalfNormal(sigma_sd)
        y_i ~ Binomial(n_i, inverse_logit(mu + sigma z)) averaged over z ~ Normal(0, 1)
        theta_i | y_i: inverse_logit(mu + sigma z_i), z_i from its conditional

    The posterior is the same. The position is ``log_sigma`` () and ``mu`` (). There is no closed
    form: each distinct (y, n) costs a quadrature of 49 nodes, of which the error is below 1e-9 in
    float64 for sigma up to 50 (``normal_log_odds``). ``constrain`` draws theta by inverting the
    distribution function, which it tabulates to 1e-6 or better.
    """

    mu_mean: ArrayLike = -1.0
    mu_sd: ArrayLike = 1.0
    sigma_sd: ArrayLike = 1.0

    def init(self, key: jax.Array, counts: Data) -> Position:
        """Returns a start: mu near the pooled log-odds, sigma from 0.05 to 1."""
        _distinct(counts)
        mu_key, sigma_key = jax.random.split(key)
        successes, failures, _ = totals(counts)
        dtype = successes.dtype
        centre = jnp.log(successes + 0.5) - jnp.log(failures + 0.5)
        return {
            "log_sigma": jax.random.uniform(sigma_key, (), dtype, -3.0, 0.0),
            "mu": centre + 0.1 * jax.random.normal(mu_key, (), dtype),
        }

    def log_density(self, position: Position, counts: Data) -> jax.Array:
        """Returns () the log posterior density of the population, up to a constant of the data.

        ``counts`` may also be ``Pairs``: it then costs as much as there are distinct (y, n).

        Raises:
            TypeError: ``counts`` are ``Histograms``.
        """
        mu, log_sigma = position["mu"], position["log_sigma"]
        sigma = jnp.exp(log_sigma)
        distinct, groups = _distinct(counts)
        each = normal_log_odds.logit_normal_binomial(mu, sigma, distinct)
        # log_sigma is log d sigma / d log_sigma.
        prior = _log_prior(self, mu, sigma) + log_sigma
        return prior + jnp.sum(jnp.asarray(groups, mu.dtype) * each)

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns ``mu``, ``sigma``, and ``theta`` (group,) drawn exactly."""
        mu, sigma = position["mu"], jnp.exp(position["log_sigma"])
        level = jax.random.uniform(key, jnp.shape(counts.trials), mu.dtype)
        return {"mu": mu, "sigma": sigma, "theta": theta_quantile(level, mu, sigma, counts)}

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over the population."""
        return _log_likelihood(parameters, counts)


def theta_quantile(level: jax.Array, mu: jax.Array, sigma: jax.Array, counts: Counts) -> jax.Array:
    """Returns (group,) quantiles of each theta given the population and the group's counts.

    Args:
        level: (group,) probabilities below the quantiles.
        mu: () mean of the population's log-odds.
        sigma: () their standard deviation.
        counts: successes out of trials of each group.
    """
    nodes = normal_log_odds.logit_normal_nodes(mu, sigma, counts, num_nodes=129)
    mass = nodes.mass
    # Of each cell, by the polynomial through six nodes: beyond the ends there is nothing.
    num_cells = mass.shape[0] - 1
    padded = jnp.pad(mass, ((2, 2), (0, 0)))
    stencil = (11 / 1440, -93 / 1440, 802 / 1440, 802 / 1440, -93 / 1440, 11 / 1440)
    cells = sum(w * padded[i : i + num_cells] for i, w in enumerate(stencil))
    below = jnp.cumsum(jnp.maximum(jnp.asarray(cells), 0), axis=0)
    mass, below = mass / below[-1], jnp.pad(below / below[-1], ((1, 0), (0, 0)))
    cell = jnp.clip(jnp.sum(below <= level, axis=0) - 1, 0, num_cells - 1)

    def at(table: jax.Array, row: jax.Array) -> jax.Array:
        return jnp.take_along_axis(table, row[None], axis=0)[0]

    # Within a cell, Hermite's cubic: its values and slopes are right at both ends.
    tiny = jnp.finfo(mass.dtype).tiny
    low, left, right = at(below, cell), at(mass, cell), at(mass, cell + 1)
    rise = jnp.maximum(at(below, cell + 1) - low, tiny)
    square, cube = 3 * rise - 2 * left - right, left + right - 2 * rise
    wanted = jnp.minimum(level - low, rise)
    place = wanted / rise
    for _ in range(4):
        value = place * (left + place * (square + place * cube))
        slope = left + place * (2 * square + 3 * place * cube)
        # In the far tails the cubic need not rise everywhere: there a chord will do.
        move = (value - wanted) / jnp.where(slope > 0.1 * rise, slope, rise)
        place = jnp.clip(place - move, 0, 1)
    # Between nodes too the scale is that of sinh.
    before, after = at(nodes.shift, cell) - nodes.centre, at(nodes.shift, cell + 1) - nodes.centre
    parts = before * jnp.sinh((1 - place) * nodes.spacing) + after * jnp.sinh(place * nodes.spacing)
    shift = nodes.centre + parts / jnp.sinh(nodes.spacing)
    successes, failures, _ = counts.as_floats(mu.dtype)
    return jax.nn.sigmoid(jnp.log(successes + 0.5) - jnp.log(failures + 0.5) + shift)


def _distinct(data: Data) -> tuple[Counts, ArrayLike]:
    """Returns the counts of a data set, and how many groups have each."""
    if isinstance(data, Histograms):
        raise TypeError(
            "CollapsedLogitPartialPooling needs the successes and trials of groups: give it "
            "Counts or Pairs, not Histograms, which do not tell them."
        )
    return (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)


def _log_likelihood(parameters: Parameters, counts: Counts) -> jax.Array:
    marginal = normal_log_odds.logit_normal_binomial(parameters["mu"], parameters["sigma"], counts)
    return marginal + likelihood.reference(counts)


def _log_prior(
    model: LogitPartialPooling | CollapsedLogitPartialPooling, mu: jax.Array, sigma: jax.Array
) -> jax.Array:
    """Returns () the log prior density of mu and sigma."""
    mean, sd, scale = floats(model.mu_mean, model.mu_sd, model.sigma_sd)
    half_normal = _log_normal(sigma / scale) - jnp.log(scale) + jnp.log(2.0).astype(sigma.dtype)
    return _log_normal((mu - mean) / sd) - jnp.log(sd) + half_normal


def _log_normal(x: jax.Array) -> jax.Array:
    return -0.5 * x * x - HALF_LOG_TWO_PI
