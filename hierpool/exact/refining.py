"""Repeats an integration that did not converge with twice the nodes, up to four times.

``fit``, ``estimate``, leave-one-out and the sensitivity analysis all use it, so that they agree on
whether the same data converged.
"""

from collections.abc import Callable

from hierpool.exact.quadrature import Quadrature

MOST_DOUBLINGS = 4
"""Each costs four times the one before. A very wide posterior with a narrow bend needs the last."""
INTERVAL_TOLERANCE = 1e-4
"""Largest estimated error of an interval's ends, in probability, that counts as converged."""


def refined[T](
    integrate: Callable[[Quadrature, T | None], T],
    quadrature: Quadrature,
    has_converged: Callable[[T], bool],
) -> tuple[T, Quadrature]:
    """Returns the result of an integration, and the settings that gave it.

    Args:
        integrate: integrates with the given settings. It also takes the result of the attempt
            before, or None at first, and may keep the parts of it that converged.
        quadrature: the settings to begin with.
        has_converged: whether all parts of a result converged.
    """
    found = integrate(quadrature, None)
    for _ in range(MOST_DOUBLINGS):
        if has_converged(found):
            break
        quadrature = quadrature.finer
        found = integrate(quadrature, found)
    return found, quadrature
