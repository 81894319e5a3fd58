"""Thresholds for theta, and probabilities that it exceeds them with their Monte Carlo errors."""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from hierpool.input.errors import InputError
from hierpool.posterior.conditional import Betas, Points
from hierpool.posterior.weights import FEWEST_EFFECTIVE, effective_draws


def check_thresholds(above: float | Sequence[float]) -> list[float]:
    """Returns one threshold or several as a list.

    Raises:
        InputError: there is none, one is out of range, or one is given twice.
        TypeError: it is not a number or a sequence of numbers.
    """
    if isinstance(above, str | Mapping):
        raise TypeError(f"above must be a number or several, not {type(above).__name__}.")
    thresholds = [check_threshold(one) for one in np.atleast_1d(np.asarray(above, object)).tolist()]
    if not thresholds:
        raise InputError("above is empty: give at least one threshold, such as 0.35.")
    if len(set(thresholds)) < len(thresholds):
        raise InputError(f"above repeats a threshold, in {thresholds}: give each once.")
    return thresholds


def check_threshold(above: float) -> float:
    """Returns a threshold for theta, between 0 and 1.

    Raises:
        InputError: it is out of range.
        TypeError: it is not a number.
    """
    if not isinstance(above, Real):
        raise TypeError(f"above must be a number, not {type(above).__name__}.")
    if not 0 < above < 1:
        raise InputError(f"above must lie between 0 and 1, not {above}: it is a probability.")
    return float(above)


def probability_and_error(
    rows: Betas | Points, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (...) means of (row, ...) probabilities, and their Monte Carlo standard errors.

    A mean to which fewer than ``FEWEST_EFFECTIVE`` rows contribute has an error of at least one
    row, 1 / rows: a row that was not drawn may add more to the event, or to its complement, than
    all others together. A single row is exact, with error 0.
    """
    mean, error = values.mean(axis=0), rows.error(values)
    if len(values) > 1:
        floor = np.where(effective_rows(values) < FEWEST_EFFECTIVE, 1 / len(values), 0)
        error = np.maximum(error, floor)
    return mean, error


def effective_rows(values: np.ndarray) -> np.ndarray:
    """Returns (...) the effective number of rows behind the mean of (row, ...) probabilities.

    It is the smaller of the number for the probabilities and that for their complements.
    """
    with np.errstate(invalid="ignore"):
        effective = [effective_draws(part) for part in (values, 1 - values)]
    return np.nan_to_num(np.minimum(*effective), nan=0)
