"""The protocol of a model: a few pure functions of one position and one data set.

``log_density`` is the log of prior times likelihood, with every Jacobian, minus a constant that
depends on the data alone, the sum of ``likelihood.binomial.reference``. The constant is the same
for every model, so that models of the same data can be compared.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, dataclass_transform, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import namespace
from hierpool.counts import Counts
from hierpool.input.errors import InputError
from hierpool.likelihood.compress import Distinct
from hierpool.likelihood.histograms import Data
from hierpool.runtime.keywords import suggest_settings

GROUPS = "groups"
"""The dimension of theta, y and n, whose coordinate holds the groups' names. It is not "group",
since ArviZ's ``plot_prior_posterior`` uses that name, and fails if a variable has it."""
Position = dict[str, jax.Array]
"""A point of the unconstrained space: its coordinates by name."""
Parameters = dict[str, jax.Array]
"""The constrained parameters of a position, by name."""
NumpyParameters = dict[str, np.ndarray]
"""Draws of parameters on the host, by name: (draw,) each, and (draw, group) for theta."""


def floats(*hyperparameters: ArrayLike) -> tuple[jax.Array, ...]:
    """Returns hyperparameters, which may be Python numbers, in JAX's default floating type.

    They are NumPy's, and so constants of a program, unless one of them is JAX's.
    """
    xp, dtype = namespace(*hyperparameters), jnp.result_type(float)
    # An array of NumPy without a dimension becomes a number, which XLA folds into what it computes.
    return tuple(xp.asarray(value, dtype)[()] for value in hyperparameters)


@runtime_checkable
class Model(Protocol):
    """The four methods that every model has, and every inference algorithm uses.

    They are pure functions of one position and one data set; use ``jax.vmap`` for many. A class
    with these methods is a model; it need not be derived from this one.

    Examples:
        >>> import hierpool as hp
        >>> isinstance(hp.CollapsedPartialPooling(), hp.Model)
        True
    """

    def init(self, key: jax.Array, data: Counts) -> Position:
        """Returns a random start in the unconstrained space, a little wider than the posterior.

        Args:
            key: a typed JAX key.
            data: successes out of trials of each group, (group,) each.

        Returns:
            The coordinates by name, each a real number or an array of real numbers.
        """
        ...

    def log_density(self, position: Position, data: Counts) -> jax.Array:
        """Returns () the log posterior density of the position, up to a constant of the data.

        Args:
            position: the coordinates by name.
            data: successes out of trials of each group, (group,) each.

        Returns:
            () the log of prior times likelihood, with the Jacobian of ``constrain``, minus the sum
            of ``likelihood.binomial.reference`` over groups; -inf where the density is 0.
        """
        ...

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns the parameters by name; those that the position lacks are drawn given it.

        Args:
            key: a typed JAX key, for the parameters that are drawn.
            position: the coordinates by name.
            data: successes out of trials of each group, (group,) each.

        Returns:
            The parameters of the population, () each, and ``theta`` (group,), each group's chance
            of success.
        """
        ...

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log probability of each group's successes given the population.

        theta is integrated out, so that leave-one-out cross-validation leaves out a whole group.

        Args:
            parameters: the parameters by name, as ``constrain`` returns them.
            data: successes out of trials of each group, (group,) each.

        Returns:
            (group,) log probabilities, with the binomial coefficient; 0 for a group without trials.
        """
        ...


# Methods that a model may have beyond those of ``Model``. A function that needs one checks for the
# method, not for a class.


@runtime_checkable
class Collapsible(Protocol):
    """A model that has a form with theta integrated out."""

    def collapsed(self) -> Model:
        """Returns the model of the same posterior with theta integrated out."""
        ...


@runtime_checkable
class Compressible(Protocol):
    """A model that takes its data in a form other than one row for each group."""

    def compress(self, pairs: Distinct) -> Data:
        """Returns a data set in the form in which the density is evaluated.

        It is padded to one of a few sizes, so that one compiled program serves many tables.
        """
        ...


@runtime_checkable
class BetaGroups(Protocol):
    """A model under which theta, given the population, has a Beta distribution."""

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) the two positive parameters of that Beta; (1,) without a population."""
        ...


@runtime_checkable
class DrawsTheta(Protocol):
    """A model that can draw theta given the population, where theta is not Beta-distributed."""

    def draw_theta_prior(
        self, rng: np.random.Generator, parameters: Mapping[str, np.ndarray], num_groups: int
    ) -> np.ndarray:
        """Returns (draw, group) theta of groups without data, given the population."""
        ...


@runtime_checkable
class WorthTrials(Protocol):
    """A model whose population has about the weight of a known number of trials."""

    def prior_trials(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns (draw,) that number of trials."""
        ...


@runtime_checkable
class Unconstrainable(Model, Protocol):
    """A model whose position can be computed from the parameters of its population."""

    def unconstrain(self, parameters: Mapping[str, np.ndarray]) -> NumpyParameters:
        """Returns the positions of draws of the parameters, (draw,) each, on the host."""
        ...


@runtime_checkable
class DrawsPrior(Protocol):
    """A model that can draw its parameters from the prior."""

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name, (draw,) or (draw, group), from the prior."""
        ...


def groups_differ(model: object) -> bool:
    """Returns whether theta differs by group: the model's attribute ``groups_differ``, or True."""
    return bool(getattr(model, "groups_differ", True))


def heavy_tailed(model: object) -> tuple[str, ...]:
    """Returns the parameters whose posterior variance is infinite, or may be.

    They have quantiles, but no mean or sd worth reporting. It is the model's attribute
    ``heavy_tailed``, or none.
    """
    return tuple(getattr(model, "heavy_tailed", ()))


def dims(model: object) -> dict[str, tuple[str, ...]]:
    """Returns the dimensions of each parameter after chain and draw.

    A model names those of its own parameters by ``dims``. A parameter that is not listed is one
    number, or has dimensions without a name.
    """
    return {"theta": (GROUPS,), **getattr(model, "dims", {})}


def check_dims(model: Model, position: Position, counts: Counts) -> None:
    """Checks the dimensions that a model names, before anything is sampled.

    Args:
        model: the model.
        position: a position, or its shapes.
        counts: successes out of trials, (group,) each.

    Raises:
        InputError: they are not names, or not those of the parameters.
    """
    named = getattr(model, "dims", {})
    name = type(model).__name__
    if not isinstance(named, Mapping):
        raise InputError(
            f'{name}: dims must be a dict, as {{"effect": ("groups",)}}, not {named!r}.'
        )
    if not named:
        return
    shapes = jax.eval_shape(model.constrain, jax.random.key(0), position, counts)
    (num_groups,) = np.shape(counts.trials)
    for parameter, of in named.items():
        if isinstance(of, str) or {"chain", "draw"} & set(of):
            raise InputError(
                f"{name}: dims of {parameter} must be a tuple of names, without chain and draw, "
                f"not {of!r}."
            )
        if parameter not in shapes:
            raise InputError(
                f"{name}: dims names {parameter}, which constrain does not return; it returns "
                f"{', '.join(shapes)}."
            )
        shape = shapes[parameter].shape
        expected = [size for dim, size in zip(of, shape, strict=False) if dim == GROUPS]
        if len(of) != len(shape) or any(size != num_groups for size in expected):
            raise InputError(
                f"{name}: dims of {parameter} are {tuple(of)}, and constrain returns it with shape "
                f"{shape}, for {num_groups} groups."
            )


def number(hyperparameter: ArrayLike) -> float:
    """Returns a hyperparameter as a Python ``float``."""
    return float(np.asarray(hyperparameter))


def draw_beta(
    rng: np.random.Generator, alpha: ArrayLike, beta: ArrayLike, shape: tuple[int, ...]
) -> np.ndarray:
    """Returns draws from a Beta by NumPy, which needs no compilation and a tenth of JAX's time."""
    # NumPy refuses parameters that have underflowed to 0, under which theta is certainly 0 or 1.
    a, b = (np.maximum(np.asarray(value, float), 1e-300) for value in (alpha, beta))
    return rng.beta(a, b, shape)


def require[Capability](model: object, capability: type[Capability]) -> Capability:
    """Returns the model, after a check that it has the methods of a protocol.

    Args:
        model: the model.
        capability: the protocol.

    Raises:
        InputError: a method is missing; the message names it.
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

    Use it as a decorator. Every class derived from the returned one is registered as a pytree, too.

    Args:
        cls: a class with the methods of a model, whose annotated fields are its hyperparameters.

    Returns:
        The class as a dataclass, whose constructor takes the hyperparameters and raises a
        ``TypeError`` for an unknown one, with the nearest name as a suggestion.

    Examples:
        >>> import jax
        >>> import hierpool as hp
        >>> @hp.model
        ... class WideSpreadPooling(hp.SpreadPartialPooling):
        ...     tau_sd: float = 2.0
        >>> WideSpreadPooling()
        WideSpreadPooling(tau_sd=2.0, phi_alpha=1.0, phi_beta=1.0)
        >>> jax.tree.leaves(WideSpreadPooling())
        [2.0, 1.0, 1.0]
    """
    cls = suggest_settings(dataclass(frozen=True)(cls))
    jax.tree_util.register_dataclass(cls)
    _pytrees.add(cls)
    setattr(cls, "__new__", _new)  # noqa: B010  (as mypy wants it)
    return cls


_pytrees: set[type] = set()
"""The classes of models that JAX knows."""


def _new(cls: type, *_: Any, **__: Any) -> Any:
    """Returns a model without its fields; the first of a derived class registers that class.

    Not when the class is made: its fields are not known then, nor whether its author registers it.
    """
    if cls not in _pytrees:
        # Whoever has registered it by hand is obeyed.
        with suppress(ValueError):
            jax.tree_util.register_dataclass(cls)
        _pytrees.add(cls)
    return object.__new__(cls)
