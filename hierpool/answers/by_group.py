"""Reads numbers that a user gives per group, and checks them against the groups of a fit."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.labels import find
from hierpool.input.table import InputError, read_table
from hierpool.posterior.fitted import Fitted, find_group

ByLabel = float | Mapping[str, int] | pd.Series | np.ndarray | list[int]
"""One number for every group, or one number per group: by name, or in the order of the fit."""
NUMBER = (int, float, np.number)


class Further(NamedTuple):
    """Further trials of some groups of a fit, future or held out, and their successes."""

    indices: np.ndarray
    """(selected,) indices of the groups in the fit."""
    successes: np.ndarray
    """(selected,) int64 successes; 0 where none were given."""
    trials: np.ndarray
    """(selected,) int64 trials."""


def read_further(fitted: Fitted, trials: ByLabel, successes: ByLabel | None = None) -> Further:
    """Returns further trials of groups of a fit, checked.

    Args:
        fitted: a fit.
        trials: number of further trials, for every group or by name. Groups may be left out.
        successes: number of successes in these trials, for the same groups; None if they are not
            known.

    Raises:
        InputError: a name or a value breaks a rule.
        TypeError: the numbers are given in an unsupported form.
    """
    of_trials = _series(fitted, trials, "trials")
    if successes is None:
        of_successes = pd.Series(0, index=of_trials.index)
    else:
        of_successes = _series(fitted, successes, "successes")
        if _is_scalar(trials):
            of_trials = of_trials.reindex(of_successes.index)
        for index in of_trials.index.symmetric_difference(of_successes.index)[:1]:
            raise InputError(
                f"Group {str(fitted.labels[index])!r} has only one of successes and trials: give "
                "both, or neither."
            )
        of_trials = of_trials.loc[of_successes.index]
    table = read_table(
        {
            "group": fitted.labels[of_trials.index],
            "successes": of_successes.to_numpy(),
            "trials": of_trials.to_numpy(),
        },
        successes="successes",
        trials="trials",
        group="group",
    )
    return Further(of_trials.index.to_numpy(), table.successes, table.trials)


def _series(fitted: Fitted, values: Any, name: str) -> pd.Series:
    """Returns the values as a Series whose index is the index of each group in the fit."""
    if hasattr(values, "dims") and hasattr(values, "to_series") and len(values.dims) == 1:
        values = values.to_series()
    if isinstance(values, pd.Series | Mapping):
        series = pd.Series(values, dtype=object if isinstance(values, Mapping) else None)
        indices = find(fitted.labels, series.index)
        for label in series.index[indices < 0][:1]:
            find_group(fitted, label)
        series.index = pd.Index(indices)
        for index in indices[series.index.duplicated()][:1]:
            raise InputError(
                f"{name} name group {str(fitted.labels[index])!r} twice: give one number per group."
            )
        return series
    if _is_scalar(values):
        return pd.Series(np.asarray(values)[()], index=range(len(fitted.labels)))
    is_array = hasattr(values, "__array__") and not isinstance(values, pd.DataFrame)
    if is_array or isinstance(values, list | tuple):
        if np.shape(values) != fitted.trials.shape:
            raise InputError(
                f"{name} have the shape {np.shape(values)}, and the fit has {len(fitted.trials)} "
                "groups: give one number per group in their order, or a mapping by name."
            )
        is_plain = isinstance(values, list | tuple | np.ndarray)
        return pd.Series(values if is_plain else np.asarray(values))
    raise TypeError(
        f"{name} must be a number, a mapping from group to number, a Series by group, or an array "
        f"in the groups' order, not {type(values).__name__}."
    )


def _is_scalar(values: Any) -> bool:
    """Returns whether the values are a single number, which then applies to every group."""
    return isinstance(values, NUMBER) or (hasattr(values, "__array__") and np.ndim(values) == 0)
