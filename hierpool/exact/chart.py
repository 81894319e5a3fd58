"""The chart of a posterior over two numbers: where, and in which coordinates, it is integrated.

A model that knows its posterior says where to look for its peaks, and in which coordinates their
widths are alike. Of any other, the chart is a few of its own starts.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from hierpool.models.protocol import Position

NUM_STARTS = 8


class Chart(NamedTuple):
    """A log density over points of two numbers, and points from which its search starts."""

    log_density: Callable[[Position], jax.Array]
    """Log density of a point, a dict of two scalars: the first in the order of names has a peak, or
    several; the second has one given the first."""
    points: Position
    """Each leaf (start,); the first ascends, and a peak between two of them is seen."""
    reach: jax.Array
    """(start,) about how wide the second is given the first; any positive number will do."""
    to_position: Callable[[Position], Position]
    """The model's position of a point. Its first number rises with the first of the point."""
    reported: Callable[[Position], Position]
    """What is asked of a position, of which the errors are measured too: a dict of numbers."""


@runtime_checkable
class Charted(Protocol):
    """A model that knows where to look for its posterior, and in which coordinates."""

    def chart(self, counts: object) -> tuple[Position, jax.Array]:
        """Returns points, each leaf (start,), and (start,) how wide the second number is there."""

    def from_chart(self, point: Position) -> tuple[Position, jax.Array]:
        """Returns the position of a point, and () the log-Jacobian of the map to it."""

    def reported(self, position: Position) -> Position:
        """Returns a position as two parameters of which means and sds are reported."""


def charted(model: object, log_density: Callable[[Position], jax.Array], data: object) -> Chart:
    """Returns the chart of a model that has one, given the log density of its positions."""
    assert isinstance(model, Charted)
    points, reach = model.chart(data)

    def point_density(point: Position) -> jax.Array:
        position, log_jacobian = model.from_chart(point)
        return log_density(position) + log_jacobian

    def to_position(point: Position) -> Position:
        return model.from_chart(point)[0]

    return Chart(point_density, points, reach, to_position, model.reported)


def from_starts(
    log_density: Callable[[Position], jax.Array], init: Callable[[jax.Array], Position]
) -> Chart:
    """Returns the chart of a log density of which nothing is known but how to start.

    The starts are always the same: where the nodes of an exact algorithm stand is not left to
    chance.
    """
    points = jax.vmap(init)(jax.random.split(jax.random.key(0), NUM_STARTS))
    leaves = jax.tree.leaves(points)
    if leaves and leaves[0].ndim == 1:
        order = jnp.argsort(leaves[0])
        points = jax.tree.map(lambda leaf: leaf[order], points)
    spread = jnp.maximum(jnp.std(leaves[-1]), 1e-3) if leaves else jnp.ones(())
    reach = jnp.full(NUM_STARTS, spread)
    return Chart(log_density, points, reach, lambda point: point, lambda position: {})


def chart_of(model: object, data: object) -> Chart:
    """Returns the chart of a model of one data set, which may be compressed."""
    log_density = partial(model.log_density, counts=data)  # type: ignore[attr-defined]
    if isinstance(model, Charted):
        return charted(model, log_density, data)
    return from_starts(log_density, partial(model.init, counts=data))  # type: ignore[attr-defined]
