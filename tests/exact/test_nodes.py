"""The searches that place the nodes end at what they look for."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from hierpool.exact.nodes import Peak, climb, reaches

WANTED = 34.0


def drop(
    distance: jax.Array, height: jax.Array, edge: jax.Array, power: jax.Array, sd: jax.Array
) -> jax.Array:
    """Returns how far a plateau beside a cliff has dropped at a distance from its peak."""
    near = height * (1 - jnp.exp(-0.5 * (distance / sd) ** 2 / height)) + 0.03 * distance
    cliff = (height + 0.03 * edge) * (jnp.maximum(distance / edge, 1) ** power - 1)
    return near + cliff


def test_a_plateau_beside_a_cliff_is_reached_at_its_edge(double: None) -> None:
    rng = np.random.default_rng(0)
    shapes = tuple(
        rng.uniform(low, high, 20_000) for low, high in ((3, 33), (5, 80), (5, 80), (1, 10))
    )

    @jax.jit
    @jax.vmap
    def ends(*shape: jax.Array) -> tuple[jax.Array, jax.Array]:
        zero = jnp.zeros(())
        peak = Peak(zero, shape[3], zero, (), jnp.array(True))
        return reaches(lambda x, _: (-drop(jnp.abs(x), *shape), ()), peak, WANTED)

    distances, found = ends(*shapes)
    # 33 of them went to and fro between the plateau and the cliff until they gave up.
    assert bool(found.all())
    for side in np.asarray(distances).T:
        dropped = np.asarray(jax.vmap(drop)(side, *shapes))
        assert np.all((dropped >= WANTED) & (dropped < 1.2 * WANTED))


def test_a_search_that_starts_where_the_density_is_no_number_has_no_height(double: None) -> None:
    def density(x: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
        return jnp.where(jnp.abs(x) < 9, norm.logpdf(x), jnp.nan), ()

    starts = jnp.array([20.0, 1.0])
    peaks = jax.vmap(lambda start: climb(density, start, jnp.ones(()), ()))(starts)
    # It ranks below every other start, and its width is a number.
    assert peaks.top[0] == -jnp.inf and bool(jnp.isfinite(peaks.sd).all())
    assert peaks.found.tolist() == [False, True]


def test_searches_side_by_side_end_where_each_ends_alone(double: None) -> None:
    starts, widths = jnp.array([3.0, -40.0, 0.1]), jnp.array([1.0, 0.3, 25.0])

    def search(start: jax.Array, width: jax.Array) -> tuple[Peak, jax.Array]:
        def density(x: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
            return -jnp.log(jnp.cosh(x / width[..., None])), ()

        def beside(x: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
            return -jnp.log(jnp.cosh(x / width[..., None, None])), ()

        peak = climb(density, start, jnp.ones_like(start), ())
        return peak, reaches(beside, peak, WANTED)[0]

    together = search(starts, widths)
    for i, alone in enumerate(map(search, starts, widths)):
        for got, want in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(got[i], want, rtol=1e-12)


def test_a_search_that_is_late_does_not_end_on_the_way(double: None) -> None:
    def density(x: jax.Array, _: Any) -> tuple[jax.Array, tuple[()]]:
        return norm.logpdf(x), ()

    starts = jnp.linspace(20.0, 40.0, 50)
    reach = jnp.geomspace(1e-9, 1e-3, 50)[:, None] * jnp.ones(50)
    peaks = climb(density, starts + jnp.zeros_like(reach), reach, ())
    # Where a step was cut, the peak is further than the step.
    assert bool(peaks.found.all())
    np.testing.assert_allclose(peaks.at, 0, atol=1e-6)
