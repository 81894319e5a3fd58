"""What a model is: a few pure functions of one position and one data set.

``log_density`` is the log of prior times likelihood with every Jacobian, less one constant of the
data that is the same for all models (the sum of ``likelihood.binomial.reference``), so two models
of the same data can be compared.
"""

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.runtime.keywords import suggesting

Position = dict[str, jax.Array]
"""A point of the unconstrained space, by the names of its coordinates."""
Parameters = dict[str, jax.Array]
"""What a position stands for, by the names of the parameters."""


def floats(*hyperparameters: ArrayLike) -> tuple[jax.Array, ...]:
    """Returns hyperparameters, which may be Python numbers, in JAX's default floating type."""
    dtype = jnp.result_type(float)
    return tuple(jnp.asarray(value, dtype) for value in hyperparameters)


class Model(Protocol):
    """What an inference algorithm needs to know of a model.

    All of it is pure and written for one position and one data set: batching is ``jax.vmap``.
    """

    def init(self, key: jax.Array, counts: Counts) -> Position:
        """Returns a start on the unconstrained space, spread a little wider than the posterior."""
        ...

    def log_density(self, position: Position, counts: Counts) -> jax.Array:
        """Returns () the log posterior density of the position, up to a constant of the data."""
        ...

    def constrain(self, key: jax.Array, position: Position, counts: Counts) -> Parameters:
        """Returns the parameters by name; what the position does not hold is drawn exactly."""
        ...

    def log_likelihood(self, parameters: Parameters, counts: Counts) -> jax.Array:
        """Returns (group,) log probability of each group's successes given the population.

        theta is integrated out, so that leaving one out leaves a group out.
        """
        ...


def model[T](cls: type[T]) -> type[T]:
    """Returns the class as a frozen dataclass and a pytree with its hyperparameters as leaves."""
    return suggesting(jax.tree_util.register_dataclass(dataclass(frozen=True)(cls)))
