import os
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import SOON, compiled
from tables import HOSPITALS, PLAYERS, RATS, WITH_ROOKIE, close

import hierpool as hp
from hierpool.counts import Counts

MODELS = [
    hp.PartialPooling(),
    hp.CollapsedPartialPooling(),
    hp.LogitPartialPooling(),
    hp.CollapsedLogitPartialPooling(),
    hp.CompletePooling(),
    hp.NoPooling(),
]
SHORT = hp.NUTS(num_chains=2, num_warmup=100, num_draws=50)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


@every_model
def test_draws_have_the_shapes_and_the_precision_of_the_caller(
    model: hp.Model, precision: str
) -> None:
    draws = hp.sample(jax.random.key(0), model, WITH_ROOKIE, SHORT)
    assert draws.parameters["theta"].shape == (2, 50, 19)
    for name, values in draws.parameters.items():
        assert values.dtype == precision, name
        assert np.isfinite(values).all(), name
        assert name == "theta" or values.shape == (2, 50)
    theta = np.asarray(draws.parameters["theta"])
    assert np.all((theta > 0) & (theta < 1))


@every_model
def test_a_second_call_of_the_same_shape_compiles_nothing(model: hp.Model) -> None:
    run = partial(hp.sample, inference=SHORT)
    run(jax.random.key(0), model, WITH_ROOKIE)
    other_data = Counts(WITH_ROOKIE.successes[::-1].copy(), WITH_ROOKIE.trials[::-1].copy())
    other_priors = jax.tree.map(lambda leaf: leaf * 1.25, model)
    keys = jax.random.key(1), jax.random.key(2)
    with compiled() as programs:
        run(keys[0], other_priors, other_data)
        run(keys[1], model, WITH_ROOKIE, inference=hp.NUTS(2, 100, 50, 0.9))
    assert programs == []


def test_many_data_sets_are_one_program(double: None) -> None:
    model = hp.CollapsedPartialPooling()
    data = hp.stack([PLAYERS, HOSPITALS, WITH_ROOKIE])
    fit_all = jax.jit(jax.vmap(lambda key, counts: hp.sample(key, model, counts, SHORT)))
    draws = fit_all(jax.random.split(jax.random.key(0), 3), data)
    assert draws.parameters["theta"].shape == (3, 2, 50, 19)
    means = np.asarray(draws.parameters["phi"].mean(axis=(1, 2)))
    # 0.2686, 0.0844 and 0.2663 exactly: the hospitals are not the players.
    assert np.all(np.abs(means - [0.2686, 0.0844, 0.2663]) < 0.02)


def test_priors_can_be_swept_in_one_program(double: None) -> None:
    rates = jnp.asarray([0.5, 1.5, 5.0])
    sweep = jax.vmap(
        lambda rate: hp.sample(
            jax.random.key(0), hp.CollapsedPartialPooling(kappa_log_rate=rate), PLAYERS, SHORT
        )
    )
    kappa_log = np.asarray(sweep(rates).parameters["kappa_log"].mean(axis=(1, 2)))
    assert kappa_log[0] > kappa_log[1] > kappa_log[2]


def test_the_batch_over_keys_gives_the_draws_of_its_keys(double: None) -> None:
    model = hp.CollapsedPartialPooling()
    keys = jax.random.split(jax.random.key(3), 2)
    together = jax.vmap(lambda key: hp.sample(key, model, PLAYERS, SHORT))(keys)
    alone = hp.sample(keys[1], model, PLAYERS, SHORT)
    # The batched program rounds differently, and trajectories are chaotic: the first draws of
    # a warm-up of this length are the same only in law, so only scale and place are compared.
    close(
        together.parameters["phi"][1].mean(),
        alone.parameters["phi"].mean(),
        relative=0,
        absolute=0.02,
    )
    assert not np.array_equal(together.parameters["phi"][0], together.parameters["phi"][1])


def test_the_density_is_a_term_in_somebody_elses(double: None) -> None:
    model = hp.PartialPooling()
    position = model.init(jax.random.key(0), RATS)
    slope = jax.grad(model.log_density)(position, RATS)
    assert jax.tree.structure(slope) == jax.tree.structure(position)
    assert np.linalg.norm(slope["logit_theta"]) > 0


# A process of its own: the number of devices is fixed when JAX is first used.
ON_TWO_DEVICES = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_enable_x64", True)
import numpy as np
import hierpool as hp

nuts = hp.NUTS(num_chains=2, num_warmup=100, num_draws=50)
model = hp.CollapsedPartialPooling()
data = hp.stack([hp.Counts(np.array([3, 4]), np.array([10, 20])),
                 hp.Counts(np.array([9, 1, 2]), np.array([10, 20, 5]))] * 2)
data = jax.tree.map(jax.numpy.asarray, data)
keys = jax.random.split(jax.random.key(0), 4)

def fit_all(keys, data):
    return jax.lax.map(lambda one: hp.sample(one[0], model, one[1], nuts), (keys, data))

mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
where = jax.sharding.PartitionSpec("data")
sharded = jax.shard_map(fit_all, mesh=mesh, in_specs=where, out_specs=where, check_vma=False)
phi = jax.jit(sharded)(keys, data).parameters["phi"]
devices = {shard.device for shard in phi.addressable_shards}
assert len(devices) == 2 and phi.shape == (4, 2, 50), (devices, phi.shape)
# The two programs may round differently: draws of other keys would differ in the first digit.
want = jax.jit(fit_all)(keys, data).parameters["phi"]
np.testing.assert_allclose(phi, want, rtol=1e-10)
print("same")
"""


def test_two_devices_give_each_data_set_the_draws_of_one() -> None:
    command = [sys.executable, "-c", ON_TWO_DEVICES]
    done = subprocess.run(command, env=os.environ | SOON, capture_output=True, text=True)
    assert done.stdout == "same\n", done.stderr


def test_the_density_can_be_given_to_another_sampler(double: None) -> None:
    import blackjax

    model = hp.CollapsedPartialPooling()
    position = model.init(jax.random.key(0), PLAYERS)
    walk = blackjax.normal_random_walk(lambda at: model.log_density(at, PLAYERS), jnp.eye(2) * 0.1)
    state = walk.init(position)
    state, info = jax.jit(walk.step)(jax.random.key(1), state)
    parameters = model.constrain(jax.random.key(2), state.position, PLAYERS)
    assert 0 < parameters["phi"] < 1 and parameters["theta"].shape == (18,)
