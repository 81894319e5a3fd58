"""Slopes and integrals of a function at equidistant nodes, by polynomials through neighbours."""

from collections.abc import Sequence

import jax
import numpy as np

BESIDE = 5
"""Nodes on either side through which the polynomials pass: so many extra ones are needed beyond
either end."""
_ORDER = np.arange(BESIDE)


def _weights(powers: np.ndarray, moments: np.ndarray, half: np.ndarray) -> list[float]:
    """Returns the weights of pairs of nodes with which powers of t get the right sums."""
    return np.linalg.solve(half[None, :] ** powers[:, None], moments).tolist()


OF_SLOPE = _weights(2 * _ORDER + 1, np.where(_ORDER == 0, 0.5, 0), _ORDER + 1.0)
"""The slope at 0 as a sum of differences of the values at i and -i, i = 1, 2, ..."""
OF_CELL = _weights(2 * _ORDER, 0.5 ** (2 * _ORDER + 1) / (2 * _ORDER + 1), _ORDER + 0.5)
"""The integral from -1/2 to 1/2 as a sum of sums of the values at i and -i, i = 1/2, 3/2, ..."""


def slopes_and_cells(wide: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns (..., node) values and slopes, and (..., node - 1) integrals between nodes.

    Both are for a distance of 1 between nodes.

    Args:
        wide: (..., node + 2 BESIDE) values of the function, at ``BESIDE`` nodes beyond either end
            too.
    """
    size = wide.shape[-1] - 2 * BESIDE

    def shifted(step: int) -> jax.Array:
        return wide[..., BESIDE + step : BESIDE + step + size]

    steps = range(1, BESIDE + 1)
    slopes = _sum(OF_SLOPE, [shifted(step) - shifted(-step) for step in steps])
    cells = _sum(OF_CELL, [shifted(step) + shifted(1 - step) for step in steps])
    return shifted(0), slopes, cells[..., :-1]


def _sum(weights: Sequence[float], terms: Sequence[jax.Array]) -> jax.Array:
    total = weights[0] * terms[0]
    for weight, term in zip(weights[1:], terms[1:], strict=True):
        total = total + weight * term
    return total
