"""What a model is: a few pure functions of one position and one data set.

``log_density`` is the log of prior times likelihood with every Jacobian, less one constant of the
data that is the same for all models (the sum of ``likelihood.binomial.reference``), so two models
of the same data can be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, dataclass_transform, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.input.errors import InputError
from hierpool.likelihood.compress import Distinct
from hierpool.likelihood.histograms import Data
from hierpool.runtime.keywords import suggesting

Position = dict[str, jax.Array]
"""A point of the unconstrained space, by the names of its coordinates."""
Parameters = dict[str, jax.Array]
"""What a position stands for, by the names of the parameters."""
NumpyParameters = dict[str, np.ndarray]
"""The same on the host, (draw,) each and (draw, group) for theta."""


def floats(*hyperparameters: ArrayLike) -> tuple[jax.Array, ...]:
    """Returns hyperparameters, which may be Python numbers, in JAX's default floating type."""
    dtype = jnp.result_type(float)
    return tuple(jnp.asarray(value, dtype) for value in hyperparameters)


@runtime_checkable
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


# What a model may offer beyond ``Model``. An answer asks for what it needs, not for a class.


@runtime_checkable
class Collapsible(Protocol):
    """A model whose posterior is known with theta integrated out."""

    def collapsed(self) -> Model:
        """Returns the model of the same posterior that does not explore theta."""
        ...


@runtime_checkable
class Compressible(Protocol):
    """A model that takes its data in another form than a row a group."""

    def compress(self, pairs: Distinct) -> Data:
        """Returns a data set in the form in which the density is evaluated.

        It is filled up to one of a few sizes, so that compiled programs serve many tables.
        """
        ...


@runtime_checkable
class BetaGroups(Protocol):
    """A model under which theta, given the population, has a Beta prior of its own."""

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) parameters of theta's Beta prior, positive; (1,) of no population."""
        ...


@runtime_checkable
class DrawsTheta(Protocol):
    """A model under which theta, given the population, has another prior than a Beta."""

    def draw_theta_prior(
        self, rng: np.random.Generator, parameters: Mapping[str, np.ndarray], num_groups: int
    ) -> np.ndarray:
        """Returns (draw, group) chances of groups of which no data are known."""
        ...


@runtime_checkable
class WorthTrials(Protocol):
    """A model whose population counts for a group as much as so many trials, roughly."""

    def prior_trials(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns (draw,) trials."""
        ...


@runtime_checkable
class Unconstrainable(Model, Protocol):
    """A model whose position follows from the parameters of its population."""

    def unconstrain(self, parameters: Mapping[str, np.ndarray]) -> NumpyParameters:
        """Returns the position of parameters, (draw,) each, on the host."""
        ...


@runtime_checkable
class DrawsPrior(Protocol):
    """A model that can be drawn from before there are data."""

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name, (draw,) or (draw, group), from the prior."""
        ...


def groups_differ(model: object) -> bool:
    """Returns whether groups have chances of their own; a model says so by ``groups_differ``."""
    return bool(getattr(model, "groups_differ", True))


def number(hyperparameter: ArrayLike) -> float:
    """Returns a hyperparameter on the host."""
    return float(np.asarray(hyperparameter))


def draw_beta(
    rng: np.random.Generator, alpha: ArrayLike, beta: ArrayLike, shape: tuple[int, ...]
) -> np.ndarray:
    """Returns draws of Beta variables by NumPy: they cost no compiling, and a tenth of the time."""
    # NumPy refuses parameters that have underflowed to 0: out there theta is 0 or 1 for certain.
    a, b = (np.maximum(np.asarray(value, float), 1e-300) for value in (alpha, beta))
    return rng.beta(a, b, shape)


def require[Capability](model: object, capability: type[Capability]) -> Capability:
    """Returns a model that offers what is needed.

    Raises:
        InputError: it does not; the message names the method that is missing.
    """
    if not isinstance(model, capability):
        lacking = [name for name in _methods(capability) if not hasattr(model, name)]
        raise InputError(
            f"{type(model).__name__} has no {' and no '.join(lacking)}, which this needs: add it "
            "to the model, as docs/models.md says, or take another."
        )
    return model


def _methods(protocol: type) -> list[str]:
    names = {name for kind in protocol.__mro__ for name in vars(kind)}
    return sorted(name for name in names if not name.startswith("_"))


@dataclass_transform(frozen_default=True)
def model[T](cls: type[T]) -> type[T]:
    """Returns the class as a frozen dataclass and a pytree with its hyperparameters as leaves.

    So is every class that is derived from it.
    """
    cls = dataclass(frozen=True)(cls)
    if not _is_registered(cls):
        jax.tree_util.register_dataclass(cls)
    setattr(cls, "__init_subclass__", classmethod(_register))  # noqa: B010  (as mypy wants it)
    return suggesting(cls)


def _is_registered(cls: type) -> bool:
    return vars(cls).get("_is_pytree", False)


def _register(cls: type) -> None:
    """Registers a derived class as a pytree, before it is known which fields it adds."""

    def flatten(instance: Any) -> tuple[list[Any], None]:
        return [getattr(instance, field.name) for field in fields(instance)], None

    def unflatten(_: None, leaves: Iterable[Any]) -> Any:
        # Not by the constructor: leaves may be anything while JAX looks at structures.
        instance: Any = object.__new__(cls)
        for field, leaf in zip(fields(instance), leaves, strict=True):
            object.__setattr__(instance, field.name, leaf)
        return instance

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    setattr(cls, "_is_pytree", True)  # noqa: B010
