"""Draws of theta, the population's parameters and log likelihoods, given a fit's positions.

The host computes them in blocks of draws, so that no large temporary array exists. The programs of
a block do not depend on the number of draws.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from hierpool.arrays import quietly
from hierpool.counts import Counts
from hierpool.exact.at_once import SECONDS_A_DENSITY, is_at_once
from hierpool.likelihood.compress import Distinct, padded_pairs, padded_rows, power_of_two
from hierpool.models.beta_population import BetaPopulation
from hierpool.models.catalogue import is_own
from hierpool.models.pooling import NoPooling
from hierpool.models.protocol import Collapsible, Model, Parameters, Position
from hierpool.posterior.random import betas
from hierpool.runtime.programs import BySize

NumpyParameters = dict[str, np.ndarray]

PIECE = 2**16
"""Values of a block; the integral of the logit model needs a hundred times as many temporarily."""
MOST_ROWS = 1024
"""Most draws in a block."""


def hyperparameters(
    key: jax.Array, model: Model, counts: Counts, positions: NumpyParameters, num_draws: int
) -> NumpyParameters:
    """Returns all parameters except theta, (draw,) each, with memory for a few numbers per draw.

    Args:
        key: random key, the same as for ``theta``.
        model: the fitted model.
        counts: successes out of trials, (group,) each.
        positions: each leaf (draw, ...); none if the position is empty.
        num_draws: number of draws.
    """
    if _is_ours(model.constrain):
        # The population of hierpool's models does not depend on single groups here, so all groups
        # are pooled, and one compiled program serves any number of groups.
        counts = _pooled(counts)
        positions = {name: _of_groups(leaf, 1) for name, leaf in positions.items()}
    length = power_of_two(num_draws)
    # Padded, so that one compiled program serves many numbers of draws.
    rows = {name: _rows(leaf, 0, length) for name, leaf in positions.items()}
    found = _constrain_others(key, model, counts, rows, np.arange(length))
    return {name: np.asarray(draws)[:num_draws] for name, draws in found.items()}


def theta(
    key: jax.Array,
    seed: np.random.SeedSequence,
    model: Model,
    counts: Counts,
    positions: NumpyParameters,
    num_draws: int,
) -> np.ndarray:
    """Returns (draw, group) chances of success.

    NumPy draws them if they are independent Beta variables given the position.

    Args:
        key: random key, for the draws of ``model.constrain``.
        seed: seed of NumPy's draws.
        model: the fitted model.
        counts: successes out of trials, (group,) each.
        positions: each leaf (draw, ...); none if the position is empty.
        num_draws: number of draws.
    """
    successes = np.asarray(counts.successes, float)
    failures = np.asarray(counts.trials, float) - successes
    # The method is checked and not the class: a derived model may have another ``constrain``.
    constrain = type(model).constrain
    if isinstance(model, BetaPopulation) and constrain is BetaPopulation.constrain:
        length = power_of_two(num_draws)
        padded = {name: _rows(leaf, 0, length) for name, leaf in positions.items()}
        alpha, beta = (np.asarray(x)[:num_draws] for x in _prior_counts(model, padded))
        return betas(seed, alpha, beta, successes, failures)
    if isinstance(model, NoPooling) and constrain is NoPooling.constrain:
        alpha, beta = (
            np.full(num_draws, float(np.asarray(x))) for x in (model.theta_alpha, model.theta_beta)
        )
        return betas(seed, alpha, beta, successes, failures)
    num_groups = width = len(successes)
    if _is_ours(model.constrain):
        width = power_of_two(num_groups)
        counts = padded_rows(np.asarray(counts.successes), np.asarray(counts.trials), width).counts
    drawn = np.empty((num_draws, num_groups))
    height = _height(width, num_draws)
    for first in range(0, num_draws, height):
        rows = {
            name: _of_groups(_rows(leaf, first, height), width) for name, leaf in positions.items()
        }
        piece = _constrain_theta(key, model, counts, rows, np.arange(first, first + height))
        drawn[first : first + height] = np.asarray(piece)[: num_draws - first, :num_groups]
    return drawn


def log_likelihood(
    model: Model, counts: Counts, pairs: Distinct, parameters: NumpyParameters, num_draws: int
) -> np.ndarray:
    """Returns (draw, group) log probability of each group's successes given the population.

    Under hierpool's models it is computed once for all groups with the same (y, n).

    Args:
        model: the fitted model.
        counts: successes out of trials, (group,) each.
        pairs: the distinct (y, n) of ``counts``.
        parameters: parameters of the model, (draw,) each, and ``theta`` (draw, group).
        num_draws: number of draws.
    """
    result = np.empty((num_draws, len(pairs.inverse)))
    compute: Callable[..., Any] = _log_likelihood
    if isinstance(model, Collapsible) and is_own(model):
        population = model.collapsed()
        seconds = SECONDS_A_DENSITY * num_draws * len(pairs.trials)
        if is_at_once("log_likelihood", population, seconds):
            model, compute = population, _log_likelihood_at_once
    if _is_ours(model.log_likelihood):
        counts, inverse = _columns(pairs), pairs.inverse
        parameters = {name: draws for name, draws in parameters.items() if name != "theta"}
    else:
        # A user's own model may use theta, and may treat groups with the same counts differently.
        inverse = np.arange(len(pairs.inverse))
    height = _height(np.size(counts.trials), num_draws)
    for first in range(0, num_draws, height):
        rows = {name: _rows(draws, first, height) for name, draws in parameters.items()}
        piece = np.asarray(compute(model, counts, rows, np.arange(height)))
        last = min(first + height, num_draws)
        np.take(piece[: last - first], inverse, axis=1, out=result[first:last], mode="clip")
    return result


def _is_ours(method: Callable[..., Any]) -> bool:
    return method.__module__.startswith("hierpool.")


def _columns(pairs: Distinct) -> Counts:
    """Returns the distinct pairs, padded, so that one compiled program serves many tables."""
    return padded_pairs(pairs, power_of_two(len(pairs.trials))).counts


def _height(width: int, num_draws: int) -> int:
    """Returns the number of draws in a block, where one draw has ``width`` values."""
    return min(power_of_two(num_draws), MOST_ROWS, max(1, PIECE // max(width, 1)))


def _rows(leaf: np.ndarray, first: int, height: int) -> np.ndarray:
    """Returns (height, ...) draws from index ``first`` on, padded by repetition at the end."""
    rows = leaf[first : first + height]
    return rows if len(rows) == height else np.resize(rows, (height, *leaf.shape[1:]))


def _of_groups(leaf: np.ndarray, width: int) -> np.ndarray:
    """Returns (draw, width) numbers, cut or padded with zeros; (draw,) numbers unchanged."""
    if leaf.ndim == 1 or leaf.shape[1] == width:
        return leaf
    return np.pad(leaf[:, :width], ((0, 0), (0, max(0, width - leaf.shape[1]))))


def _pooled(counts: Counts) -> Counts:
    """Returns the sums over all groups, as one group."""
    y, n = (np.sum(np.asarray(x, float), keepdims=True) for x in counts)
    return Counts(y, n)


def _constrain(
    key: jax.Array, model: Model, counts: Counts, positions: Position, draws: jax.Array
) -> Parameters:
    # Each draw has a key from its index, so that the size of the blocks does not change the draws.
    keys = jax.vmap(partial(jax.random.fold_in, key))(draws)
    return jax.vmap(lambda key, position: model.constrain(key, position, counts))(keys, positions)


@BySize
def _constrain_theta(
    key: jax.Array, model: Model, counts: Counts, positions: Position, draws: jax.Array
) -> jax.Array:
    return _constrain(key, model, counts, positions, draws)["theta"]


@BySize
def _constrain_others(
    key: jax.Array, model: Model, counts: Counts, positions: Position, draws: jax.Array
) -> Parameters:
    # XLA removes the draws of theta, since they are not returned.
    parameters = _constrain(key, model, counts, positions, draws)
    return {name: value for name, value in parameters.items() if name != "theta"}


@BySize
def _prior_counts(model: BetaPopulation, position: Position) -> tuple[jax.Array, jax.Array]:
    return model.prior_counts(position)


@quietly
def _log_likelihood_at_once(
    model: Model, counts: Counts, parameters: NumpyParameters, _: np.ndarray
) -> Any:
    return model.log_likelihood(parameters, counts)  # type: ignore[arg-type]


@BySize
def _log_likelihood(
    model: Model, counts: Counts, parameters: Parameters, draws: jax.Array
) -> jax.Array:
    # ``draws`` gives the number of rows to ``vmap`` if a model has no parameter besides theta.
    def one(_: jax.Array, row: Parameters) -> jax.Array:
        return model.log_likelihood(row, counts)

    return jax.vmap(one)(draws, parameters)
