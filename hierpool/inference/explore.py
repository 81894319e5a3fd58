"""Runs an inference algorithm on a model from the host, and returns positions and statistics."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import batched
from typing import Any, NamedTuple, TypeGuard

import jax
import numpy as np

from hierpool.arrays import is_on_host, quietly
from hierpool.counts import Counts
from hierpool.exact.at_once import is_at_once, seconds_of
from hierpool.exact.chart import chart_of
from hierpool.exact.grid import Grid, draw
from hierpool.exact.posterior import explore as integrated
from hierpool.exact.quadrature import Quadrature
from hierpool.exact.refining import refined
from hierpool.input.table import InputError
from hierpool.likelihood.compress import (
    Distinct,
    tally,
)
from hierpool.likelihood.histograms import Data, num_rows
from hierpool.mcmc.chains import Chains
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.progress import Display, Progress
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import has_a_row_each
from hierpool.models.protocol import Compressible, Model, Position
from hierpool.runtime.jax_settings import platform
from hierpool.runtime.programs import COMPILED_SOON, BySize

log = logging.getLogger(__name__)

FEW_NUMBERS = 5000
"""Data of up to so many numbers are integrated in less time than a faster program takes to compile
longer."""
PIECE = 512
"""Draws computed from a grid at a time: each reads its tables, and this number fits the processor's
cache."""
PIECES_AT_ONCE = 64
"""Pieces that are drawn together without a compiled program."""


class Explored(NamedTuple):
    """The result of an inference algorithm."""

    positions: dict[str, np.ndarray]
    """Each leaf (chain, draw, ...); none if the position is empty. There are fewer draws than were
    asked for if the run was stopped."""
    stats: Stats | None
    """(chain, draw) statistics of the sampler; None where every draw is exact and independent."""
    attributes: dict[str, float | int]
    """``compile_time`` and ``sampling_time`` in seconds, and the evidence, error and convergence of
    a quadrature."""


def compressed(model: Model, counts: Counts, pairs: Distinct) -> Data:
    """Returns a data set in the form in which a model's density is evaluated.

    Args:
        model: a model; its ``compress``, if it has one, returns that form.
        counts: successes out of trials, (group,) each.
        pairs: the distinct (y, n) of ``counts``.
    """
    return model.compress(pairs) if _is_compressible(model) else counts


def _is_compressible(model: Model) -> TypeGuard[Compressible]:
    # A derived class that overrides a method, but not ``compress``, may need the single groups.
    return isinstance(model, Compressible) and all(
        issubclass(_home(model, "compress"), _home(model, name))
        for name in ("init", "log_density", "standardize", "unstandardize")
        if hasattr(model, name)
    )


def _home(model: Model, name: str) -> type:
    """Returns the class that defines a method of a model."""
    return next(kind for kind in type(model).__mro__ if name in vars(kind))


def position_of(model: Model, data: Data) -> Position:
    """Returns the shapes and types of a model's position, without compiling anything."""
    position: Position = jax.eval_shape(lambda: _init(model, data, jax.random.key(0)))
    return position


def require_two_numbers(model: Model, position: Position) -> None:
    """Raises ``InputError`` if ``Quadrature`` can't explore a position.

    An empty position is accepted: there is nothing to explore.
    """
    leaves = jax.tree.leaves(position)
    if leaves and (len(leaves) != 2 or any(leaf.ndim for leaf in leaves)):
        raise InputError(
            f"Quadrature explores a position of two numbers, and {type(model).__name__} has "
            f"{sum(leaf.size for leaf in leaves)}: take NUTS, or a model with theta integrated "
            "out, such as CollapsedPartialPooling."
        )


def explore(
    key: jax.Array,
    model: Model,
    data: Data,
    pairs: Distinct,
    inference: NUTS | Quadrature,
    progress: Progress | Display | None,
) -> Explored:
    """Returns positions drawn from the posterior of one data set.

    Args:
        key: random key.
        model: the model to fit.
        data: one data set: counts, or compressed.
        pairs: the distinct (y, n) of the data set.
        inference: the algorithm and its settings.
        progress: called by NUTS after every chunk of steps, or shown its progress.

    Raises:
        InputError: the density is nowhere finite.
        KeyboardInterrupt: the run was stopped before every chain had draws to keep.
    """
    position = position_of(model, data)
    if not position:
        return Explored({}, None, {"compile_time": 0.0, "sampling_time": 0.0})
    if isinstance(inference, Quadrature):
        return _by_quadrature(key, model, data, pairs, inference)
    started = time.perf_counter()
    log.info("compiling")
    chains = Chains(key, model, data, inference)
    compiled = time.perf_counter()
    log.info("sampling")
    flat, stats = chains.run(progress)
    times = {"compile_time": compiled - started, "sampling_time": time.perf_counter() - compiled}
    positions = _unravel(flat, position)
    for name, leaf in position.items():
        if has_a_row_each(leaf, data):
            positions[name] = positions[name][..., : len(pairs.inverse)]
    return Explored(positions, stats, times)


def _by_quadrature(
    key: jax.Array, model: Model, data: Data, pairs: Distinct, quadrature: Quadrature
) -> Explored:
    started = time.perf_counter()
    # All hyperparameters become float arrays: JAX would compile again for each other type.
    model = jax.tree.map(lambda leaf: np.asarray(leaf, float), model)
    data = jax.tree.map(np.asarray, data)
    is_small = sum(leaf.size for leaf in jax.tree.leaves((model, data))) <= FEW_NUMBERS
    integrating, drawing = _SOON if is_small and platform() == "cpu" else _FAST
    compiling = []

    def integrate(settings: Quadrature, _: Any) -> tuple[Grid, Callable[..., Position]]:
        # The numbers of chains and draws are replaced by 1, so that one program serves all of them.
        settings = replace(settings, num_chains=1, num_draws=1)
        if is_at_once("fit", model, seconds_of(settings, num_rows=num_rows(data))):
            log.info("integrating")
            return _integrate(model, data, quadrature=settings), _draw_piece
        begun = time.perf_counter()
        integral = integrating.of(model, data, quadrature=settings)
        uniform = jax.ShapeDtypeStruct((2, PIECE), float)
        draw_piece = drawing.of(uniform, model, data, integral.result)
        if not (integral.is_compiled and draw_piece.is_compiled):
            log.info("compiling")
        integral.compile()
        draw_piece.compile()
        compiling.append(time.perf_counter() - begun)
        log.info("integrating")
        return integral(model, data), draw_piece

    (grid, draw_piece), used = refined(integrate, quadrature, lambda it: bool(it[0].converged))
    if not np.isfinite(grid.log_evidence):
        raise InputError(
            f"The log density of {type(model).__name__} is nowhere finite: Quadrature can't "
            "integrate it. Look at the priors, or take NUTS."
        )
    # Draws are returned even if the grid did not converge, since ``fit`` warns of that. ``draw``
    # would return NaN, which is of no use.
    drawn = grid._replace(converged=np.asarray(True))
    _, draw_key = jax.random.split(key)
    shape = (quadrature.num_chains, quadrature.num_draws)
    firsts = np.arange(0, math.prod(shape), PIECE)
    uniform = (np.asarray(_uniform(draw_key, first)) for first in firsts)
    # A program takes one piece. NumPy takes long for each call, and little for each draw.
    together = PIECES_AT_ONCE if draw_piece is _draw_piece else 1
    pieces = [
        draw_piece(np.concatenate(some, axis=1), model, data, drawn)
        for some in batched(uniform, together)
    ]
    positions = {
        name: np.concatenate([piece[name] for piece in pieces])[: math.prod(shape)].reshape(shape)
        for name in grid.positions
    }
    return Explored(
        positions,
        None,
        {
            "compile_time": sum(compiling),
            "sampling_time": time.perf_counter() - started - sum(compiling),
            "log_evidence": float(grid.log_evidence) + tally(pairs).reference,
            "quadrature_error": float(grid.error),
            "quadrature_converged": int(grid.converged),
            "quadrature_num_nodes": used.num_nodes,
        },
    )


@jax.jit
def _init(model: Model, data: Data, key: jax.Array) -> Position:
    # Only models that accept compressed data are given them.
    return model.init(key, data)  # type: ignore[arg-type]


@quietly
def _integrate(model: Model, data: Data, *, quadrature: Quadrature) -> Grid:
    return integrated(model, data, quadrature)


@jax.jit
def _uniform(key: jax.Array, first: jax.Array) -> jax.Array:
    """Returns the uniform numbers of a piece of draws, of which ``first`` is the first."""
    return jax.random.uniform(jax.random.fold_in(key, first), (2, PIECE))


@quietly
def _draw_piece(uniform: jax.Array, model: Model, data: Data, grid: Grid) -> Position:
    to_position = chart_of(model, data).to_position
    return (to_position if is_on_host(uniform) else jax.vmap(to_position))(draw(uniform, grid))


def _programs(options: dict[str, Any] | None) -> tuple[BySize, BySize]:
    return BySize(_integrate, options), BySize(_draw_piece, options)


_SOON, _FAST = _programs(COMPILED_SOON), _programs(None)
"""The programs of an integration and of a block of draws, for little data and for much."""


def _unravel(flat: np.ndarray, position: Position) -> dict[str, np.ndarray]:
    """Returns positions (chain, draw, dim) by name, each leaf (chain, draw, ...): views."""
    leaves, structure = jax.tree.flatten(position)
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = np.split(flat, ends[:-1], axis=-1)
    leaves = [
        part.reshape(*flat.shape[:-1], *leaf.shape)
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return dict(jax.tree.unflatten(structure, leaves))
