"""``integrate`` in the programs of others: exported, over devices, differentiated."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import SOON
from integrated import posterior
from jax import export
from tables import close

from hierpool.arrays import namespace
from hierpool.counts import Counts
from hierpool.exact.posterior import Exact, integrate
from hierpool.inference.sample import Draws, sample
from hierpool.input.errors import InputError
from hierpool.mcmc.nuts import NUTS
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.logit_normal import CollapsedLogitPartialPooling

MODEL = CollapsedPartialPooling()
SUPPORT = str(Path(__file__).parents[1] / "support")


def table(num_groups: int) -> Counts:
    rng = np.random.default_rng(num_groups)
    trials = rng.integers(1, 60, num_groups)
    return Counts(jnp.asarray(rng.binomial(trials, 0.3)), jnp.asarray(trials))


@pytest.fixture(scope="module")
def exported() -> bytearray:
    """Returns a program of any number of groups, as it is written to a file."""
    with jax.enable_x64(True):
        (groups,) = export.symbolic_shape("groups")
        column = jax.ShapeDtypeStruct((groups,), jnp.int64)
        program = jax.jit(lambda counts: integrate(MODEL, counts))
        return export.export(program)(Counts(column, column)).serialize()


# Fewer than a block of groups, and blocks with some left over.
@pytest.mark.parametrize("num_groups", [5, 300])
def test_an_exported_program_takes_any_number_of_groups(
    exported: bytearray, num_groups: int, double: None
) -> None:
    counts = table(num_groups)
    found = export.deserialize(exported).call(counts)
    assert isinstance(found, Exact)
    for got, want in zip(
        jax.tree.leaves(found), jax.tree.leaves(posterior(MODEL, counts)), strict=True
    ):
        close(got, want, relative=1e-7, absolute=1e-9)


def test_an_exported_sampler_draws_what_it_drew(double: None) -> None:
    nuts, counts = NUTS(num_chains=2, num_warmup=20, num_draws=10), table(4)
    program = jax.jit(lambda counts: sample(jax.random.key(0), MODEL, counts, nuts))
    written = export.export(program)(counts).serialize()
    draws = export.deserialize(written).call(counts)
    assert isinstance(draws, Draws)
    np.testing.assert_array_equal(draws.parameters["theta"], program(counts).parameters["theta"])


# A process of its own: the number of devices is fixed when JAX is first used.
ON_TWO_DEVICES = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import hierpool as hp
from integrated import posterior

model = hp.CollapsedPartialPooling()
data = hp.stack([hp.Counts(np.array([3, 4]), np.array([10, 20])),
                 hp.Counts(np.array([9, 1, 2]), np.array([10, 20, 5]))] * 2)
data = jax.tree.map(jnp.asarray, data)
all_sets = jax.vmap(lambda counts: hp.integrate(model, counts))
at_once = [posterior(model, jax.tree.map(lambda leaf: leaf[i], data)) for i in range(4)]
want = jax.tree.map(lambda *leaves: np.stack(leaves), *at_once)
where = jax.sharding.PartitionSpec("data")

def same(name, got):
    assert len(got.groups.mean.addressable_shards) == 2
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    print(name)

mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
sharded = jax.shard_map(all_sets, mesh=mesh, in_specs=where, out_specs=where, check_vma=True)
same("checked", jax.jit(sharded)(data))

mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Explicit,))
with jax.set_mesh(mesh):
    automatic = jax.sharding.auto_axes(all_sets, out_sharding=where)
    same("explicit", jax.jit(automatic)(jax.device_put(data, where)))
"""


def test_two_devices_give_the_posteriors_of_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES],
        env=os.environ | SOON | {"PYTHONPATH": SUPPORT},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "checked\nexplicit\n", done.stderr


def test_derivatives_are_those_of_the_integral(double: None) -> None:
    y, n = np.array([18.0, 17.0, 10.0, 0.0]), np.array([45.0, 45.0, 45.0, 4.0])

    def found(at: Any, integrate: Callable[..., Exact] = posterior) -> Any:
        # Three hyperparameters, and what is added to each group's successes.
        exact = integrate(CollapsedPartialPooling(*at[:3]), Counts(y + at[3:], n))
        of, xp = exact.population, namespace(at)
        moments = [of.log_evidence, of.phi_mean, of.phi_sd, of.kappa_log_mean, of.kappa_log_sd]
        return xp.concatenate([xp.stack(moments), exact.groups.mean, exact.groups.sd])

    at = np.array([1.5, 1.2, 2.0, 0.0, 0.1, 0.2, 0.3])
    slopes = jax.jit(jax.jacobian(partial(found, integrate=integrate)))(at)
    step = 1e-3 * np.eye(len(at))
    # By differences of the fourth order.
    near, far = (
        np.stack([found(at + times * row) - found(at - times * row) for row in step], axis=1)
        for times in (1, 2)
    )
    close(slopes, (8 * near - far) / 12e-3, relative=1e-6, absolute=1e-8)


def test_a_model_that_explores_theta_has_the_same_posterior(double: None) -> None:
    counts = table(5)
    for got, want in zip(
        jax.tree.leaves(integrate(PartialPooling(), counts)),
        jax.tree.leaves(integrate(MODEL, counts)),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)


def test_a_model_without_a_beta_population_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="integrate supports models with a Beta population, as"):
        integrate(CollapsedLogitPartialPooling(), table(5))  # type: ignore[arg-type]
