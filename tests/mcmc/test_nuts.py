import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.adaptation.base import get_filter_adapt_info_fn
from jax.flatten_util import ravel_pytree
from tables import WITH_ROOKIE, close, on_device, tolerance

from hierpool.mcmc import nuts, turns
from hierpool.mcmc.nuts import NUTS, Schedule
from hierpool.mcmc.ravel import Flat
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import ESTIMATED, Target, target_of
from hierpool.mcmc.turns import turning
from hierpool.models.beta import PartialPooling

SCALES = jnp.asarray([0.1, 1.0, 3.0])


def normal(position: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((position / SCALES.astype(position.dtype)) ** 2)


NORMAL = Target(normal, lambda key: jax.random.normal(key, (3,)))


@pytest.fixture
def any_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of any size are taken, as BlackJAX does."""
    for module in (nuts, turns):
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
    steps = nuts.schedule(num_steps, 0)

    @jax.jit
    def ours() -> nuts.ChainState:
        def one(
            state: nuts.ChainState, inputs: tuple[jax.Array, jax.Array, jax.Array]
        ) -> tuple[nuts.ChainState, None]:
            return nuts.step(target_density.log_density, target, 10, state, *inputs)[0], None

        state = nuts.start(start)
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
    states = nuts.ChainState(theirs.state, adapted.ss_state, adapted.imm_state, estimated)
    keys = jax.random.split(key, num_steps)[1:]
    steps = Schedule(*(jnp.asarray(column[2:]) for column in nuts.schedule(num_steps, 0)))
    before = jax.tree.map(lambda leaf: leaf[:-1], states)

    def one(state: nuts.ChainState, *inputs: jax.Array) -> nuts.ChainState:
        return nuts.step(density.log_density, target, 10, state, *inputs)[0]

    ours = jax.jit(jax.vmap(one))(before, keys, *steps)
    assert int(steps.window_end.sum()) == 3
    for found, wanted in zip(jax.tree.leaves(ours), jax.tree.leaves(states), strict=True):
        close(found, wanted[1:], relative=1e-7, absolute=1e-7)


def test_how_a_run_is_cut_never_changes_a_draw(double: None) -> None:
    steps = nuts.schedule(60, 40)
    key = jax.random.key(2)

    @jax.jit
    def advance(state: nuts.ChainState, first: int, chunk: Schedule, size: int) -> nuts.Run:
        return nuts.advance(normal, 0.8, 10, state, key, first, chunk, size, 25)

    def in_chunks(size: int) -> np.ndarray:
        state = nuts.start(jnp.ones(3))
        kept = []
        for row in range(0, 101, size):
            chunk = Schedule(*(np.resize(column[row : row + size], 25) for column in steps))
            run = advance(state, row + nuts.START, chunk, min(size, 101 - row))
            state = run.state
            kept.append(np.asarray(run.positions[: min(size, 101 - row)]))
        return np.concatenate(kept)

    whole = in_chunks(25)
    assert len(np.unique(whole, axis=0)) > 90
    for size in (1, 5, 20):
        np.testing.assert_array_equal(in_chunks(size), whole)


def test_the_same_key_gives_the_same_draws_and_chains_differ() -> None:
    sampler = NUTS(num_chains=3, num_warmup=50, num_draws=20)
    run = jax.jit(lambda key: sampler.run(key, NORMAL))
    first, again = run(jax.random.key(0))[0], run(jax.random.key(0))[0]
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.asarray(first).reshape(-1, 3), axis=0)) > 50
    assert not np.array_equal(first, run(jax.random.key(1))[0])


def test_a_chain_does_not_depend_on_how_many_there_are() -> None:
    def of(num_chains: int) -> jax.Array:
        sampler = NUTS(num_chains=num_chains, num_warmup=10, num_draws=5)
        return sampler.run(jax.random.key(4), NORMAL)[0]

    np.testing.assert_array_equal(of(2), of(5)[:2])


@pytest.mark.parametrize("method", ["parallel", "vectorized", "sequential"])
def test_it_samples_a_normal_of_unequal_scales(precision: str, method: str) -> None:
    sampler = NUTS(num_chains=4, num_warmup=400, num_draws=1000, chain_method=method)
    positions, stats = jax.jit(lambda key: sampler.run(key, NORMAL))(jax.random.key(5))
    assert positions.shape == (4, 1000, 3) and positions.dtype == precision
    assert stats.diverging.sum() == 0
    # NUTS on a normal is at least as good as independent draws for means.
    draws = np.asarray(positions).reshape(-1, 3) / np.asarray(SCALES)
    assert np.all(np.abs(draws.mean(axis=0)) < 5 / np.sqrt(1000))
    assert np.all(np.abs(draws.var(axis=0) - 1) < 5 * np.sqrt(2 / 1000))
    # Its steps have no error there, but for what the tuning of the scales leaves.
    assert np.asarray(stats.acceptance_rate).mean() > 0.95


def test_the_statistics_tell_what_the_trajectory_did(double: None) -> None:
    sampler = NUTS(num_chains=2, num_warmup=0, num_draws=30, max_tree_depth=2)
    positions, stats = sampler.run(
        jax.random.key(0), Target(normal, lambda key: jnp.ones(3) * 0.01)
    )
    # Without warm-up the step size is about 1, far too long for a scale of 0.1.
    np.testing.assert_array_equal(stats.step_size, turns.taken(1.0))
    assert stats.tree_depth.max() <= 2 and stats.n_steps.max() <= 3
    close(stats.lp, jax.vmap(jax.vmap(normal))(positions), relative=1e-12)


def test_a_trajectory_is_cut_if_and_only_if_it_would_go_on(double: None, any_step: None) -> None:
    keys = jax.random.split(jax.random.key(1), 300)
    # Below 2, where leapfrog steps of a standard normal are stable.
    sizes = jnp.exp(jnp.linspace(jnp.log(0.05), jnp.log(1.9), len(keys)))

    def unit(position: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum(position**2)

    def run(cap: int) -> tuple[np.ndarray, ...]:
        def one(key: jax.Array, size: jax.Array) -> Stats:
            state = nuts.start(jax.random.normal(key, (3,)))
            state, _ = nuts.step(unit, 0.8, cap, state, key, nuts.START, False)
            tuned = state.step_size._replace(log_step_size_avg=jnp.log(size))
            tuned_state = state._replace(step_size=tuned)
            return nuts.step(unit, 0.8, cap, tuned_state, key, nuts.DRAW, False)[1]

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

    state = nuts.start(jnp.zeros(1))
    state, _ = nuts.step(cliff, 0.8, 1, state, jax.random.key(0), nuts.START, False)
    _, stats = nuts.step(cliff, 0.8, 1, state, jax.random.key(1), nuts.DRAW, False)
    assert stats.diverging and stats.tree_depth == 1 and not stats.reached_max_treedepth


def test_chains_run_as_asked_or_in_threads_on_a_cpu() -> None:
    default = "parallel" if jax.default_backend() == "cpu" else "vectorized"
    assert NUTS().method == default
    for method in ("parallel", "sequential", "vectorized"):
        assert NUTS(chain_method=method).method == method


def test_a_wall_is_reported_as_divergence(double: None) -> None:
    def wall(position: jax.Array) -> jax.Array:
        return jnp.where(position[0] > 0.05, -jnp.inf, normal(position))

    sampler = NUTS(num_chains=2, num_warmup=100, num_draws=200)
    positions, stats = sampler.run(jax.random.key(0), Target(wall, lambda key: jnp.zeros(3)))
    assert stats.diverging.sum() > 0
    assert np.all(np.asarray(positions)[..., 0] <= 0.05)


def test_the_first_step_evaluates_the_start(precision: str) -> None:
    position = jnp.asarray([0.05, -2.0, 1.0])
    state = nuts.start(position)
    for seed in range(4):  # It extends to the left or to the right.
        arguments = state, jax.random.key(seed), nuts.START, False
        begun, _ = nuts.step(normal, 0.8, 10, *arguments)
        value, gradient = jax.value_and_grad(normal)(position)
        np.testing.assert_array_equal(begun.hmc.position, position)
        np.testing.assert_array_equal(begun.hmc.logdensity, value)
        np.testing.assert_array_equal(begun.hmc.logdensity_grad, gradient)
        assert begun.step_size.log_step_size == 0
        assert begun.hmc.logdensity.dtype == precision


@pytest.mark.parametrize(("num_warmup", "num_draws"), [(0, 5), (10, 0), (19, 1), (1000, 1000)])
def test_the_schedule_is_stans(num_warmup: int, num_draws: int) -> None:
    steps = nuts.schedule(num_warmup, num_draws)
    assert steps.stage.shape == steps.window_end.shape == (1 + num_warmup + num_draws,)
    assert steps.stage[0] == nuts.START and not steps.window_end[0]
    steps = Schedule(*(column[1:] for column in steps))
    assert np.all(steps.stage[num_warmup:] == nuts.DRAW)
    assert not steps.window_end[num_warmup:].any()
    if num_warmup == 1000:
        # 75 fast steps, windows of 25, 50, 100, 200 and 500, 50 fast steps.
        np.testing.assert_array_equal(
            np.flatnonzero(steps.window_end) + 1, [100, 150, 250, 450, 950]
        )
        assert np.all(steps.stage[75:950] == 1) and np.all(steps.stage[:75] == 0)


def test_settings_are_static_but_the_target_is_a_leaf() -> None:
    assert jax.tree.leaves(NUTS(target_accept=0.9)) == [0.9]
    flat, _ = ravel_pytree(NUTS(target_accept=0.9))
    assert flat.shape == (1,)
