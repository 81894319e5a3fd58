"""A posterior in the coordinates in which NUTS explores it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from hierpool.counts import Counts
from hierpool.likelihood.histograms import Data, Pairs
from hierpool.models.protocol import Model, Position

ESTIMATED = -1.0
"""In place of the variance of a coordinate that is not known."""


def _same(position: Position) -> Position:
    return position


def _unknown(position: Position) -> Position:
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, ESTIMATED), position)


class Target(NamedTuple):
    """A posterior in the coordinates in which it is explored."""

    log_density: Callable[[Position], jax.Array]
    """Log density of a point, up to a constant of the data."""
    init: Callable[[jax.Array], Position]
    """Returns a start from a key."""
    to_position: Callable[[Position], Position] = _same
    """Returns the model's position at a point."""
    known_variances: Callable[[Position], Position] = _unknown
    """Returns the variance of each coordinate of a point, or ``ESTIMATED``."""


@runtime_checkable
class Standardized(Protocol):
    """A model that provides coordinates in which its posterior is nearly a standard normal."""

    def standardize(self, position: Position, data: Counts) -> Position:
        """Returns a position in those coordinates."""

    def unstandardize(self, standard: Position, data: Counts) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""


@runtime_checkable
class WrittenOut(Standardized, Protocol):
    """A model whose density in those coordinates is written out, with its gradient."""

    def explored(self, data: Counts) -> Callable[[Position], jax.Array]:
        """Returns the log density of a standardized position, log-Jacobian included."""


def target_of(model: Model, data: Counts) -> Target:
    """Returns the posterior of a model given one data set, in coordinates that suit NUTS."""

    def log_density(position: Position) -> jax.Array:
        return model.log_density(position, data)

    def init(key: jax.Array) -> Position:
        return model.init(key, data)

    if not isinstance(model, Standardized):
        return Target(log_density, init)

    def standard_density(standard: Position) -> jax.Array:
        position, log_jacobian = model.unstandardize(standard, data)
        return log_density(position) + log_jacobian

    return Target(
        model.explored(data) if isinstance(model, WrittenOut) else standard_density,
        lambda key: model.standardize(init(key), data),
        lambda standard: model.unstandardize(standard, data)[0],
        _one_for_groups,
    )


def _one_for_groups(standard: Position) -> Position:
    # Given the population, a group's coordinate has a variance of about 1. Estimates of it would be
    # noise, and thousands of noisy scales cost more than a few that are a little off. Those of the
    # population may be far from 1.
    def of_leaf(leaf: jax.Array) -> jax.Array:
        return jnp.full_like(leaf, 1 if leaf.ndim else ESTIMATED)

    return jax.tree.map(of_leaf, standard)


def is_free(position: Position, data: Data) -> Position:
    """Returns whether each coordinate of a position is explored, each leaf of the same shape.

    Coordinates of padding rows are not: they stay where they start, and change nothing.
    """

    def of_leaf(leaf: jax.Array) -> jax.Array:
        if isinstance(data, Pairs) and has_a_row_each(leaf, data):
            return jnp.asarray(data.groups) > 0
        return jnp.ones(leaf.shape, bool)

    return jax.tree.map(of_leaf, position)


def has_a_row_each(leaf: jax.Array, data: Data) -> bool:
    """Returns whether a leaf of a position holds one number for each row of ``Pairs``."""
    return isinstance(data, Pairs) and leaf.shape == jnp.shape(data.groups)
