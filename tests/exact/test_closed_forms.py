"""Quadrature against integrals that are known in closed form, at any place and scale."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma, gammaln, polygamma
from tables import close

from hierpool.exact.chart import from_starts
from hierpool.exact.quadrature import Quadrature


@functools.partial(jax.jit, static_argnums=0)
def closed_form(log_density: object, centre: jax.Array, scale: jax.Array) -> tuple:  # type: ignore[type-arg]
    """Returns log integral, means and sds of a density of x and y, in units of scale."""

    def scaled(position: dict[str, jax.Array]) -> jax.Array:
        x, y = ((position[name] - centre[i]) / scale[i] for i, name in enumerate("xy"))
        return log_density(x, y)  # type: ignore[operator]

    def init(key: jax.Array) -> dict[str, jax.Array]:
        noise = jax.random.normal(key, (2,), scale.dtype)
        return dict(zip("xy", centre + 3 * scale * noise, strict=True))

    grid = Quadrature().integrate(from_starts(scaled, init))
    values = jnp.stack([grid.positions[name] for name in "xy"])
    values = (values - centre[:, None, None]) / scale[:, None, None]
    means = jnp.sum(grid.weight * values, axis=(1, 2))
    sds = jnp.sqrt(jnp.sum(grid.weight * (values - means[:, None, None]) ** 2, axis=(1, 2)))
    return grid.log_evidence - jnp.log(scale).sum(), means, sds, grid.converged


def normals(x: jax.Array, y: jax.Array) -> jax.Array:
    return -0.5 * (x**2 + y**2)


def log_gammas(x: jax.Array, y: jax.Array) -> jax.Array:
    # x falls like exp(1.5 x) to the left; y, like exp(-3 y) to the right.
    return 1.5 * x - jnp.exp(x) - 3 * y - jnp.exp(-y)


SCALES = [((0.0, 0.0), (1.0, 1.0)), ((30.0, -400.0), (1e-3, 50.0)), ((-7.0, 0.1), (200.0, 1e-4))]


@pytest.mark.parametrize(("centre", "scale"), SCALES, ids=["unit", "narrow-wide", "wide-narrow"])
def test_two_normals_have_their_known_integral(
    centre: tuple[float, float], scale: tuple[float, float], double: None
) -> None:
    log_integral, means, sds, converged = closed_form(
        normals, jnp.asarray(centre), jnp.asarray(scale)
    )
    assert converged
    close(log_integral, np.log(2 * np.pi), relative=1e-8)
    close(means, (0, 0), relative=0, absolute=1e-7)
    close(sds, (1, 1), relative=1e-6)


@pytest.mark.parametrize(("centre", "scale"), SCALES, ids=["unit", "narrow-wide", "wide-narrow"])
def test_skewed_log_gammas_have_their_known_integral(
    centre: tuple[float, float], scale: tuple[float, float], double: None
) -> None:
    log_integral, means, sds, converged = closed_form(
        log_gammas, jnp.asarray(centre), jnp.asarray(scale)
    )
    assert converged
    close(log_integral, gammaln(1.5) + gammaln(3), relative=0, absolute=1e-6)
    close(means, (digamma(1.5), -digamma(3)), relative=1e-6)
    close(sds, np.sqrt(polygamma(1, [1.5, 3])), relative=1e-6)
