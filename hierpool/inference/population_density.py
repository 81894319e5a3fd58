"""The exact joint posterior density of the two numbers of a population, on a grid."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.counts import Counts
from hierpool.inference.explore import compressed
from hierpool.likelihood.compress import distinct
from hierpool.likelihood.histograms import Data
from hierpool.models.protocol import Collapsible, Parameters, Position, Unconstrainable
from hierpool.posterior.fitted import Fitted
from hierpool.runtime.jax_settings import scope
from hierpool.runtime.programs import BySize

SIZE = 64
"""Points of the grid in each direction."""
MARGIN = 0.08
"""How far the grid reaches beyond the draws, as a share of their range."""


@runtime_checkable
class TwoNumbers(Unconstrainable, Protocol):
    """A model whose parameters and positions can be computed from each other."""

    def reported(self, position: Position) -> Parameters:
        """Returns the parameters at a position, by name."""
        ...


class PopulationDensity(NamedTuple):
    """A joint posterior density of two parameters, on a regular grid over the range of draws."""

    values: dict[str, np.ndarray]
    """(point,) values of the two parameters, by name."""
    density: np.ndarray
    """(second, first) the density, divided by the largest of its values."""

    def levels(self, shares: list[float]) -> list[float]:
        """Returns the densities above which these shares of the posterior probability lie."""
        highest = np.sort(self.density, axis=None)[::-1]
        inside = np.cumsum(highest) / highest.sum()
        return [float(np.interp(share, inside, highest)) for share in shares]


def population_density(fitted: Fitted) -> PopulationDensity | None:
    """Returns the exact density of a population's two numbers: no draw is used but for the range.

    The two are the first that the model reports: phi and kappa_log, or mu and sigma.

    Args:
        fitted: a fit.

    Returns:
        The density; None if the model, with theta integrated out, has not two such numbers.
    """
    model = fitted.model
    model = model.collapsed() if isinstance(model, Collapsible) else model
    if not isinstance(model, TwoNumbers):
        return None
    with scope():
        start = model.unconstrain({name: of[0] for name, of in fitted.parameters.items()})
        names = list(model.reported(jax.tree.map(jnp.asarray, start)))[:2]
        values = {name: _spread(fitted.parameters[name]) for name in names}
        first, second = np.meshgrid(*values.values())
        positions = model.unconstrain({names[0]: first.ravel(), names[1]: second.ravel()})
        # Hyperparameters as float arrays: JAX would compile again for each other type.
        model = jax.tree.map(lambda leaf: np.asarray(leaf, float), model)
        pairs = distinct(fitted.successes, fitted.trials)
        data = compressed(model, Counts(fitted.successes, fitted.trials), pairs)
        log_density = np.asarray(_log_density(model, positions, data)).reshape(first.shape)
    # The grid may reach beyond the largest phi.
    density = np.nan_to_num(np.exp(log_density - np.nanmax(log_density)))
    return PopulationDensity(values, density)


def _spread(draws: np.ndarray) -> np.ndarray:
    """Returns (point,) equidistant values over the range of draws, and a little beyond.

    Where draws are positive, so are the values: kappa_log or sigma may have a bound at 0.
    """
    low, high = draws.min(), draws.max()
    more = MARGIN * (high - low)
    least = low - more if low < 0 else max(low - more, 0.02 * low)
    return np.linspace(least, high + more, SIZE)


@BySize
def _log_density(model: TwoNumbers, positions: Position, data: Data) -> jax.Array:
    """Returns (point,) log densities of the first two reported parameters."""

    def two(position: Position) -> jax.Array:
        return jnp.stack(list(model.reported(position).values())[:2])

    def one(position: Position) -> jax.Array:
        first, second = jax.jacfwd(two)(position).values()
        # The density of the parameters is that of the position times |d position / d parameters|.
        area = jnp.abs(first[0] * second[1] - first[1] * second[0])
        return model.log_density(position, data) - jnp.log(area)  # type: ignore[arg-type]

    return jax.lax.map(one, positions, batch_size=SIZE)
