"""A position as one vector, which is the form that samplers need."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree


class Flat:
    """A log density over positions, with every position as one vector.

    Args:
        log_density: log density of a position, a pytree of arrays.
        init: returns a start from a key.
    """

    def __init__(
        self, log_density: Callable[[Any], jax.Array], init: Callable[[jax.Array], Any]
    ) -> None:
        self._log_density, self._init = log_density, init
        position = jax.eval_shape(init, jax.random.key(0))
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), position)
        flat, self.unravel = ravel_pytree(zeros)
        self.num_dimensions = flat.size

    def init(self, key: jax.Array) -> jax.Array:
        """Returns a start (dim,)."""
        return ravel_pytree(self._init(key))[0]

    def log_density(self, position: jax.Array) -> jax.Array:
        """Returns () the log density of a position (dim,)."""
        return self._log_density(self.unravel(position))
