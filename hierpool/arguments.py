"""Arguments that many functions take: checked here, so that they are refused in the same words."""

from typing import Any

import numpy as np

from hierpool.places import InputError


def check_prob(value: Any, name: str = "prob") -> None:
    """Raises what is wrong with a probability that must lie between 0 and 1.

    Raises:
        InputError: it is out of range.
        TypeError: it is no number.
    """
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}.")
    if not 0 < value < 1:
        raise InputError(f"{name} must lie between 0 and 1, not {value}.")


def check_seed(seed: Any) -> None:
    """Raises ``InputError`` unless it can seed random draws."""
    is_whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_whole or not 0 <= seed < 2**63:
        raise InputError(f"The seed must be a whole number from 0 to 2^63 - 1, not {seed}.")
