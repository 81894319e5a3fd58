"""What draws tell of their chains: whether they agree and move, and what the draws are worth."""

from typing import NamedTuple

import numpy as np

from hierpool.posterior.rhat import rhat

STANDSTILL = 1 / 4
"""Share of a chain from which on equal draws in a row are a failure."""
TAILS = (0.05, 0.95)
"""Quantiles whose effective draws are judged."""


class Diagnostics(NamedTuple):
    """What is known of each quantity; NaN where its draws are not finite."""

    names: list[str]
    """(quantity,) their names."""
    rhat: np.ndarray
    """(quantity,) as ArviZ has it; NaN too where a quantity does not move or there is one chain."""
    judged: np.ndarray
    """(quantity,) of the two R-hats that it is the larger of, the one to compare with ``limit``."""
    limit: np.ndarray
    """(quantity,) what chance explains: ``judged`` must stay below."""
    bulk: np.ndarray
    """(quantity,) effective draws of the ranks."""
    tails: np.ndarray
    """(quantity,) effective draws of the 5% or the 95% quantile, whichever are fewer."""
    stuck: np.ndarray
    """(quantity,) whether it stands still for a quarter of a chain."""


def diagnose(
    names: list[str], draws: np.ndarray, *, false_alarms: float, cap: float
) -> Diagnostics:
    """Returns the diagnostics of quantities that share one probability of a false alarm.

    Args:
        names: (quantity,) their names.
        draws: (chain, draw, quantity).
        false_alarms: probability that chains that agree exceed any of the limits of R-hat.
        cap: no limit of R-hat is above it.
    """
    # Imported late: it brings SciPy's statistics along, which the sampler does not need.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    draws = np.where(np.isfinite(draws).all(axis=(0, 1)), draws, np.nan)
    axes = {"chain_axis": 0, "draw_axis": 1}
    # What is not finite, or does not move, is NaN: a value here, not a warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        return Diagnostics(
            names,
            *rhat(draws, false_alarms=false_alarms, cap=cap),
            np.ravel(array_stats.ess(draws, method="bulk", **axes)),
            np.ravel(array_stats.ess(draws, method="tail", prob=TAILS, **axes)),
            standstill(draws),
        )


def joined(parts: list[Diagnostics]) -> Diagnostics:
    """Returns the diagnostics of all quantities."""
    names = [name for part in parts for name in part.names]
    return Diagnostics(names, *map(np.concatenate, zip(*(part[1:] for part in parts), strict=True)))


def standstill(draws: np.ndarray) -> np.ndarray:
    """Returns (quantity,) whether it stands still for a quarter of a chain.

    Draws of 0 and 1 are let pass: there a theta is rounded, and may well be many times in a row.

    Args:
        draws: (chain, draw, quantity).
    """
    still = (np.diff(draws, axis=1) == 0) & (draws[:, 1:] != 0) & (draws[:, 1:] != 1)
    # The steps since the last move, at every step.
    step = np.arange(1, draws.shape[1], dtype=np.int32)[:, None]
    last_move = np.maximum.accumulate(np.where(still, 0, step), axis=1)
    longest = (step - last_move).max(axis=1, initial=0)
    return (longest >= max(draws.shape[1] * STANDSTILL, 2)).any(axis=0)
