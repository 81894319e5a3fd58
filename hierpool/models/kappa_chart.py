"""A coordinate of kappa for the exact integration, with no narrow features and no long tails.

    place + FOLD exp((place - FAR) / FOLD) = x

x is log(kappa - 1) or log kappa, and ``place`` is the coordinate. For large x, where the likelihood
is constant and the prior may fall slowly, the coordinate grows like the log of x.
"""

import jax
import numpy as np

from hierpool.arrays import namespace

FAR = 22.0
"""Below it the coordinate is about x; beyond it, the coordinate grows like log x."""
FOLD = 5.0
"""About the width of the transition between the two."""


def _folded(x: np.ndarray) -> np.ndarray:
    """Returns the coordinates of x, by Newton's method from above."""
    place = np.minimum(x, FAR + FOLD * np.log(np.maximum(x, FOLD) / FOLD))
    for _ in range(60):
        beyond = np.exp((place - FAR) / FOLD)
        place = place - (place + FOLD * beyond - x) / (1 + beyond)
    return place


LOG_EXCESSES = np.concatenate(
    [np.arange(-20, 0, 2), np.arange(0, 26, 1.25), [28, 33, 40, 55, 100, 1000]]
)
"""The x at which the posterior is evaluated before its mode is searched. The log-likelihood of
counts up to a billion has no features narrower than their spacing, and none beyond them."""
PLACES = _folded(LOG_EXCESSES)
"""Their coordinates."""


def unfolded(place: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns x at coordinates, and the log of the derivative of x, the shape of ``place``."""
    xp = namespace(place)
    beyond = xp.exp((place - FAR) / FOLD)
    return place + FOLD * beyond, xp.log1p(beyond)
