"""Settings of algorithms: each stands with its default and its rule, in its dataclass.

A rule is checked on the host, by ``check_settings``, and never in the constructor: a dataclass that
is a pytree is also built by JAX, of leaves that are no numbers.
"""

from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any

import numpy as np

from hierpool.input.arguments import check_prob, number_of
from hierpool.input.errors import InputError
from hierpool.input.whole_numbers import is_whole

Rule = Callable[[str, Any], Any]
"""Returns a value as a Python number, or raises ``InputError``, given the setting's name."""


def setting(default: Any, rule: Rule, *, is_static: bool = True) -> Any:
    """Returns a field of a dataclass.

    Args:
        default: its value where nothing else is given.
        rule: what it may be.
        is_static: whether a compiled program depends on it; else it is a leaf of the pytree.
    """
    metadata = {"rule": rule} | ({"static": True} if is_static else {})
    return field(default=default, metadata=metadata)


def check_settings[Algorithm: Any](algorithm: Algorithm) -> Algorithm:
    """Returns an algorithm with its settings as Python numbers.

    Raises:
        InputError: a setting breaks its rule.
        TypeError: a setting has the wrong type.
    """
    checked = {
        one.name: one.metadata["rule"](one.name, getattr(algorithm, one.name))
        for one in fields(algorithm)
        if "rule" in one.metadata
    }
    return replace(algorithm, **checked)


def whole(least: int) -> Rule:
    """Returns the rule of whole numbers that are not below the smallest."""

    def rule(name: str, value: Any) -> int:
        if not is_whole(value) or value < least:
            raise InputError(f"{name} must be a whole number, at least {least}, not {value}.")
        return int(value)

    return rule


def positive(name: str, value: Any) -> float:
    """Returns a positive number."""
    number = number_of(value)
    if number is None or not 0 < number < np.inf:
        raise InputError(f"{name} must be a positive number, not {value}.")
    return number


def probability(name: str, value: Any) -> float:
    """Returns a probability strictly between 0 and 1."""
    check_prob(value, name)
    return float(value)


def one_of(*words: str | None) -> Rule:
    """Returns the rule of a few values."""

    def rule(name: str, value: Any) -> Any:
        if value not in words:
            shown = tuple(word for word in words if word is not None)
            raise InputError(f"{name} must be one of {shown}, not {value!r}.")
        return value

    return rule
