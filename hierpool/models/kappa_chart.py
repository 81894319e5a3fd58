"""A scale along the whole line of kappa, on which nothing that matters is narrow or far away.

    place + FOLD exp((place - FAR) / FOLD) = x

where x is log(kappa - 1), or log kappa. Where no likelihood bends any more and only a prior falls,
slowly perhaps, the place is a logarithm of x.
"""

import jax
import jax.numpy as jnp
import numpy as np

FAR = 22.0
"""Up to there the scale is that of x, beyond that of its log."""
FOLD = 5.0
"""About how far the change from one to the other takes."""


def _folded(x: np.ndarray) -> np.ndarray:
    """Returns the places of x, by Newton's method from above."""
    place = np.minimum(x, FAR + FOLD * np.log(np.maximum(x, FOLD) / FOLD))
    for _ in range(60):
        beyond = np.exp((place - FAR) / FOLD)
        place = place - (place + FOLD * beyond - x) / (1 + beyond)
    return place


LOG_EXCESSES = np.concatenate(
    [np.arange(-20, 0, 2), np.arange(0, 26, 1.25), [28, 33, 40, 55, 100, 1000]]
)
"""x where the posterior is looked at before it is searched. A log likelihood of counts up to a
billion bends on no smaller scale than these are apart, and beyond them not at all."""
PLACES = _folded(LOG_EXCESSES)
"""The same on the scale of the chart."""


def unfolded(place: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns () x of a place, and the log of its slope."""
    beyond = jnp.exp((place - FAR) / FOLD)
    return place + FOLD * beyond, jnp.log1p(beyond)
