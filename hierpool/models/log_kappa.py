"""Beta populations whose kappa may be any positive number, and is explored as log kappa."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np

from hierpool.arrays import exp, namespace, sigmoid
from hierpool.models.beta_population import BetaPopulation, ceiling
from hierpool.models.kappa_chart import LOG_EXCESSES, PLACES, unfolded
from hierpool.models.protocol import NumpyParameters, Parameters, Position


class LogKappa(BetaPopulation):
    """The base class of models with a Beta population, in ``logit_phi`` () and ``log_kappa`` ().

        phi, kappa ~ the prior of the derived class
        theta_i ~ Beta(phi kappa, (1 - phi) kappa)
        y_i ~ Binomial(n_i, theta_i)

    Theta is integrated out. A derived class, decorated by ``hp.model``, has its hyperparameters
    as fields, and two methods. ``log_prior(position)`` returns () the log prior density of
    logit_phi and log_kappa, with their Jacobians, and normalized so that the log evidence is right;
    ``start(key, data)`` returns () a random start for log_kappa. A third is needed only for draws
    from the prior: ``draw_population(rng, num_draws)`` returns (draw,) ``phi``, ``kappa_log`` and
    ``kappa`` by name.

    Examples:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import hierpool as hp
        >>> @hp.model
        ... class HalfCauchyPooling(hp.LogKappa):
        ...     scale: float = 10.0
        ...
        ...     def log_prior(self, position):
        ...         logit_phi, log_kappa = position["logit_phi"], position["log_kappa"]
        ...         uniform = jax.nn.log_sigmoid(logit_phi) + jax.nn.log_sigmoid(-logit_phi)
        ...         log_ratio = log_kappa - jnp.log(self.scale)
        ...         half_cauchy = jnp.log(2 / jnp.pi) + log_ratio - jax.nn.softplus(2 * log_ratio)
        ...         return uniform + half_cauchy
        ...
        ...     def start(self, key, data):
        ...         return jax.random.uniform(key, minval=0.0, maxval=4.0)
        >>> model = HalfCauchyPooling(scale=5.0)
        >>> position = {"logit_phi": jnp.array(0.0), "log_kappa": jnp.log(5.0)}
        >>> print(round(float(model.log_prior(position)), 2))
        -2.53
    """

    coordinate: ClassVar[str] = "log_kappa"

    def log_kappa(self, position: Position) -> jax.Array:
        """Returns () log kappa, limited so that kappa does not overflow."""
        log_kappa = position["log_kappa"]
        return namespace(log_kappa).minimum(log_kappa, ceiling(log_kappa.dtype))

    def reported(self, position: Position) -> Parameters:
        """Returns phi and kappa_log, whose mean and sd are reported."""
        return {"phi": sigmoid(position["logit_phi"]), "kappa_log": position["log_kappa"]}

    def population(self, position: Position) -> Parameters:
        """Returns the reported parameters, and kappa."""
        log_kappa = self.log_kappa(position)
        return self.reported(position) | {"kappa": exp(log_kappa)}

    def unconstrain(self, parameters: Mapping[str, np.ndarray]) -> NumpyParameters:
        """Returns the positions of draws of phi and kappa_log, (draw,) each, on the host."""
        # Imported late: it takes longer than the work of a small `estimate`.
        from scipy.special import logit

        return {"logit_phi": logit(parameters["phi"]), "log_kappa": parameters["kappa_log"]}

    def kappa_chart(self, dtype: jax.typing.DTypeLike) -> tuple[Any, Any]:
        """Returns (point,) chart coordinates for kappa from near 0 to huge, and log_kappa."""
        return PLACES.astype(dtype), LOG_EXCESSES.astype(dtype)

    def kappa_from_chart(self, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns () log_kappa at a chart coordinate, and the log-Jacobian."""
        return unfolded(place)
