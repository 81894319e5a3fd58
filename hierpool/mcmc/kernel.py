"""NUTS with window adaptation, written as one step that serves warm-up and draws.

The step is BlackJAX's NUTS kernel, followed by BlackJAX's updates of step size and mass matrix,
which the schedule switches off for draws. So one compiled program serves the whole run, and the run
can be interrupted after any step. The key of a step is derived from the step's index, so the draws
do not depend on how a run is divided into chunks.

Nothing here depends on a particular model. This is the only file that imports BlackJAX; whoever
imports it does so late, because a program that was kept needs neither.

Source: Hoffman and Gelman (2014), "The No-U-Turn Sampler".
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import blackjax
import jax
import jax.numpy as jnp
from blackjax.adaptation.mass_matrix import MassMatrixAdaptationState, mass_matrix_adaptation
from blackjax.adaptation.step_size import DualAveragingAdaptationState, dual_averaging_adaptation
from blackjax.mcmc.hmc import HMCState
from blackjax.mcmc.metrics import Metric, gaussian_euclidean
from jax.typing import ArrayLike

from hierpool.mcmc.schedule import DRAW, START, Schedule
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import ESTIMATED
from hierpool.mcmc.turns import LARGEST_STEP, taken, turning

LogDensity = Callable[[jax.Array], jax.Array]


class ChainState(NamedTuple):
    """The state that a chain carries from one step to the next."""

    hmc: HMCState
    """Position (dim,), log density and its gradient."""
    step_size: DualAveragingAdaptationState
    """The tuned step size, with the state of dual averaging."""
    mass_matrix: MassMatrixAdaptationState
    """The diagonal inverse mass matrix (dim,), with the moments of the window."""
    known: jax.Array
    """(dim,) inverse mass where it is known, and ``ESTIMATED`` elsewhere."""


def start(position: jax.Array, known: jax.Array | None = None) -> ChainState:
    """Returns the state of a chain at ``position`` (dim,), before the density there is known.

    The log density of the state is infinite, and its step size is 0. So the first step, that of
    ``START``, ends after one leapfrog step at the point where it began, and evaluates the density
    there. Thus no separate program has to be compiled for the start.

    Args:
        position: (dim,) starting point.
        known: (dim,) inverse mass of the coordinates whose variance is known, 0 for one that keeps
            its value, and ``ESTIMATED`` for the others; by default all are estimated.
    """
    step_size_init, _, _ = dual_averaging_adaptation(0.8)
    mass_matrix_init, _, _ = mass_matrix_adaptation(is_diagonal_matrix=True)
    hmc = HMCState(position, jnp.inf, jnp.zeros_like(position))
    mass = mass_matrix_init(position.size)
    known = jnp.full_like(position, ESTIMATED) if known is None else known
    mass = mass._replace(inverse_mass_matrix=_known_or(mass.inverse_mass_matrix, known))
    return _carried(ChainState(hmc, step_size_init(0.0), mass, known), position.dtype)


def _known_or(estimate: jax.Array, known: jax.Array) -> jax.Array:
    """Returns (dim,) the inverse mass, as it is known or estimated."""
    return jnp.where(known == ESTIMATED, estimate, known)


def step(
    log_density: LogDensity,
    target_accept: ArrayLike,
    max_tree_depth: int,
    state: ChainState,
    key: jax.Array,
    stage: ArrayLike,
    window_end: ArrayLike,
) -> tuple[ChainState, Stats]:
    """Returns a chain after one NUTS transition and the stage's adaptation, and its statistics.

    Args:
        log_density: log density of a position (dim,).
        target_accept: mean acceptance probability to tune for.
        max_tree_depth: most doublings of a trajectory; static.
        state: state of the chain.
        key: random key of this step.
        stage: () as in ``Schedule``.
        window_end: () as in ``Schedule``.
    """
    tuned, mass = state.step_size, state.mass_matrix
    step_size_init, step_size_update, step_size_final = dual_averaging_adaptation(target_accept)
    _, mass_update, mass_final = mass_matrix_adaptation(is_diagonal_matrix=True)

    # The warm-up explores with the latest step size; draws use the average of the last window.
    drawing = jnp.asarray(stage) == DRAW
    step_size = jnp.exp(jnp.where(drawing, tuned.log_step_size_avg, tuned.log_step_size))
    step_size = taken(step_size)
    kernel = blackjax.nuts.build_kernel(turning)
    metric = _metric(mass.inverse_mass_matrix)
    hmc, info = kernel(key, state.hmc, log_density, step_size, metric, max_tree_depth)

    # Otherwise the tuning would run away where even the largest step is accepted more often.
    accepted = jnp.where(
        step_size < LARGEST_STEP,
        info.acceptance_rate,
        jnp.minimum(info.acceptance_rate, target_accept),
    )

    def begin() -> ChainState:
        left, right = info.trajectory_leftmost_state, info.trajectory_rightmost_state
        end = jax.tree.map(partial(jnp.where, jnp.isposinf(left.logdensity)), right, left)
        found = HMCState(end.position, end.logdensity, end.logdensity_grad)
        return carried(step_size_init(1.0), mass, found)

    def renewed(moments: MassMatrixAdaptationState) -> MassMatrixAdaptationState:
        new = mass_final(moments)
        return new._replace(inverse_mass_matrix=_known_or(new.inverse_mass_matrix, state.known))

    def tune() -> ChainState:
        return carried(step_size_update(tuned, accepted), mass)

    def tune_and_gather() -> ChainState:
        retuned = step_size_update(tuned, accepted)
        moments = mass_update(mass, hmc.position)
        return jax.lax.cond(
            window_end,
            lambda: carried(step_size_init(step_size_final(retuned)), renewed(moments)),
            lambda: carried(retuned, moments),
        )

    def draw() -> ChainState:
        return carried(tuned, mass)

    def carried(
        tuned: DualAveragingAdaptationState, mass: MassMatrixAdaptationState, hmc: HMCState = hmc
    ) -> ChainState:
        return _carried(ChainState(hmc, tuned, mass, state.known), hmc.position.dtype)

    adapted = jax.lax.switch(jnp.asarray(stage) - START, [begin, tune, tune_and_gather, draw])
    stats = Stats(
        lp=hmc.logdensity,
        acceptance_rate=info.acceptance_rate,
        diverging=info.is_divergent,
        energy=info.energy,
        n_steps=info.num_integration_steps,
        tree_depth=info.num_trajectory_expansions,
        reached_max_treedepth=(info.num_trajectory_expansions >= max_tree_depth)
        & ~info.is_turning
        & ~info.is_divergent,
        step_size=step_size,
    )
    return adapted, stats


def _metric(inverse_mass_matrix: jax.Array) -> Metric:
    """Returns BlackJAX's metric, in which a coordinate of inverse mass 0 never moves."""
    is_free = inverse_mass_matrix != 0
    # The mass of the other coordinates does not matter: their momentum is 0.
    metric = gaussian_euclidean(jnp.where(is_free, inverse_mass_matrix, 1))

    def sample_momentum(key: jax.Array, position: jax.Array) -> jax.Array:
        return jnp.where(is_free, metric.sample_momentum(key, position), 0)

    return metric._replace(sample_momentum=sample_momentum)


class Run(NamedTuple):
    """A range of steps of a chain."""

    state: ChainState
    """State of the chain after the last step."""
    positions: jax.Array
    """(kept, dim) positions after each kept step."""
    stats: Stats
    """(kept,) statistics of each kept step."""


def advance(
    log_density: LogDensity,
    target_accept: ArrayLike,
    max_tree_depth: int,
    state: ChainState,
    key: jax.Array,
    first: ArrayLike,
    steps: Schedule,
    num_steps: ArrayLike,
    num_kept: int,
) -> Run:
    """Returns the chain after the first ``num_steps`` of ``steps``, with the last ones kept.

    Args:
        log_density: log density of a position (dim,).
        target_accept: mean acceptance probability to tune for.
        max_tree_depth: most doublings of a trajectory; static.
        state: state of the chain.
        key: random key of the chain, from which the key of each step is folded by its index.
        first: () index of the first step in the whole run. The start has index ``START``, so that
            transitions count from 0.
        steps: (step,) what each step does.
        num_steps: () number of steps to take; may be traced, so that one program serves any number.
        num_kept: rows of the result; static. Step i of ``steps`` is kept in row
            ``i - (len(steps) - num_kept)``, and steps before row 0 are not kept.
    """
    stage, window_end = map(jnp.asarray, steps)
    skipped = stage.shape[0] - num_kept

    # Under ``jit`` it is traced once, for both the shapes below and the loop.
    one = jax.jit(partial(step, log_density, target_accept, max_tree_depth))

    def take(i: jax.Array, run: Run) -> Run:
        step_key = jax.random.fold_in(key, first + i)
        state, stats = one(run.state, step_key, stage[i], window_end[i])
        # Steps that are not kept are written to the first row, and overwritten later.
        row = jnp.maximum(i - skipped, 0)
        return Run(
            state,
            run.positions.at[row].set(state.hmc.position),
            jax.tree.map(lambda kept, new: kept.at[row].set(new), run.stats, stats),
        )

    _, stats = jax.eval_shape(one, state, key, stage[0], window_end[0])
    empty = jax.tree.map(lambda leaf: jnp.zeros((num_kept, *leaf.shape), leaf.dtype), stats)
    positions = jnp.zeros((num_kept, *state.hmc.position.shape), state.hmc.position.dtype)
    return jax.lax.fori_loop(0, num_steps, take, Run(state, positions, empty))


def _carried(state: ChainState, dtype: jax.typing.DTypeLike) -> ChainState:
    """Returns the state with every real number as ``dtype``: a loop's types must not change."""

    def cast(leaf: ArrayLike) -> jax.Array:
        leaf = jnp.asarray(leaf)
        is_real = jnp.issubdtype(leaf.dtype, jnp.floating)
        return jax.lax.convert_element_type(leaf, dtype if is_real else jnp.result_type(int))

    return jax.tree.map(cast, state)
