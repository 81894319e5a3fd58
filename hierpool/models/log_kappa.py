"""Populations whose kappa is explored as its log: any positive number, below 1 too."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from hierpool.models.beta_population import BetaPopulation, ceiling
from hierpool.models.kappa_chart import LOG_EXCESSES, PLACES, unfolded
from hierpool.models.protocol import Parameters, Position


class LogKappa(BetaPopulation):
    """A Beta population explored in ``logit_phi`` () and ``log_kappa`` ()."""

    coordinate: ClassVar[str] = "log_kappa"

    def log_kappa(self, position: Position) -> jax.Array:
        """Returns () log kappa, held below where kappa overflows."""
        return jnp.minimum(position["log_kappa"], ceiling(position["log_kappa"].dtype))

    def reported(self, position: Position) -> Parameters:
        """Returns phi and kappa_log, of which means and sds are reported."""
        return {"phi": jax.nn.sigmoid(position["logit_phi"]), "kappa_log": position["log_kappa"]}

    def population(self, position: Position) -> Parameters:
        """Returns what is reported, and kappa."""
        return self.reported(position) | {"kappa": jnp.exp(self.log_kappa(position))}

    def kappa_chart(self, dtype: jax.typing.DTypeLike) -> tuple[jax.Array, jax.Array]:
        """Returns (point,) places from a kappa near 0 to the largest, and their log_kappa."""
        return jnp.asarray(PLACES, dtype), jnp.asarray(LOG_EXCESSES, dtype)

    def kappa_from_chart(self, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns () log_kappa of a place, and the log-Jacobian."""
        return unfolded(place)
