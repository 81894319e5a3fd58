"""Decides whether an exact integration is computed at once, in NumPy, or by a compiled program.

To compile takes seconds, and then a program is several times as fast as NumPy. Nobody knows how
many calls will follow. So a process computes at once until it has spent as long on that as
compiling takes, and compiles then: whatever follows, that is at most about twice the shortest time.
"""

from collections import defaultdict
from threading import Lock
from typing import Any

from hierpool.exact.chart import Charted
from hierpool.exact.quadrature import Quadrature
from hierpool.models.catalogue import is_own
from hierpool.runtime.jax_settings import platform

SECONDS_TO_COMPILE = 10.0
"""About what compiling takes, on a slow processor."""
SECONDS_AN_INTEGRAL, SECONDS_A_ROW, SECONDS_A_PAIR = 0.03, 0.0015, 0.0004
"""About what NumPy takes for an integral, for each row of data that its density reads, and for the
moments and quantiles of a group, with as many nodes as by default."""
SECONDS_A_DENSITY = 7e-7
"""About what NumPy takes for the log probability of one group's counts given a population."""
spent: defaultdict[str, float] = defaultdict(float)
"""Seconds that this process has spent on computing at once, by what was computed."""
_lock = Lock()


def seconds_of(
    quadrature: Quadrature, *, num_integrals: int = 1, num_rows: int = 0, num_pairs: int = 0
) -> float:
    """Returns about how many seconds NumPy takes for some integrations.

    Args:
        quadrature: their settings.
        num_integrals: number of data sets, or of priors.
        num_rows: number of rows of data that the densities read, in all of them.
        num_pairs: number of distinct (y, n) whose posteriors follow, in all of them.
    """
    seconds = SECONDS_AN_INTEGRAL * num_integrals + SECONDS_A_ROW * num_rows
    seconds += SECONDS_A_PAIR * num_pairs
    return float(seconds * (quadrature.num_nodes / Quadrature.num_nodes) ** 2)


def is_at_once(what: str, model: Any, seconds: float) -> bool:
    """Returns whether to compute at once; then its time is added to what was spent.

    Only what belongs to a model of hierpool's own with a chart can be: a user's is written for JAX.

    Args:
        what: what is computed, by one kind of program or at once.
        model: the model, with theta integrated out.
        seconds: about how long it takes at once, if the population is a Beta.
    """
    is_written_for_both = isinstance(model, Charted) and is_own(model)
    if platform() != "cpu" or not is_written_for_both:
        return False
    seconds *= model.cost_of_group
    with _lock:
        if spent[what] + seconds > SECONDS_TO_COMPILE:
            return False
        spent[what] += seconds
    return True
