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
        return self._log_density(_apart(self.unravel(position)))


@jax.custom_vjp
def _apart(position: Any) -> Any:
    """Returns the position; each leaf of its gradient is computed before they are put together.

    Otherwise XLA fuses the sums over all groups, which are the gradient of the population's
    parameters, with the copy into one vector. On an accelerator one thread then computes such a
    sum, which takes longer than all the rest of a leapfrog step. A processor has no such trouble.
    """
    return position


def _forward(position: Any) -> tuple[Any, None]:
    return position, None


def _backward(_: None, gradient: Any) -> tuple[Any]:
    # Decided where the program runs, so that one exported for an accelerator has the barrier.
    return (
        jax.lax.platform_dependent(
            gradient, cpu=lambda leaves: leaves, default=jax.lax.optimization_barrier
        ),
    )


_apart.defvjp(_forward, _backward)
