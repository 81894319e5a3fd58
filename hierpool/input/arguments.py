"""Arguments that many functions take: checked here, so that they are refused in the same words.

What is returned is made of Python's own numbers, whatever scalars came in.
"""

from typing import Any

import numpy as np

from hierpool.input.errors import InputError
from hierpool.input.whole_numbers import is_whole, unwrapped


def check_prob(value: Any, name: str = "prob") -> None:
    """Raises what is wrong with a probability that must lie between 0 and 1.

    Raises:
        InputError: it is out of range.
        TypeError: it is no number.
    """
    value = unwrapped(value)
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}.")
    if not 0 < value < 1:
        raise InputError(f"{name} must lie between 0 and 1, not {value}.")


def check_seed(seed: Any) -> int:
    """Returns a seed of random draws.

    Raises:
        InputError: it can't be one.
    """
    seed = unwrapped(seed)
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise InputError(f"The seed must be a whole number from 0 to 2^63 - 1, not {seed}.")
    return int(seed)


def number_of(value: Any) -> float | None:
    """Returns a number, or an array that is a single one, as a float; None of anything else."""
    value = np.asarray(value)
    return float(value) if value.ndim == 0 and value.dtype.kind in "iuf" else None
