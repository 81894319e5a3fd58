"""An integration that did not converge is tried once more, with twice the nodes.

``fit``, ``estimate``, leave-one-out and the sweep over priors all go this way, so that the same
data get the same verdict from each.
"""

from collections.abc import Callable

from hierpool.quadrature import Quadrature


def refined[T](
    integrate: Callable[[Quadrature, T | None], T],
    quadrature: Quadrature,
    has_converged: Callable[[T], bool],
) -> tuple[T, Quadrature]:
    """Returns what an integration found, and the settings that found it.

    Args:
        integrate: what to do with given settings; the second time also given what the first found,
            of which it may keep what converged.
        quadrature: the settings to begin with.
        has_converged: whether all of it did.
    """
    found = integrate(quadrature, None)
    if has_converged(found):
        return found, quadrature
    return integrate(quadrature.finer, found), quadrature.finer
