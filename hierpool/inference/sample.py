"""``sample``: a model meets an inference algorithm, in one pure program."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
from jax.export import register_namedtuple_serialization

from hierpool.counts import Counts
from hierpool.exact.chart import Chart, chart_of
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import target_of
from hierpool.models.protocol import Model, Parameters, Position
from hierpool.runtime.jax_settings import default_promotion


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


# So that a program exported by ``jax.export`` can be written to a file.
for kind in (Draws, Stats):
    register_namedtuple_serialization(kind, serialized_name=f"hierpool.{kind.__name__}")


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
    with default_promotion():
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
