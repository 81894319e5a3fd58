"""Beta populations whose kappa may be any positive number, and is explored as log kappa."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from hierpool.models.beta_population import BetaPopulation, ceiling
from hierpool.models.kappa_chart import LOG_EXCESSES, PLACES, unfolded
from hierpool.models.protocol import Parameters, Position


class LogKappa(BetaPopulation):
    """The base class of models with a Beta population, in ``logit_phi`` () and ``log_kappa`` ()."""

    coordinate: ClassVar[str] = "log_kappa"

    def log_kappa(self, position: Position) -> jax.Array:
        """Returns () log kappa, limited so that kappa does not overflow."""
        return jnp.minimum(position["log_kappa"], ceiling(position["log_kappa"].dtype))

    def reported(self, position: Position) -> Parameters:
        """Returns phi and kappa_log, whose mean and sd are reported."""
        return {"phi": jax.nn.sigmoid(position["logit_phi"]), "kappa_log": position["log_kappa"]}

    def population(self, position: Position) -> Parameters:
        """Returns the reported parameters, and kappa."""
        return self.reported(position) | {"kappa": jnp.exp(self.log_kappa(position))}

    def kappa_chart(self, dtype: jax.typing.DTypeLike) -> tuple[jax.Array, jax.Array]:
        """Returns (point,) chart coordinates for kappa from near 0 to huge, and log_kappa."""
        return jnp.asarray(PLACES, dtype), jnp.asarray(LOG_EXCESSES, dtype)

    def kappa_from_chart(self, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns () log_kappa at a chart coordinate, and the log-Jacobian."""
        return unfolded(place)
