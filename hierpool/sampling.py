"""``sample``: a model meets an inference algorithm, in one pure program."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from hierpool.chart import Chart, chart_of
from hierpool.counts import Counts
from hierpool.flat import Position
from hierpool.histograms import Data, Pairs
from hierpool.models import Model
from hierpool.nuts import NUTS
from hierpool.population import Parameters
from hierpool.scope import own_rules
from hierpool.stats import Stats


class Inference(Protocol):
    """An inference algorithm: it explores a log density over positions."""

    @property
    def num_chains(self) -> int:
        """Chains of the result."""
        ...

    @property
    def num_draws(self) -> int:
        """Draws of each chain."""
        ...

    def run(
        self,
        key: jax.Array,
        log_density: Callable[[Position], jax.Array],
        init: Callable[[jax.Array], Position],
    ) -> tuple[Position, Stats | None]:
        """Returns positions, each leaf (chain, draw, ...), and statistics (chain, draw)."""
        ...


@runtime_checkable
class ByChart(Protocol):
    """An algorithm that asks a model where its posterior lies."""

    def run_chart(self, key: jax.Array, chart: Chart) -> Position:
        """Returns positions, each leaf (chain, draw)."""


class Draws(NamedTuple):
    """Draws from a posterior."""

    parameters: Parameters
    """Each (chain, draw), and (chain, draw, group) for ``theta``."""
    stats: Stats | None
    """(chain, draw) statistics of the sampler; None where every draw is exact and independent."""


@jax.jit
def sample(
    key: jax.Array, model: Model, counts: Counts, inference: Inference | None = None
) -> Draws:
    """Returns draws from the posterior of a model, of one data set.

    Pure: it may stand under ``jax.jit``, and under ``jax.vmap`` over keys, data sets and
    hyperparameters. It runs in the caller's precision, and checks nothing: ``fit`` does. A second
    call with the same shapes and the same static settings compiles nothing. Under
    ``jax_debug_nans`` or ``jax_debug_infs`` leave those settings: a chain starts at an infinite
    density.

    Args:
        key: random key, as from ``jax.random.key``.
        model: what to fit.
        counts: successes out of trials, (group,) each.
        inference: how to explore the posterior; ``NUTS()`` by default. A model whose position is
            empty needs no exploring: of the algorithm only the numbers of chains and draws count.
    """
    inference = NUTS() if inference is None else inference
    with own_rules():
        run_key, theta_key = jax.random.split(key)
        positions: Position = {}
        stats = None
        target = target_of(model, counts)
        if jax.tree.leaves(jax.eval_shape(target.init, run_key)):
            if isinstance(inference, ByChart):
                positions = inference.run_chart(run_key, chart_of(model, counts))
            else:
                positions, stats = inference.run(run_key, target.log_density, target.init)
                positions = jax.vmap(jax.vmap(target.to_position))(positions)
        shape = (inference.num_chains, inference.num_draws)
        return Draws(constrain(theta_key, model, counts, positions, shape), stats)


class Target(NamedTuple):
    """A posterior in the coordinates in which it is explored."""

    log_density: Callable[[Position], jax.Array]
    """Log density of a point, up to a constant of the data."""
    init: Callable[[jax.Array], Position]
    """A start from a key."""
    to_position: Callable[[Position], Position]
    """The model's position of a point."""


@runtime_checkable
class Standardized(Protocol):
    """A model that knows coordinates in which its posterior is nearly a standard normal."""

    def standardize(self, position: Position, counts: Counts) -> Position:
        """Returns a position in those coordinates."""

    def unstandardize(self, standard: Position, counts: Counts) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""


def target_of(model: Model, counts: Counts) -> Target:
    """Returns the posterior of a model of one data set, in the coordinates that suit NUTS."""
    log_density, init = (
        partial(model.log_density, counts=counts),
        partial(model.init, counts=counts),
    )
    if not isinstance(model, Standardized):
        return Target(log_density, init, lambda position: position)

    def standard_density(standard: Position) -> jax.Array:
        position, log_jacobian = model.unstandardize(standard, counts)
        return log_density(position) + log_jacobian

    return Target(
        standard_density,
        lambda key: model.standardize(init(key), counts),
        lambda standard: model.unstandardize(standard, counts)[0],
    )


def is_free(position: Position, data: Data) -> Position:
    """Returns which coordinates of a position are explored, each leaf of its shape.

    Those of rows that only fill up are not: they stay where they start, and change nothing.
    """

    def of_leaf(leaf: jax.Array) -> jax.Array:
        if isinstance(data, Pairs) and has_a_row_each(leaf, data):
            return jnp.asarray(data.groups) > 0
        return jnp.ones(leaf.shape, bool)

    return jax.tree.map(of_leaf, position)


def has_a_row_each(leaf: jax.Array, data: Data) -> bool:
    """Returns whether a leaf of a position holds a number for each row of ``Pairs``."""
    return isinstance(data, Pairs) and leaf.shape == jnp.shape(data.groups)


def constrain(
    key: jax.Array, model: Model, counts: Counts, positions: Position, shape: tuple[int, int]
) -> Parameters:
    """Returns the parameters by name, (chain, draw, ...) each.

    Args:
        key: random key, for what positions do not hold.
        model: whose parameters.
        counts: successes out of trials, (group,) each.
        positions: each leaf (chain, draw, ...); none at all if the model's position is empty.
        shape: numbers of chains and draws.
    """
    keys = jax.random.split(key, shape)
    return jax.vmap(jax.vmap(lambda key, position: model.constrain(key, position, counts)))(
        keys, positions
    )
