"""``sample``: draws from the posterior of a model, as a pure JAX function."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
from jax.export import register_namedtuple_serialization

from hierpool.counts import Counts
from hierpool.exact.chart import Chart, chart_of
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import Target, target_of
from hierpool.models.protocol import Model, Parameters, Position
from hierpool.runtime.jax_settings import default_promotion


class Inference(Protocol):
    """An inference algorithm: it explores a posterior."""

    @property
    def num_chains(self) -> int:
        """Chains of the result."""
        ...

    @property
    def num_draws(self) -> int:
        """Draws of each chain."""
        ...

    def run(self, key: jax.Array, target: Target) -> tuple[Position, Stats | None]:
        """Returns positions, each leaf (chain, draw, ...), and statistics (chain, draw)."""
        ...


@runtime_checkable
class ByChart(Protocol):
    """An algorithm that uses the chart of a model, which says where its posterior lies."""

    def run_chart(self, key: jax.Array, chart: Chart) -> Position:
        """Returns positions, each leaf (chain, draw)."""


class Draws(NamedTuple):
    """Draws from a posterior, as ``sample`` returns them."""

    parameters: Parameters
    """Draws by name: ``theta`` (chain, draw, group), each group's chance of success, and the
    parameters of the model's population, as ``phi`` and ``kappa``, (chain, draw) each."""
    stats: Stats | None
    """Statistics of NUTS, (chain, draw) each; None if all draws are exact and independent."""


# So that a program exported by ``jax.export`` can be written to a file.
register_namedtuple_serialization(Draws, serialized_name="hierpool.Draws")


@jax.jit
def sample(
    key: jax.Array, model: Model, counts: Counts, inference: Inference | None = None
) -> Draws:
    """Returns draws from the posterior of a model given one data set.

    It is a pure function, and works under ``jax.jit``, and under ``jax.vmap`` over keys, data sets
    and hyperparameters. It runs in the caller's precision, and checks nothing; ``fit`` does, for
    data frames. A second call with the same shapes and the same static settings compiles nothing.
    Switch ``jax_debug_nans`` and ``jax_debug_infs`` off: a chain starts with an infinite density.

    Args:
        key: random key, as from ``jax.random.key``.
        model: the model to fit, as ``PartialPooling()``.
        counts: successes out of trials, (group,) each; 0 of 0 is a new group.
        inference: the algorithm and its settings, ``NUTS(...)`` or ``Quadrature(...)``; ``NUTS()``
            by default. A model with an empty position needs no exploration, and uses only the
            numbers of chains and draws.

    Returns:
        ``Draws`` with ``parameters``, a dict of draws by name: ``theta`` (chain, draw, group), and
        the parameters of the population, (chain, draw) each; and ``stats``, the statistics of NUTS,
        (chain, draw) each, or None if the draws are exact and independent. The draws of a
        quadrature that did not converge are NaN.

    Raises:
        TypeError: ``Quadrature`` was given a model whose position is not two numbers.

    Examples:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import hierpool as hp
        >>> counts = hp.Counts(successes=jnp.array([18, 7, 0]), trials=jnp.array([45, 45, 4]))
        >>> nuts = hp.NUTS(num_chains=2, num_warmup=300, num_draws=500)
        >>> draws = hp.sample(jax.random.key(0), hp.CollapsedPartialPooling(), counts, nuts)
        >>> draws.parameters["theta"].shape, draws.parameters["phi"].shape
        ((2, 500, 3), (2, 500))
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
                positions, stats = inference.run(run_key, target)
                positions = jax.vmap(jax.vmap(target.to_position))(positions)
        shape = (inference.num_chains, inference.num_draws)
        return Draws(constrain(theta_key, model, counts, positions, shape), stats)


def constrain(
    key: jax.Array, model: Model, counts: Counts, positions: Position, shape: tuple[int, int]
) -> Parameters:
    """Returns the parameters by name, (chain, draw, ...) each.

    Args:
        key: random key, for parameters that are not in the position, such as a collapsed theta.
        model: the fitted model.
        counts: successes out of trials, (group,) each.
        positions: each leaf (chain, draw, ...); no leaves if the model's position is empty.
        shape: numbers of chains and draws.
    """
    keys = jax.random.split(key, shape)
    return jax.vmap(jax.vmap(lambda key, position: model.constrain(key, position, counts)))(
        keys, positions
    )
