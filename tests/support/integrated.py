"""The exact integration of a model, computed at once."""

from typing import Any

import jax
import numpy as np

from hierpool.arrays import quietly
from hierpool.exact.grid import Grid
from hierpool.exact.posterior import Exact, explore, integrate
from hierpool.exact.quadrature import Quadrature


def on_host(model: Any, data: Any) -> tuple[Any, Any]:
    """Returns a model of hierpool's own and data as NumPy's arrays."""
    model = jax.tree.map(lambda leaf: np.asarray(leaf, float), model)
    return model, jax.tree.map(np.asarray, data)


@quietly
def integrated(model: Any, data: Any, quadrature: Quadrature | None = None) -> Grid:
    """Returns the grid of a model of hierpool's own: nothing is compiled."""
    return explore(*on_host(model, data), quadrature or Quadrature())


@quietly
def posterior(model: Any, counts: Any) -> Exact:
    """Returns what ``integrate`` returns for a model of hierpool's own: nothing is compiled."""
    return integrate.__wrapped__(*on_host(model, counts))
