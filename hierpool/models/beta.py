"""The Beta population of chances: the joint density, and the same with theta integrated out.

Source: Efron and Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations";
Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling for Repeated Binary Trials".
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood.binomial import binomial
from hierpool.likelihood.compress import Distinct, compress, padded_rows, quarter_octave
from hierpool.likelihood.histograms import Data, Pairs, log_marginal, rows
from hierpool.likelihood.special import (
    HALF_LOG_TWO_PI,
    bernoulli_divergence,
    stirling_remainder,
)
from hierpool.models import beta_population
from hierpool.models.protocol import NumpyParameters, Parameters, Position, model


@model
class PartialPooling:
    """Groups share a population, from which each learns what its own trials do not tell.

        phi ~ Beta(phi_alpha, phi_beta)
        kappa_log ~ Exponential(kappa_log_rate), kappa = exp(kappa_log)
        theta_i ~ Beta(phi kappa, (1 - phi) kappa)
        y_i ~ Binomial(n_i, theta_i)

    kappa counts prior trials, is always above 1, and is a priori Pareto(1, kappa_log_rate). The
    position is ``logit_phi`` (), ``log_kappa_log`` () and ``logit_theta`` (group,); the density is
    the joint one.
    """

    kappa_log_rate: ArrayLike = 1.5
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0

    def init(self, key: jax.Array, counts: Counts | Pairs) -> Position:
        """Returns a start: a rough draw of the population, and of theta given it."""
        population_key, theta_key = jax.random.split(key)
        position = beta_population.start(population_key, counts)
        centre, spread = _theta_around(position, counts)
        # A chance near 0 is spread over thousands on the logit scale: nobody need start out there.
        noise = jax.random.normal(theta_key, centre.shape, centre.dtype)
        return position | {"logit_theta": centre + jnp.minimum(spread, 1) * noise}

    def log_density(self, position: Position, counts: Counts | Pairs) -> jax.Array:
        """Returns () the joint log posterior density, up to a constant of the data.

        ``counts`` may also be ``Pairs`` of a row a group, filled up with rows of no group.
        """
        counts, weight = rows(counts)
        logit_phi, logit_theta = position["logit_phi"], position["logit_theta"]
        kappa = beta_population.concentration(position["log_kappa_log"])
        log_phi, log_not_phi = jax.nn.log_sigmoid(logit_phi), jax.nn.log_sigmoid(-logit_phi)
        # The Beta density of theta on the logit scale, so with its Jacobian: kappa times a
        # divergence from phi, and a normaliser in which the Beta function's large terms have
        # cancelled.
        shares = jnp.exp(jnp.stack([log_phi, log_not_phi, jnp.zeros_like(log_phi)]))
        rest = stirling_remainder(kappa * shares)
        normaliser = (
            0.5 * (jnp.log(kappa) + log_phi + log_not_phi)
            - HALF_LOG_TWO_PI
            + (rest[2] - rest[0] - rest[1])
        )
        theta = normaliser - kappa * bernoulli_divergence(logit_phi, logit_theta - logit_phi)
        data = binomial(logit_theta, counts)
        return beta_population.log_prior(self, position) + jnp.sum(weight * (theta + data))

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns ``phi``, ``kappa_log``, ``kappa`` and ``theta`` (group,). Nothing is drawn."""
        theta = jax.nn.sigmoid(position["logit_theta"])
        return beta_population.constrain(position) | {"theta": theta}

    def standardize(self, position: Position, counts: Counts | Pairs) -> Position:
        """Returns a position as NUTS explores it: what the population leaves open of each theta.

        Given the population, logit_theta is normal but for its skew: its mean and spread are taken
        out, and with them the neck of the joint density, where kappa is large and every theta near
        phi.
        """
        centre, spread = _theta_around(position, counts)
        z_theta = (position["logit_theta"] - centre) / spread
        return beta_population.standardize(position, counts) | {"z_theta": z_theta}

    def unstandardize(
        self, standard: Position, counts: Counts | Pairs
    ) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        position, log_jacobian = beta_population.unstandardize(standard, counts)
        centre, spread = _theta_around(position, counts)
        logit_theta = centre + spread * standard["z_theta"]
        log_jacobian = log_jacobian + jnp.sum(rows(counts)[1] * jnp.log(spread))
        return position | {"logit_theta": logit_theta}, log_jacobian

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)."""
        return beta_population.log_likelihood(parameters, counts)

    def collapsed(self) -> "CollapsedPartialPooling":
        """Returns the model of the same posterior with theta integrated out."""
        return CollapsedPartialPooling(**vars(self))

    def compress(self, pairs: Distinct) -> Data:
        """Returns ``Pairs`` of a row a group."""
        # A step over every theta costs as much as there are rows, so sizes stand close together: 19
        # groups take 1% longer as 20 rows, and 27% longer as 32.
        y, n = pairs.successes[pairs.inverse], pairs.trials[pairs.inverse]
        return padded_rows(y, n, quarter_octave(len(n)))

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) parameters of theta's Beta prior: phi kappa and (1 - phi) kappa."""
        return beta_population.theta_prior(parameters)

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name from the prior."""
        return beta_population.draw_prior(self, rng, num_draws, num_groups)


@model
class CollapsedPartialPooling:
    """The model of ``PartialPooling`` with theta integrated out: two numbers to explore.

        phi ~ Beta(phi_alpha, phi_beta)
        kappa_log ~ Exponential(kappa_log_rate), kappa = exp(kappa_log)
        y_i ~ BetaBinomial(n_i, phi kappa, (1 - phi) kappa)
        theta_i | y_i ~ Beta(phi kappa + y_i, (1 - phi) kappa + n_i - y_i)

    The posterior is the same. ``constrain`` draws theta exactly, so this is the model to take for
    speed, for many groups, and where the joint density is hard to sample.
    """

    kappa_log_rate: ArrayLike = 1.5
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0

    def init(self, key: jax.Array, counts: Data) -> Position:
        """Returns a start: a rough draw of the population."""
        return beta_population.start(key, counts)

    def log_density(self, position: Position, counts: Data) -> jax.Array:
        """Returns () the log posterior density of the population, up to a constant of the data.

        ``counts`` may also be compressed, to ``Histograms``, whose cost does not grow with the
        data, or to ``Pairs``.
        """
        log_kappa = beta_population.log_concentration(position["log_kappa_log"])
        data = log_marginal(position["logit_phi"], log_kappa, counts)
        return beta_population.log_prior(self, position) + data

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns ``phi``, ``kappa_log``, ``kappa``, and ``theta`` (group,) drawn exactly."""
        theta = beta_population.draw_theta(key, position, counts)
        return beta_population.constrain(position) | {"theta": theta}

    def standardize(self, position: Position, counts: Data) -> Position:
        """Returns a position as NUTS explores it: phi in units of what kappa leaves open of it."""
        return beta_population.standardize(position, counts)

    def unstandardize(self, standard: Position, counts: Data) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        return beta_population.unstandardize(standard, counts)

    def chart(self, counts: Data) -> tuple[Position, jax.Array]:
        """Returns points where the exact integration looks for the posterior first."""
        return beta_population.chart(counts)

    def from_chart(self, point: Position) -> tuple[Position, jax.Array]:
        """Returns the position of a point of the chart, and () the log-Jacobian of the map."""
        return beta_population.from_chart(point)

    def reported(self, position: Position) -> Position:
        """Returns phi and kappa_log, whose means and sds the integration has to get right."""
        return beta_population.reported(position)

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)."""
        return beta_population.log_likelihood(parameters, counts)

    def collapsed(self) -> "CollapsedPartialPooling":
        """Returns itself."""
        return self

    def compress(self, pairs: Distinct) -> Data:
        """Returns the histograms of a data set."""
        return compress(pairs)

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) parameters of theta's Beta prior: phi kappa and (1 - phi) kappa."""
        return beta_population.theta_prior(parameters)

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name from the prior."""
        return beta_population.draw_prior(self, rng, num_draws, num_groups)


def _theta_around(position: Position, counts: Counts | Pairs) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) mean and sd of logit_theta given the population and the data, nearly.

    For Beta(a, b) they are differences of digammas and trigammas: here, by their first two terms.
    """
    successes, failures, _ = rows(counts)[0].as_floats(position["logit_phi"].dtype)
    kappa = beta_population.concentration(position["log_kappa_log"])
    limits = jnp.finfo(kappa.dtype)
    smallest = jnp.sqrt(limits.tiny)
    a = jnp.maximum(kappa * jax.nn.sigmoid(position["logit_phi"]) + successes, smallest)
    b = jnp.maximum(kappa * jax.nn.sigmoid(-position["logit_phi"]) + failures, smallest)
    one_a, one_b = 1 / a, 1 / b
    ratio = jnp.clip(a * one_b, limits.tiny, limits.max)
    centre = jnp.log(ratio) + 0.5 * (one_b - one_a)
    return centre, jnp.sqrt(one_a * (1 + 0.5 * one_a) + one_b * (1 + 0.5 * one_b))
