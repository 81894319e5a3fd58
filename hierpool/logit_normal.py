"""The other population: normal log-odds, sampled on a scale of their own (non-centred).

Source: the rstanarm version of Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling
for Repeated Binary Trials"; Papaspiliopoulos, Roberts and Skold (2007), "A General Framework for
the Parametrization of Hierarchical Models", for the scale.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool import likelihood
from hierpool.counts import Counts
from hierpool.flat import Position
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

    def init(self, key: jax.Array, counts: Counts) -> Position:
        """Returns a start: mu near the pooled log-odds, sigma from 0.05 to 1, z from its prior."""
        mu_key, sigma_key, z_key = jax.random.split(key, 3)
        successes, failures, _ = counts.as_floats()
        centre = jnp.log(successes.sum() + 0.5) - jnp.log(failures.sum() + 0.5)
        dtype = successes.dtype
        return {
            "mu": centre + 0.1 * jax.random.normal(mu_key, (), dtype),
            "log_sigma": jax.random.uniform(sigma_key, (), dtype, -3.0, 0.0),
            "z": jax.random.normal(z_key, successes.shape, dtype),
        }

    def log_density(self, position: Position, counts: Counts) -> jax.Array:
        """Returns () the joint log posterior density, up to a constant of the data."""
        mu, log_sigma, z = position["mu"], position["log_sigma"], position["z"]
        sigma = jnp.exp(log_sigma)
        data = likelihood.binomial(mu + sigma * z, counts)
        # The last term is log d sigma / d log_sigma.
        return self._log_prior(mu, sigma) + log_sigma + jnp.sum(_log_normal(z) + data)

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns ``mu``, ``sigma`` and ``theta`` (group,). Nothing is drawn."""
        sigma = jnp.exp(position["log_sigma"])
        theta = jax.nn.sigmoid(position["mu"] + sigma * position["z"])
        return {"mu": position["mu"], "sigma": sigma, "theta": theta}

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over the population."""
        marginal = likelihood.logit_normal_binomial(parameters["mu"], parameters["sigma"], counts)
        return marginal + likelihood.reference(counts)

    def _log_prior(self, mu: jax.Array, sigma: jax.Array) -> jax.Array:
        mean, sd, scale = floats(self.mu_mean, self.mu_sd, self.sigma_sd)
        half_normal = _log_normal(sigma / scale) - jnp.log(scale) + jnp.log(2.0).astype(sigma.dtype)
        return _log_normal((mu - mean) / sd) - jnp.log(sd) + half_normal


def _log_normal(x: jax.Array) -> jax.Array:
    return -0.5 * x * x - HALF_LOG_TWO_PI
