"""Arguments that many functions take: checked here, so that they are refused in the same words."""

from typing import Any

import numpy as np

from hierpool.places import InputError
from hierpool.quadrature import Quadrature


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


def check_model(model: Any) -> None:
    """Raises ``InputError`` if a hyperparameter is out of its range."""
    for name, value in vars(model).items():
        is_location = name == "mu_mean"
        is_number = isinstance(value, int | float | np.number | np.ndarray) and np.ndim(value) == 0
        if not is_number or not np.isfinite(value) or (value <= 0 and not is_location):
            rule = "a finite number" if is_location else "a positive number"
            raise InputError(f"{type(model).__name__}: {name} must be {rule}, not {value}.")


LEAST = {"num_chains": 1, "num_draws": 4, "num_nodes": 8, "num_warmup": 0, "max_tree_depth": 1}
"""Settings of algorithms that are whole numbers, and the least of each."""
CHAIN_METHODS = ("parallel", "vectorized", "sequential")


def check_inference(inference: Any) -> None:
    """Raises ``InputError`` if a setting of an algorithm is out of its range."""
    given = vars(inference)
    for name in [name for name in LEAST if name in given]:
        if not isinstance(given[name], int) or given[name] < LEAST[name]:
            raise InputError(
                f"{name} must be a whole number, at least {LEAST[name]}, not {given[name]}."
            )
    if "tolerance" in given and not 0 < given["tolerance"] < np.inf:
        raise InputError(f"tolerance must be a positive number, not {given['tolerance']}.")
    if "target_accept" in given:
        check_prob(np.asarray(given["target_accept"])[()], "target_accept")
    if given.get("chain_method") not in (None, *CHAIN_METHODS):
        raise InputError(
            f"chain_method must be one of {CHAIN_METHODS}, not {given['chain_method']!r}."
        )


def check_quadrature(inference: Any, what: str) -> None:
    """Raises what is wrong with the settings by which a function integrates, ``what``."""
    if not isinstance(inference, Quadrature):
        raise TypeError(f"{what} integrates, by Quadrature, not {type(inference).__name__}.")
    check_inference(inference)
