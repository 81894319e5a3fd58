"""The leapfrog step that is exact for a normal density."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.mcmc.integrators import IntegratorState, new_integrator_state, velocity_verlet
from blackjax.mcmc.metrics import Metric, gaussian_euclidean
from tables import close

from hierpool.mcmc import kernel
from hierpool.mcmc.schedule import DRAW, START, schedule
from hierpool.mcmc.target import ESTIMATED
from hierpool.mcmc.turns import LARGEST_STEP, taken, turning

VARIANCES = np.array([0.3, 1.0, 40.0])
CENTRE = np.array([2.0, -1.0, 5.0])


def metric() -> Metric:
    return gaussian_euclidean(jnp.asarray(VARIANCES))


def normal(x: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((x - CENTRE) ** 2 / VARIANCES)


def bent(x: jax.Array) -> jax.Array:
    return normal(x) - 0.1 * jnp.sum((x - CENTRE) ** 4 / VARIANCES**2) + jnp.sin(x[0] * x[1])


def started(density: Callable[[jax.Array], jax.Array]) -> IntegratorState:
    momentum = metric().sample_momentum(jax.random.key(1), jnp.asarray(CENTRE))
    return new_integrator_state(density, jnp.asarray(CENTRE + [0.4, -1.0, 3.0]), momentum)


def test_a_step_turns_a_normal_density_by_its_angle(double: None) -> None:
    state = started(normal)
    step = turning(normal, metric().kinetic_energy)
    for angle in (0.01, 0.7, np.pi / 2):
        found = step(state, 2 * np.tan(angle / 2))
        away, speed = state.position - CENTRE, VARIANCES * state.momentum
        position = CENTRE + np.cos(angle) * away + np.sin(angle) * speed
        momentum = np.cos(angle) * state.momentum - np.sin(angle) * away / VARIANCES
        close(found.position, position, relative=1e-12)
        close(found.momentum, momentum, relative=1e-12)
        close(found.logdensity, normal(position), relative=1e-12)
        close(found.logdensity_grad, jax.grad(normal)(position), relative=1e-12)


def energy(density: Callable[[jax.Array], jax.Array], state: IntegratorState) -> float:
    return float(metric().kinetic_energy(state.momentum) - density(state.position))


@pytest.mark.parametrize("size", [0.01, 0.3, 1.1, LARGEST_STEP])
def test_a_step_can_be_taken_back_and_keeps_volume(size: float, double: None) -> None:
    step, state = turning(bent, metric().kinetic_energy), started(bent)

    def moved(phase: jax.Array) -> jax.Array:
        begun = new_integrator_state(bent, phase[:3], phase[3:])
        end = step(begun, size)
        return jnp.concatenate([end.position, end.momentum])

    phase = jnp.concatenate([state.position, state.momentum])
    back = step(step(state, size), -size)
    close(jnp.concatenate([back.position, back.momentum]), phase, relative=1e-9, absolute=1e-9)
    close(jnp.linalg.det(jax.jacobian(moved)(phase)), 1, relative=1e-8)


def test_its_error_is_that_of_what_is_not_normal_and_falls_with_the_square(double: None) -> None:
    def error(integrator: Callable[..., Callable[..., IntegratorState]], size: float) -> float:
        step, state = integrator(bent, metric().kinetic_energy), started(bent)
        start = energy(bent, state)
        for _ in range(round(0.6 / size)):
            state = step(state, size)
        return abs(energy(bent, state) - start)

    assert error(turning, 0.01) / error(turning, 0.02) == pytest.approx(1 / 4, rel=0.1)
    # Of a normal density nothing is left.
    state, step = started(normal), turning(normal, metric().kinetic_energy)
    for _ in range(50):
        state = step(state, 1.9)
    assert energy(normal, state) == pytest.approx(energy(normal, started(normal)), rel=1e-12)
    usual = velocity_verlet(normal, metric().kinetic_energy)(started(normal), 1.9)
    assert abs(energy(normal, usual) - energy(normal, started(normal))) > 1


def test_no_trajectory_passes_a_whole_turn_unseen(double: None) -> None:
    """With many coordinates that turn alike, whatever the step, a trajectory ends in time."""

    def unit(x: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum(x**2)

    def steps(key: jax.Array, size: jax.Array) -> jax.Array:
        state = kernel.start(jax.random.normal(key, (2000,)))
        state, _ = kernel.step(unit, 0.8, 10, state, key, START, False)
        tuned = state.step_size._replace(log_step_size_avg=jnp.log(size))
        _, stats = kernel.step(unit, 0.8, 10, state._replace(step_size=tuned), key, DRAW, False)
        return stats.n_steps

    sizes = np.geomspace(0.05, 3, 100)
    found = np.asarray(jax.jit(jax.vmap(steps))(jax.random.split(jax.random.key(0), 100), sizes))
    step = np.asarray(taken(sizes))
    assert np.all(step <= np.minimum(sizes, LARGEST_STEP))
    assert np.all(step > 0.7 * np.minimum(sizes, LARGEST_STEP))
    turns = found * 2 * np.arctan(step / 2) / (2 * np.pi)
    assert np.all((0.5 < turns) & (turns < 1))


def test_a_known_variance_is_kept_and_others_are_estimated(double: None) -> None:
    def density(x: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum(x**2 / jnp.asarray([4.0, 9.0]))

    known = jnp.asarray([1.0, ESTIMATED])
    steps = schedule(400, 2000)
    length = len(steps.stage)
    state = kernel.start(jnp.ones(2), known)
    arguments = state, jax.random.key(0), START, steps, length, 2000
    run = jax.jit(lambda: kernel.advance(density, 0.8, 10, *arguments))()
    first, second = run.state.mass_matrix.inverse_mass_matrix
    assert first == 1
    close(second, 9, relative=0.3)
    close(run.positions.std(axis=0), [2, 3], relative=0.1)
