"""How far a picture reaches: raw rates of few trials, as 1 of 1, do not stretch it.

Without matplotlib: the report draws by the same rule.
"""

import numpy as np

SHARE = 0.99
"""Share of all trials that the groups have whose raw rates are shown in any case."""


def reach_of(rate: np.ndarray, mean: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """Returns the lowest and the highest rate that a picture shows.

    It shows all estimates, and the raw rates of the largest groups, which together have 99% of all
    trials. Another raw rate is shown unless it is further beyond these than twice their range: it
    would leave them less than a third of the axis, and is to be marked at the edge.

    Args:
        rate: (group,) raw rates.
        mean: (group,) estimates.
        trials: (group,) trials, from 1.
    """
    sizes = np.sort(trials)[::-1].astype(float)
    least = sizes[np.searchsorted(np.cumsum(sizes), SHARE * sizes.sum())]
    sure = np.concatenate([mean, rate[trials >= least]])
    low, high = float(sure.min()), float(sure.max())
    width = 2 * (high - low)
    near = rate[(rate >= low - width) & (rate <= high + width)]
    return float(near.min(initial=low)), float(near.max(initial=high))


def said_beyond(number: int) -> str:
    """Returns what the marks at the edge are, in words."""
    return f"{number:,} raw rate{' lies' if number == 1 else 's lie'} beyond the edge"
