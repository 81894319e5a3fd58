"""Diagnostics of chains: whether they agree and move, and their effective sample sizes."""

from typing import NamedTuple

import numpy as np

from hierpool.posterior.rhat import rhat

STANDSTILL = 1 / 4
"""A chain fails if consecutive equal draws make up this share of it, or more."""
TAILS = (0.05, 0.95)
"""Quantiles whose effective sample sizes are judged."""


class Diagnostics(NamedTuple):
    """Diagnostics of each quantity; NaN where its draws are not finite."""

    names: list[str]
    """(quantity,) their names."""
    rhat: np.ndarray
    """(quantity,) R-hat as ArviZ defines it; NaN also for a constant quantity or a single chain."""
    judged: np.ndarray
    """(quantity,) the R-hat to compare with ``limit``: ``rhat`` is the larger of two R-hats, and
    this is the one that is nearer to its limit or further beyond it."""
    limit: np.ndarray
    """(quantity,) threshold that ``judged`` exceeds only rarely if the chains agree."""
    bulk: np.ndarray
    """(quantity,) effective sample size of the ranks."""
    tails: np.ndarray
    """(quantity,) effective sample size of the 5% or the 95% quantile, whichever is smaller."""
    stuck: np.ndarray
    """(quantity,) whether it stays at one value for a quarter of a chain."""


def diagnose(
    names: list[str], draws: np.ndarray, *, false_alarms: float, cap: float
) -> Diagnostics:
    """Returns the diagnostics of quantities that share one probability of a false alarm.

    Args:
        names: (quantity,) their names.
        draws: (chain, draw, quantity).
        false_alarms: probability that chains that agree exceed any of the limits of R-hat.
        cap: largest limit of R-hat.
    """
    # Imported late: it imports scipy.stats, which the sampler does not need.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    draws = np.where(np.isfinite(draws).all(axis=(0, 1)), draws, np.nan)
    axes = {"chain_axis": 0, "draw_axis": 1}
    # A quantity that is not finite or does not move gives NaN, and no warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        return Diagnostics(
            names,
            *rhat(draws, false_alarms=false_alarms, cap=cap),
            np.ravel(array_stats.ess(draws, method="bulk", **axes)),
            np.ravel(array_stats.ess(draws, method="tail", prob=TAILS, **axes)),
            standstill(draws),
        )


def joined(parts: list[Diagnostics]) -> Diagnostics:
    """Returns the diagnostics of all quantities together."""
    names = [name for part in parts for name in part.names]
    return Diagnostics(names, *map(np.concatenate, zip(*(part[1:] for part in parts), strict=True)))


def standstill(draws: np.ndarray) -> np.ndarray:
    """Returns (quantity,) whether it stays at one value for a quarter of a chain.

    Draws of exactly 0 and 1 are ignored: theta rounds to them, possibly many times in a row.

    Args:
        draws: (chain, draw, quantity).
    """
    still = (np.diff(draws, axis=1) == 0) & (draws[:, 1:] != 0) & (draws[:, 1:] != 1)
    # At every step, the number of steps since the value last changed.
    step = np.arange(1, draws.shape[1], dtype=np.int32)[:, None]
    last_move = np.maximum.accumulate(np.where(still, 0, step), axis=1)
    longest = (step - last_move).max(axis=1, initial=0)
    return (longest >= max(draws.shape[1] * STANDSTILL, 2)).any(axis=0)
