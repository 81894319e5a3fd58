"""An integration that did not converge is tried again with twice the nodes, thrice at most.

``fit``, ``estimate``, leave-one-out and the sweep over priors all go this way, so that the same
data get the same verdict from each.
"""

from collections.abc import Callable

from hierpool.exact.quadrature import Quadrature

MOST_DOUBLINGS = 3
"""Each costs four times the one before; what asks for more has two peaks far apart."""
INTERVAL_TOLERANCE = 1e-4
"""Largest estimated error of an interval's ends, in probability, that counts as converged."""


def refined[T](
    integrate: Callable[[Quadrature, T | None], T],
    quadrature: Quadrature,
    has_converged: Callable[[T], bool],
) -> tuple[T, Quadrature]:
    """Returns what an integration found, and the settings that found it.

    Args:
        integrate: what to do with given settings; from the second time on also given what was
            found before, of which it may keep what converged.
        quadrature: the settings to begin with.
        has_converged: whether all of it did.
    """
    found = integrate(quadrature, None)
    for _ in range(MOST_DOUBLINGS):
        if has_converged(found):
            break
        quadrature = quadrature.finer
        found = integrate(quadrature, found)
    return found, quadrature
