"""The chart of a posterior of two numbers: where, and in which coordinates, it is integrated.

A model may say where to look for the peaks of its posterior, and in which coordinates they are
about equally wide (``Charted``). For any other model the chart is a few starts from its ``init``.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from hierpool.arrays import is_on_host
from hierpool.likelihood.histograms import num_rows
from hierpool.models.catalogue import is_own
from hierpool.models.protocol import Position

NUM_STARTS = 8


class Chart(NamedTuple):
    """A log density of two numbers, and points from which the search for its peaks starts."""

    log_density: Callable[[Position], jax.Array]
    """Log density of a point, which is a dict of two scalars, ordered by name. In the first number
    the density may have several peaks; in the second, given the first, it has one."""
    points: Position
    """Each leaf (start,). The first number ascends; a peak between two starts is found. Where they
    are NumPy's, the functions broadcast over points, and everything is computed at once, without a
    compiled program."""
    reach: jax.Array
    """(start,) rough width of the peak in the second number; any positive number works."""
    to_position: Callable[[Position], Position]
    """Returns the model's position at a point. Its first number rises with that of the point."""
    reported: Callable[[Position], Position]
    """Returns the numbers of a position whose means and sds are reported, by name. The estimated
    error of the integration covers them."""
    size: int = 1
    """How many rows of data one evaluation of the density reads, as far as it is known."""


@runtime_checkable
class Charted(Protocol):
    """A model that says where to look for its posterior, and in which coordinates."""

    def chart(self, data: object) -> tuple[Position, jax.Array]:
        """Returns points, each leaf (start,), and (start,) rough widths of the second number."""

    def from_chart(self, point: Position) -> tuple[Position, jax.Array]:
        """Returns the position of a point, and () the log-Jacobian of the map to it."""

    def reported(self, position: Position) -> Position:
        """Returns the parameters at a position whose means and sds are reported, by name."""


def charted(model: object, log_density: Callable[[Position], jax.Array], data: object) -> Chart:
    """Returns the chart that a model provides, given the log density of its positions."""
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
    """Returns the chart of a log density for which only a random start is known.

    The starts use a fixed key, so that the nodes of the exact algorithm are always the same.
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
    """Returns the chart of a model given one data set, which may be compressed.

    Its points are NumPy's if the arrays of the model and of the data are. A user's own model is
    written for JAX, and gets JAX's.

    Args:
        model: a model whose position is two numbers.
        data: one data set, plain or compressed.
    """

    def log_density(position: Position) -> jax.Array:
        density: jax.Array = model.log_density(position, data)  # type: ignore[attr-defined]
        return density

    if isinstance(model, Charted):
        chart = charted(model, log_density, data)
    else:
        chart = from_starts(log_density, lambda key: model.init(key, data))  # type: ignore[attr-defined]
    if not (is_own(model) and is_on_host(*jax.tree.leaves((model, data)))):
        points, reach = jax.tree.map(jnp.asarray, (chart.points, chart.reach))
        chart = chart._replace(points=points, reach=reach)
    return chart._replace(size=num_rows(data))
