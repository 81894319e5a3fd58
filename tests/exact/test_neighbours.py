"""Slopes and integrals between nodes."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Polynomial

from hierpool.exact.neighbours import BESIDE, slopes_and_cells

NODES = np.arange(-BESIDE, 7 + BESIDE)


@pytest.mark.parametrize("degree", range(2 * BESIDE))
def test_polynomials_through_the_neighbours_are_exact(degree: int, double: None) -> None:
    power = Polynomial.basis(degree, domain=[0, 6], window=[-1, 1])
    values, slopes, cells = slopes_and_cells(jnp.asarray(power(NODES)))
    inner = NODES[BESIDE:-BESIDE]
    integral = power.integ()
    np.testing.assert_array_equal(values, power(inner))
    np.testing.assert_allclose(slopes, power.deriv()(inner), rtol=0, atol=1e-9)
    np.testing.assert_allclose(cells, integral(inner[1:]) - integral(inner[:-1]), atol=1e-9)


def test_a_normal_density_is_integrated_to_ten_digits(double: None) -> None:
    nodes = np.arange(-20 - BESIDE, 21 + BESIDE) * 0.36
    _, _, cells = slopes_and_cells(jnp.exp(-0.5 * jnp.asarray(nodes) ** 2))
    assert abs(0.36 * cells.sum() / np.sqrt(2 * np.pi) - 1) < 1e-10
