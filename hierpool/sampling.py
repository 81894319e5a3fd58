"""``sample``: a model meets an inference algorithm, in one pure program."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from hierpool.counts import Counts
from hierpool.models import Model
from hierpool.nuts import NUTS, Stats
from hierpool.population import Parameters


class Inference(Protocol):
    """An inference algorithm: it explores a log density over a vector."""

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
        log_density: Callable[[jax.Array], jax.Array],
        init: Callable[[jax.Array], jax.Array],
    ) -> tuple[jax.Array, Stats]:
        """Returns positions (chain, draw, dim) and statistics (chain, draw)."""
        ...


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
    call with the same shapes and the same static settings compiles nothing.

    Args:
        key: random key, as from ``jax.random.key``.
        model: what to fit.
        counts: successes out of trials, (group,) each.
        inference: how to explore the posterior; ``NUTS()`` by default. A model whose position is
            empty needs no exploring: of the algorithm only the numbers of chains and draws count.
    """
    inference = NUTS() if inference is None else inference
    run_key, theta_key = jax.random.split(key)
    flat = Flat(model, counts)
    shape = (inference.num_chains, inference.num_draws)
    if flat.num_dimensions == 0:
        positions, stats = jnp.zeros((*shape, 0)), None
    else:
        positions, stats = inference.run(run_key, flat.log_density, flat.init)
    return Draws(flat.constrain(theta_key, positions), stats)


class Flat:
    """A model of one data set, with its position as one vector: the form that samplers want."""

    def __init__(self, model: Model, counts: Counts) -> None:
        self.model, self.counts = model, counts
        position = jax.eval_shape(model.init, jax.random.key(0), counts)
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), position)
        flat, self.unravel = ravel_pytree(zeros)
        self.num_dimensions = flat.size

    def init(self, key: jax.Array) -> jax.Array:
        """Returns a start (dim,)."""
        return ravel_pytree(self.model.init(key, self.counts))[0]

    def log_density(self, position: jax.Array) -> jax.Array:
        """Returns () the log density of a position (dim,)."""
        return self.model.log_density(self.unravel(position), self.counts)

    def constrain(self, key: jax.Array, positions: jax.Array) -> Parameters:
        """Returns the parameters by name of positions (chain, draw, dim)."""
        keys = jax.random.split(key, positions.shape[:2])
        return jax.vmap(jax.vmap(self._constrain_one))(keys, positions)

    def _constrain_one(self, key: jax.Array, position: jax.Array) -> Parameters:
        return self.model.constrain(key, self.unravel(position), self.counts)
