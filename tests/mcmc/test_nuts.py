import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tables import close

from hierpool.input.errors import InputError
from hierpool.mcmc import turns
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.target import Target
from hierpool.runtime.settings import check_settings

SCALES = jnp.asarray([0.1, 1.0, 3.0])


def normal(position: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((position / SCALES.astype(position.dtype)) ** 2)


NORMAL = Target(normal, lambda key: jax.random.normal(key, (3,)))


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


def test_settings_are_static_but_the_target_is_a_leaf() -> None:
    assert jax.tree.leaves(NUTS(target_accept=0.9)) == [0.9]
    flat, _ = ravel_pytree(NUTS(target_accept=0.9))
    assert flat.shape == (1,)


def test_the_defaults_are_those_of_the_field_and_the_least_settings_run() -> None:
    assert NUTS() == NUTS(
        num_chains=4, num_warmup=1000, num_draws=1000, target_accept=0.8, max_tree_depth=10
    )
    least = {"num_chains": 1, "num_warmup": 0, "num_draws": 4, "max_tree_depth": 1}
    check_settings(NUTS(**least))  # type: ignore[arg-type]
    for name, value in least.items():
        with pytest.raises(InputError, match=f"{name} must be a whole number, at least {value}"):
            check_settings(NUTS(**{name: value - 1}))  # type: ignore[arg-type]
