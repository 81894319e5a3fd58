"""Reads a column of any type as exact 64-bit counts, or as events; other values are reported."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from hierpool.input.problems import Problems

LARGEST_COUNT = 2**53
"""Above it float64 can't hold every whole number."""

FINE, MISSING, TEXT, INFINITE, FRACTION, NEGATIVE, LARGE = range(7)
"""Faults of a value; if several apply, the first is reported."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
# "1.000" is one in London and a thousand in Berlin.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_SEPARATED = re.compile(r"[+-]?\d+([.,'’_ \u00a0\u2009\u202f]\d+)+", re.ASCII)


def read_counts(column: pd.Series, name: str, problems: Problems) -> tuple[np.ndarray, np.ndarray]:
    """Returns (row,) int64 counts and (row,) whether each is valid; reports the invalid values.

    Args:
        column: numbers, or numbers as text. Floats must be whole; text is parsed exactly.
        name: the user's name of the column.
        problems: collects the problems.
    """
    if pd.api.types.is_bool_dtype(column):
        problems.sentences.append(
            f"{name} must be counts, and holds True and False: add them up by group first, or "
            "leave out the trials if each row is one trial."
        )
        return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    values, fault, shown = _of_numbers(column) if _is_real(column) else _of_texts(column, _count)
    if (fault == FINE).all():
        return values, fault == FINE

    def what(row: int) -> str:
        return str(shown[row]).strip()

    def quoted(row: int) -> str:
        return repr(what(row)) + _hint(what(row))

    whole = f"{name} must be whole numbers"
    numbers = np.flatnonzero(np.isin(fault, (FINE, FRACTION, NEGATIVE, LARGE))).tolist()
    if (fault == FRACTION).any() and all(0 <= float(what(row)) <= 1 for row in numbers):
        rates = " of successes, not rates (multiply them by the trials)"
    else:
        rates = ""
    missing = f"{name} must not be missing"
    problems.report(np.flatnonzero(fault == MISSING), lambda _: "none", missing)
    problems.report(np.flatnonzero(fault == TEXT), quoted, whole)
    problems.report(np.flatnonzero(fault == INFINITE), what, f"{name} must be finite")
    problems.report(np.flatnonzero(fault == FRACTION), what, whole + rates)
    problems.report(np.flatnonzero(fault == NEGATIVE), what, f"{name} must not be negative")
    too_large = f"{name} must not exceed 2^53 = {LARGEST_COUNT}"
    problems.report(np.flatnonzero(fault == LARGE), what, too_large)
    return values, fault == FINE


def read_events(column: pd.Series, name: str, problems: Problems) -> tuple[np.ndarray, np.ndarray]:
    """Returns (row,) int64 0 or 1 and (row,) whether each is valid; reports the invalid values.

    Args:
        column: 0 or 1, or True or False, or these as text.
        name: the user's name of the column.
        problems: collects the problems.
    """
    if pd.api.types.is_bool_dtype(column):
        is_plain = isinstance(column.dtype, np.dtype)
        column = column.astype(np.int64 if is_plain else object)
    values, fault, shown = _of_numbers(column) if _is_real(column) else _of_texts(column, _event)
    is_missing = fault == MISSING
    is_event = (fault == FINE) & (values <= 1)
    problems.report(np.flatnonzero(is_missing), lambda _: "none", f"{name} must not be missing")
    problems.report(
        np.flatnonzero(~is_missing & ~is_event),
        lambda row: repr(shown[row]) if isinstance(shown[row], str) else str(shown[row]),
        f"{name} must be 0 or 1 where each row is one trial (name the trials or the failures, if "
        "these are counts)",
    )
    return np.where(is_event, values, 0), is_event


def _is_real(column: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(column) or pd.api.types.is_float_dtype(column)


def _of_numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (row,) int64 counts, faults, and values to show, from a column of numbers."""
    missing = np.asarray(column.isna())
    if isinstance(column.dtype, np.dtype):
        # In float64 a long double or a large integer would lose digits.
        is_float = column.dtype.kind == "f"
        values = column.to_numpy(np.promote_types(column.dtype, float) if is_float else None)
    elif pd.api.types.is_integer_dtype(column):
        is_unsigned = pd.api.types.is_unsigned_integer_dtype(column)
        values = column.to_numpy(dtype=np.uint64 if is_unsigned else np.int64, na_value=0)
    else:
        values = column.to_numpy(dtype=float, na_value=np.nan)
        missing = missing | np.isnan(values)
    with np.errstate(invalid="ignore"):
        rules = {
            MISSING: missing,
            INFINITE: np.isinf(values),
            FRACTION: values != (np.floor(values) if values.dtype.kind == "f" else values),
            NEGATIVE: values < 0,
            LARGE: values > LARGEST_COUNT,
        }
    fault = np.select(list(rules.values()), list(rules), FINE)
    return np.where(fault == FINE, values, 0).astype(np.int64), fault, values


def _of_texts(
    column: pd.Series, parse: Callable[[str], tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (row,) int64 counts, faults, and values to show, from a column of any type."""
    values = np.asarray(column.astype(object), dtype=object)
    missing = np.asarray(column.isna())
    text = ["" if none else _text(value) for value, none in zip(values, missing, strict=True)]
    # A long table has few distinct texts: each is parsed once.
    codes, distinct = pd.factorize(np.asarray(text, dtype=object))
    parsed = [parse(text) for text in distinct]
    counts = np.asarray([count for count, _ in parsed], dtype=np.int64)
    faults = np.asarray([fault for _, fault in parsed])
    return counts[codes], faults[codes], values


def _text(value: Any) -> str:
    text = str(value).strip()
    # In a value that is a number, not text, the point is a decimal point: "e0" makes that clear.
    is_text = isinstance(value, str)
    return text if is_text or not _AMBIGUOUS.fullmatch(text) else f"{text}e0"


def _count(text: str) -> tuple[int, int]:
    """Returns the count that a text denotes, and its fault; the count is 0 if there is a fault."""
    if not text:
        return 0, MISSING
    if _INFINITY.fullmatch(text):
        return 0, INFINITE
    if not _NUMBER.fullmatch(text) or _AMBIGUOUS.fullmatch(text):
        return 0, TEXT
    number = Decimal(text)
    if number != number.to_integral_value():
        return 0, FRACTION
    if number < 0:
        return 0, NEGATIVE
    return (0, LARGE) if number > LARGEST_COUNT else (int(number), FINE)


def _event(text: str) -> tuple[int, int]:
    """Returns the event or count that a text denotes, and its fault."""
    events = {"true": 1, "false": 0}
    return (events[text.lower()], FINE) if text.lower() in events else _count(text)


def _hint(text: str) -> str:
    if _AMBIGUOUS.fullmatch(text):
        return f" ({text.split('.')[0]} or {text.replace('.', '')}? write it without separators)"
    if _SEPARATED.fullmatch(text):
        return " (write it without separators)"
    if text.lower() in ("true", "false"):
        return " (add them up by group first)"
    if text.endswith("%"):
        return " (counts are needed, not percentages)"
    return ""


def is_whole(value: Any) -> bool:
    """Returns whether a single value is a whole number: 4, np.int64(4), 4.0, but not True."""
    value = unwrapped(value)
    if isinstance(value, bool | np.bool_):
        return False
    is_float = isinstance(value, float | np.floating)
    return isinstance(value, int | np.integer) or (is_float and float(value).is_integer())


def unwrapped(value: Any) -> Any:
    """Returns the scalar in an array of shape (); returns anything else unchanged."""
    is_array = hasattr(value, "__array__") and np.ndim(value) == 0
    return np.asarray(value)[()] if is_array else value
