"""What each step of a run of NUTS does: Stan's warm-up, then draws.

Source: the Stan Reference Manual, "HMC algorithm parameters".
"""

from typing import NamedTuple

import numpy as np

START, TUNE, GATHER, DRAW = -1, 0, 1, 2
FIRST, WINDOW, LAST = 75, 25, 50
"""Steps before the windows, of the first window, and after the windows."""
LEAST = 20
"""Fewest steps of a warm-up that has windows."""


class Schedule(NamedTuple):
    """What each step of a run does besides moving."""

    stage: np.ndarray
    """(step,) ``START``, -1: evaluate the density at the start; ``TUNE``, 0: tune the step size;
    ``GATHER``, 1: tune it and gather moments for the mass matrix; ``DRAW``, 2: do neither."""
    window_end: np.ndarray
    """(step,) whether the mass matrix is updated after the step."""


def schedule(num_warmup: int, num_draws: int) -> Schedule:
    """Returns the schedule of a run: the start, Stan's windows of warm-up, ``num_draws`` draws."""
    first, ends = _windows(num_warmup)
    stage = np.full(1 + num_warmup + num_draws, TUNE, np.int32)
    window_end = np.zeros(len(stage), bool)
    stage[0] = START
    stage[1 + num_warmup :] = DRAW
    if ends:
        stage[1 + first : 1 + ends[-1]] = GATHER
        window_end[ends] = True
    return Schedule(stage, window_end)


def _windows(num_warmup: int) -> tuple[int, list[int]]:
    """Returns the step at which the first window begins, and those before which each one ends."""
    if num_warmup < LEAST:
        return num_warmup, []
    first, size, last = FIRST, WINDOW, LAST
    if first + size + last > num_warmup:
        first, last = int(0.15 * num_warmup), int(0.1 * num_warmup)
        size = num_warmup - first - last
    end, stop, ends = first, num_warmup - last, []
    while end < stop:
        # Each window is twice as long as the one before; the last takes what is left.
        end = end + size if 3 * size <= stop - end else stop
        size *= 2
        ends.append(end)
    return first, ends
