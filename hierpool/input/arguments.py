"""Checks of arguments that many functions take, so that all refuse them with the same message.

Results are Python numbers, whatever type of scalar was given.
"""

from typing import Any

import numpy as np

from hierpool.input.errors import InputError
from hierpool.input.whole_numbers import is_whole, unwrapped


def check_prob(value: Any, name: str = "prob") -> None:
    """Checks that a probability lies strictly between 0 and 1.

    Raises:
        InputError: the value is out of range.
        TypeError: the value is not a number.
    """
    value = unwrapped(value)
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}.")
    if not 0 < value < 1:
        raise InputError(f"{name} must lie between 0 and 1, not {value}.")


def tails(prob: float) -> tuple[float, float]:
    """Returns the levels of the lower and the upper end of an equal-tailed interval."""
    return (1 - prob) / 2, (1 + prob) / 2


def check_seed(seed: Any) -> int:
    """Returns a seed of random draws as an ``int``.

    Raises:
        InputError: the value is not a whole number from 0 to 2^63 - 1.
    """
    seed = unwrapped(seed)
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise InputError(f"The seed must be a whole number from 0 to 2^63 - 1, not {seed}.")
    return int(seed)


def number_of(value: Any) -> float | None:
    """Returns a number, or an array of shape (), as a float; None for anything else."""
    value = np.asarray(value)
    return float(value) if value.ndim == 0 and value.dtype.kind in "iuf" else None
