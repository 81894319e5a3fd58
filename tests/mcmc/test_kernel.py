"""One step of NUTS, held against BlackJAX's own."""

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.adaptation.base import get_filter_adapt_info_fn
from tables import WITH_ROOKIE, close, on_device, tolerance

from hierpool.mcmc import kernel, turns
from hierpool.mcmc.ravel import Flat
from hierpool.mcmc.schedule import DRAW, START, Schedule, schedule
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import ESTIMATED, target_of
from hierpool.mcmc.turns import turning
from hierpool.models.beta import PartialPooling

SCALES = jnp.asarray([0.1, 1.0, 3.0])


def normal(position: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((position / SCALES.astype(position.dtype)) ** 2)


@pytest.fixture
def any_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of any size are taken, as BlackJAX does."""
    for module in (kernel, turns):
        monkeypatch.setattr(module, "LARGEST_STEP", np.inf)
    monkeypatch.setattr(turns, "PASSED_OVER", ())


# Rounding doubles every few steps, until it is another trajectory: how long that takes depends on
# the precision and the step size.
@pytest.mark.parametrize(
    ("precision", "target", "num_steps"),
    [
        ("float64", 0.8, 10),
        ("float64", 0.8, 30),
        ("float64", 0.95, 10),
        ("float64", 0.95, 60),
        ("float64", 0.95, 300),
        ("float32", 0.8, 5),
        ("float32", 0.95, 10),
    ],
    indirect=["precision"],
)
def test_it_adapts_as_blackjax_does_on_the_same_keys(
    precision: str, target: float, num_steps: int, any_step: None
) -> None:
    standard = target_of(PartialPooling(), on_device(WITH_ROOKIE))
    target_density = Flat(standard.log_density, standard.init)
    start = target_density.init(jax.random.key(3))
    key = jax.random.key(11)
    # A key more, for the step that evaluates the start.
    keys = jnp.concatenate([key[None], jax.random.split(key, num_steps)])
    steps = schedule(num_steps, 0)

    @jax.jit
    def ours() -> kernel.ChainState:
        def one(
            state: kernel.ChainState, inputs: tuple[jax.Array, jax.Array, jax.Array]
        ) -> tuple[kernel.ChainState, None]:
            return kernel.step(target_density.log_density, target, 10, state, *inputs)[0], None

        state = kernel.start(start)
        return jax.lax.scan(one, state, (keys, *map(jnp.asarray, steps)))[0]

    @jax.jit
    def theirs() -> tuple[jax.Array, jax.Array, jax.Array]:
        warmup = blackjax.window_adaptation(
            blackjax.nuts,
            target_density.log_density,
            target_acceptance_rate=target,
            integrator=turning,
            adaptation_info_fn=get_filter_adapt_info_fn(),
        )
        (state, parameters), _ = warmup.run(key, start, num_steps)
        return state.position, parameters["step_size"], parameters["inverse_mass_matrix"]

    state = ours()
    position, step_size, inverse_mass_matrix = theirs()
    relative = tolerance(precision, float64=1e-6, float32=1e-2)
    close(state.hmc.position, position, relative=relative, absolute=relative)
    close(jnp.exp(state.step_size.log_step_size_avg), step_size, relative=relative)
    close(state.mass_matrix.inverse_mass_matrix, inverse_mass_matrix, relative=relative)


@pytest.mark.parametrize("target", [0.8, 0.95])
def test_each_step_adapts_as_blackjaxs_from_the_same_state(
    double: None, any_step: None, target: float
) -> None:
    """No rounding adds up here: all 300 steps can be held against BlackJAX's, whatever the target.

    The windows of the mass matrix end at steps 100, 150 and 250.
    """
    standard = target_of(PartialPooling(), on_device(WITH_ROOKIE))
    density = Flat(standard.log_density, standard.init)
    key, num_steps = jax.random.key(11), 300
    warmup = blackjax.window_adaptation(
        blackjax.nuts,
        density.log_density,
        target_acceptance_rate=target,
        integrator=turning,
    )
    _, theirs = warmup.run(key, density.init(jax.random.key(3)), num_steps)
    adapted = theirs.adaptation_state
    estimated = jnp.full_like(theirs.state.position, ESTIMATED)
    states = kernel.ChainState(theirs.state, adapted.ss_state, adapted.imm_state, estimated)
    keys = jax.random.split(key, num_steps)[1:]
    steps = Schedule(*(jnp.asarray(column[2:]) for column in schedule(num_steps, 0)))
    before = jax.tree.map(lambda leaf: leaf[:-1], states)

    def one(state: kernel.ChainState, *inputs: jax.Array) -> kernel.ChainState:
        return kernel.step(density.log_density, target, 10, state, *inputs)[0]

    ours = jax.jit(jax.vmap(one))(before, keys, *steps)
    assert int(steps.window_end.sum()) == 3
    for found, wanted in zip(jax.tree.leaves(ours), jax.tree.leaves(states), strict=True):
        close(found, wanted[1:], relative=1e-7, absolute=1e-7)


def test_how_a_run_is_cut_never_changes_a_draw(double: None) -> None:
    steps = schedule(60, 40)
    key = jax.random.key(2)

    @jax.jit
    def advance(state: kernel.ChainState, first: int, chunk: Schedule, size: int) -> kernel.Run:
        return kernel.advance(normal, 0.8, 10, state, key, first, chunk, size, 25)

    def in_chunks(size: int) -> np.ndarray:
        state = kernel.start(jnp.ones(3))
        kept = []
        for row in range(0, 101, size):
            chunk = Schedule(*(np.resize(column[row : row + size], 25) for column in steps))
            run = advance(state, row + START, chunk, min(size, 101 - row))
            state = run.state
            kept.append(np.asarray(run.positions[: min(size, 101 - row)]))
        return np.concatenate(kept)

    whole = in_chunks(25)
    assert len(np.unique(whole, axis=0)) > 90
    for size in (1, 5, 20):
        np.testing.assert_array_equal(in_chunks(size), whole)


def test_a_trajectory_is_cut_if_and_only_if_it_would_go_on(double: None, any_step: None) -> None:
    keys = jax.random.split(jax.random.key(1), 300)
    # Below 2, where leapfrog steps of a standard normal are stable.
    sizes = jnp.exp(jnp.linspace(jnp.log(0.05), jnp.log(1.9), len(keys)))

    def unit(position: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum(position**2)

    def run(cap: int) -> tuple[np.ndarray, ...]:
        def one(key: jax.Array, size: jax.Array) -> Stats:
            state = kernel.start(jax.random.normal(key, (3,)))
            state, _ = kernel.step(unit, 0.8, cap, state, key, START, False)
            tuned = state.step_size._replace(log_step_size_avg=jnp.log(size))
            tuned_state = state._replace(step_size=tuned)
            return kernel.step(unit, 0.8, cap, tuned_state, key, DRAW, False)[1]

        stats = jax.jit(jax.vmap(one))(keys, sizes)
        assert not stats.diverging.any()
        return np.asarray(stats.reached_max_treedepth), np.asarray(stats.tree_depth)

    # With the same keys a tree is the same up to the depth at which it is cut.
    never, free = run(10)
    assert not never.any() and free.max() < 10
    for cap in (1, 2, 3):
        reached, depth = run(cap)
        np.testing.assert_array_equal(depth, np.minimum(free, cap))
        np.testing.assert_array_equal(reached, free > cap)
        assert 20 < reached.sum() < 300 and np.sum(free == cap) > 5


def test_a_divergence_at_the_last_doubling_is_no_cut(double: None) -> None:
    def cliff(position: jax.Array) -> jax.Array:
        return jnp.where(jnp.abs(position[0]) > 1e-3, -jnp.inf, 0.0 * position[0])

    state = kernel.start(jnp.zeros(1))
    state, _ = kernel.step(cliff, 0.8, 1, state, jax.random.key(0), START, False)
    _, stats = kernel.step(cliff, 0.8, 1, state, jax.random.key(1), DRAW, False)
    assert stats.diverging and stats.tree_depth == 1 and not stats.reached_max_treedepth


def test_the_first_step_evaluates_the_start(precision: str) -> None:
    position = jnp.asarray([0.05, -2.0, 1.0])
    state = kernel.start(position)
    for seed in range(4):  # It extends to the left or to the right.
        arguments = state, jax.random.key(seed), START, False
        begun, _ = kernel.step(normal, 0.8, 10, *arguments)
        value, gradient = jax.value_and_grad(normal)(position)
        np.testing.assert_array_equal(begun.hmc.position, position)
        np.testing.assert_array_equal(begun.hmc.logdensity, value)
        np.testing.assert_array_equal(begun.hmc.logdensity_grad, gradient)
        assert begun.step_size.log_step_size == 0
        assert begun.hmc.logdensity.dtype == precision
