"""A leapfrog step that follows a normal density without error, for any size of the step.

In the coordinates in which NUTS explores, a posterior is nearly a standard normal density: the
motion is nearly a turn of position and momentum about the centre. A turn by an angle is a kick of
the momentum, a drift and a kick, by tan(angle / 2), sin(angle) and tan(angle / 2). So a leapfrog
step with these in place of its own half step, step and half step has no error where the density is
normal, wherever its centre is, and elsewhere only that of what is not normal. In a posterior of
thousands of groups the usual step must be so small that the errors of all coordinates do not add
up; this one hardly shrinks.

Source: Casas, Sanz-Serna and Shaw (2022), "Split Hamiltonian Monte Carlo revisited".
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

LARGEST_STEP = 0.75
"""Not quite an eighth of a turn. Where the density is normal any step is right. Tuned by that, a
step would be too large where it is not normal: in a tail that is seldom visited a chain would
stick."""
_MARGIN = 0.3
"""Angle by which a trajectory must be beyond a half turn, and short of a whole one."""


def _step_of(angle: float) -> float:
    return float(2 * np.tan(angle / 2))


# A trajectory of 1, 3, 7, 15 ... steps ends once it has turned back. All coordinates turn alike, so
# that a trajectory may be short of a half turn, and when it is doubled be past a whole one, where
# it seems not to have turned; it is then doubled again and again. These steps are left out.
PASSED_OVER = [
    (_step_of((2 * np.pi - _MARGIN) / (2**k - 1)), _step_of((np.pi + _MARGIN) / (2 ** (k - 1) - 1)))
    for k in range(4, 8)
]


def taken(step_size: ArrayLike) -> jax.Array:
    """Returns () the step that is taken: at most the largest, and none that misses a return."""
    step = jnp.minimum(step_size, LARGEST_STEP)
    for low, high in PASSED_OVER:
        step = jnp.where((step > low) & (step < high), low, step)
    return step


def turning(
    log_density: Callable[[jax.Array], jax.Array], kinetic_energy: Callable[..., jax.Array]
) -> Callable[[Any, ArrayLike], Any]:
    """Returns the function that takes one step of BlackJAX's state, in the form that it expects.

    Args:
        log_density: log density of a position (dim,).
        kinetic_energy: of a momentum (dim,).
    """

    def one_step(state: Any, step: ArrayLike) -> Any:
        # The step is twice the tangent of half the angle.
        half = 0.5 * step
        momentum = state.momentum + half * state.logdensity_grad
        drift = step / (1 + half * half)
        position = state.position + drift * jax.grad(kinetic_energy)(momentum)
        value, slope = jax.value_and_grad(log_density)(position)
        return state._replace(
            position=position,
            momentum=momentum + half * slope,
            logdensity=value,
            logdensity_grad=slope,
        )

    return one_step
