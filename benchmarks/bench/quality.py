"""What draws are worth: effective draws, and errors in units of their own Monte Carlo error.

One estimator for all: ArviZ's bulk effective sample size, and its standard error of a mean.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import cpu_count, get_context
from typing import TypedDict

import numpy as np
from arviz_stats.base import array_stats

MANY = 2000
"""Parameters from which processes share the work: ArviZ takes some milliseconds for each."""


class Quality(TypedDict):
    """How good the draws of one run are."""

    ess: float
    """Fewest effective draws (bulk) of any parameter."""
    ess_of: str
    """The parameter that has them."""
    error: float
    """Largest distance of a mean from the exact one, in standard errors of that mean."""
    error_of: str
    """The parameter that has it."""
    num_parameters: int
    """How many parameters were looked at: the more, the larger an error to expect."""


def quality(draws: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> Quality:
    """Returns what draws are worth, over phi, kappa_log and every theta that was kept.

    Args:
        draws: (chain, draw) each, and (chain, draw, group) for theta.
        exact: the exact means, () each, and (group,) for theta.
    """
    names, columns, means = [], [], []
    for name, leaf in draws.items():
        leaf = leaf.reshape(*leaf.shape[:2], -1)
        width = leaf.shape[2]
        names += [name if width == 1 else f"{name}[{i}]" for i in range(width)]
        columns.append(leaf)
        means.append(np.reshape(exact[name], -1))
    values = np.concatenate(columns, axis=2)
    if len(names) < MANY:
        effective, standard_errors = estimates(values)
    else:
        # New processes and not forks of this one, whose samplers may have threads.
        with ProcessPoolExecutor(cpu_count(), get_context("spawn")) as pool:
            shares = pool.map(estimates, np.array_split(values, cpu_count(), axis=2))
            effective, standard_errors = np.concatenate(list(shares), axis=1)
    errors = np.abs(values.mean(axis=(0, 1)) - np.concatenate(means)) / standard_errors
    least, worst = int(np.argmin(effective)), int(np.argmax(errors))
    return {
        "ess": float(effective[least]),
        "ess_of": names[least],
        "error": float(errors[worst]),
        "error_of": names[worst],
        "num_parameters": len(names),
    }


def estimates(values: np.ndarray) -> np.ndarray:
    """Returns (2, parameter) effective draws and standard errors of (chain, draw, parameter)."""
    axes = {"chain_axis": 0, "draw_axis": 1}
    effective = array_stats.ess(values, method="bulk", **axes)
    standard_errors = array_stats.mcse(values, method="mean", **axes)
    return np.stack([np.reshape(effective, -1), np.reshape(standard_errors, -1)])
