"""A position as one vector, and what XLA is told of its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from hierpool.mcmc.ravel import Flat


def shared(position: dict[str, jax.Array]) -> jax.Array:
    """A density whose gradient by one number is a sum over all groups, as that of a population."""
    return -0.5 * jnp.sum((position["theta"] - position["phi"]) ** 2)


FLAT = Flat(shared, lambda key: {"phi": jnp.zeros(()), "theta": jnp.zeros(5)})


@pytest.mark.parametrize(("platform", "is_apart"), [("cuda", True), ("tpu", True), ("cpu", False)])
def test_the_gradient_is_kept_in_parts_on_an_accelerator_alone(
    platform: str, *, is_apart: bool
) -> None:
    # As NUTS takes it: for several chains, in a loop.
    def run(points: jax.Array) -> jax.Array:
        step = jax.vmap(jax.grad(FLAT.log_density))
        return jax.lax.fori_loop(0, 3, lambda _, point: point + 0.1 * step(point), points)

    program = export.export(jax.jit(run), platforms=[platform])(jnp.ones((2, 6)))
    assert ("optimization_barrier" in program.mlir_module()) == is_apart


def test_the_gradient_is_that_of_the_density() -> None:
    point = jnp.arange(6.0)
    found = jax.grad(FLAT.log_density)(point)
    want = jax.grad(lambda point: shared(FLAT.unravel(point)))(point)
    np.testing.assert_array_equal(found, want)
