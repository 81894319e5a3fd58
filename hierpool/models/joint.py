"""The joint density of any model with a Beta population, with every theta explored."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.counts import Counts
from hierpool.likelihood.binomial import binomial
from hierpool.likelihood.compress import Distinct, padded_rows, quarter_octave
from hierpool.likelihood.explored_rates import around, explored_density, observed
from hierpool.likelihood.histograms import Data, Pairs, rows
from hierpool.likelihood.special import HALF_LOG_TWO_PI, bernoulli_divergence, stirling_remainder
from hierpool.models.beta_population import BetaPopulation
from hierpool.models.protocol import NumpyParameters, Parameters, Position, model


class ExploresTheta:
    """The same posterior with every theta explored, as ``logit_theta`` (group,).

    A model adds ``collapsed``, which returns the model with theta integrated out.
    """

    def collapsed(self) -> BetaPopulation:
        """Returns the model of the same posterior with theta integrated out."""
        raise NotImplementedError

    @property
    def heavy_tailed(self) -> tuple[str, ...]:
        """The parameters whose posterior variance is infinite: those of the other model."""
        return self.collapsed().heavy_tailed

    def init(self, key: jax.Array, data: Counts | Pairs) -> Position:
        """Returns a random start of the population near the data, and of theta given it."""
        population_key, theta_key = jax.random.split(key)
        position = self.collapsed().init(population_key, data)
        centre, spread = self._theta_around(position, data)
        # The sd of logit_theta may be in the thousands for a theta near 0. No start needs to be
        # that far out.
        noise = jax.random.normal(theta_key, centre.shape, centre.dtype)
        return position | {"logit_theta": centre + jnp.minimum(spread, 1) * noise}

    def log_density(self, position: Position, data: Counts | Pairs) -> jax.Array:
        """Returns () the joint log posterior density, up to a constant of the data.

        ``data`` may also be ``Pairs`` with one row for each group, padded with rows of weight 0.
        """
        population = self.collapsed()
        counts, weight = rows(data)
        logit_phi, logit_theta = position["logit_phi"], position["logit_theta"]
        kappa = jnp.exp(population.log_kappa(position))
        # The Beta density of theta on the logit scale, Jacobian included, is written as kappa times
        # a divergence from phi and a normalizer, in which the large terms of the Beta function have
        # cancelled.
        cost = kappa * bernoulli_divergence(logit_phi, logit_theta - logit_phi)
        theta = _normaliser(logit_phi, kappa) - cost
        likelihood = binomial(logit_theta, counts)
        return population.log_prior(position) + jnp.sum(weight * (theta + likelihood))

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns the population's parameters and ``theta`` (group,). Nothing is drawn."""
        theta = jax.nn.sigmoid(position["logit_theta"])
        return self.collapsed().population(position) | {"theta": theta}

    def standardize(self, position: Position, data: Counts | Pairs) -> Position:
        """Returns the position in the coordinates that NUTS explores.

        Given the population, logit_theta is nearly normal, and is standardized by its mean and sd.
        This removes the narrow neck of the joint density, where kappa is large and every theta is
        near phi.
        """
        centre, spread = self._theta_around(position, data)
        z_theta = (position["logit_theta"] - centre) / spread
        return self.collapsed().standardize(position, data) | {"z_theta": z_theta}

    def unstandardize(self, standard: Position, data: Counts | Pairs) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        position, log_jacobian = self.collapsed().unstandardize(standard, data)
        centre, spread = self._theta_around(position, data)
        logit_theta = centre + spread * standard["z_theta"]
        log_jacobian = log_jacobian + jnp.sum(rows(data)[1] * jnp.log(spread))
        return position | {"logit_theta": logit_theta}, log_jacobian

    def explored(self, data: Counts | Pairs) -> Callable[[Position], jax.Array]:
        """Returns the log density of a standardized position, with its gradient by hand."""
        population = self.collapsed()
        of_groups = observed(*rows(data))

        def log_density(standard: Position) -> jax.Array:
            position, log_jacobian = population.unstandardize(standard, data)
            logit_phi, kappa = position["logit_phi"], jnp.exp(population.log_kappa(position))
            theta = explored_density(
                *population.prior_counts(position), logit_phi, standard["z_theta"], of_groups
            )
            normaliser = jnp.sum(of_groups.weight) * _normaliser(logit_phi, kappa)
            return population.log_prior(position) + log_jacobian + normaliser + theta

        return log_density

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)."""
        return self.collapsed().log_likelihood(parameters, data)

    def compress(self, pairs: Distinct) -> Data:
        """Returns ``Pairs`` with one row for each group."""
        # The cost of a step is proportional to the number of rows, so few rows are added: 19 groups
        # take 1% longer as 20 rows, and 27% longer as 32.
        y, n = pairs.successes[pairs.inverse], pairs.trials[pairs.inverse]
        return padded_rows(y, n, quarter_octave(len(n)))

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) parameters of theta's Beta prior: phi kappa and (1 - phi) kappa."""
        return self.collapsed().theta_prior(parameters)

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name from the prior, on the host."""
        return self.collapsed().draw_prior(rng, num_draws, num_groups)

    def _theta_around(
        self, position: Position, data: Counts | Pairs
    ) -> tuple[jax.Array, jax.Array]:
        """Returns (group,) approximate mean and sd of logit_theta given the population and data."""
        successes, failures, _ = rows(data)[0].as_floats(position["logit_phi"].dtype)
        return around(*self.collapsed().prior_counts(position), successes, failures)


def _normaliser(logit_phi: jax.Array, kappa: jax.Array) -> jax.Array:
    """Returns () the logarithm of the factor by which the Beta density of logit theta is scaled."""
    log_phi, log_not_phi = jax.nn.log_sigmoid(logit_phi), jax.nn.log_sigmoid(-logit_phi)
    shares = jnp.exp(jnp.stack([log_phi, log_not_phi, jnp.zeros_like(log_phi)]))
    rest = stirling_remainder(kappa * shares)
    return (
        0.5 * (jnp.log(kappa) + log_phi + log_not_phi)
        - HALF_LOG_TWO_PI
        + (rest[2] - rest[0] - rest[1])
    )


@model
class Joint(ExploresTheta):
    """The joint density of another model's population and every theta.

    The posterior is that of the other model: ``Joint(CollapsedPartialPooling())`` is the model
    ``PartialPooling()``. Use it to study the joint density itself; otherwise the other model is
    faster. The position is that of the other model and ``logit_theta`` (group,).

    Args:
        population: a model with a Beta population and theta integrated out, such as
            ``GammaPartialPooling(...)`` or a model of your own derived from ``LogKappa``.

    Raises:
        TypeError: a keyword is not ``population``.

    Examples:
        >>> import hierpool as hp
        >>> model = hp.Joint(hp.CollapsedPartialPooling(kappa_log_rate=1.0))
        >>> model.collapsed()
        CollapsedPartialPooling(kappa_log_rate=1.0, phi_alpha=1.0, phi_beta=1.0)
    """

    population: BetaPopulation

    def collapsed(self) -> BetaPopulation:
        """Returns the model of the same posterior with theta integrated out."""
        return self.population
