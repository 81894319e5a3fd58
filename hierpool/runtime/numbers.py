"""Numbers as they are printed: few digits, and the same decimals down a column."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LARGE = 1e7
"""From here on numbers are printed with an exponent."""
SMALL = 1e-5
"""Where all numbers of a column are below it, each has two digits, mostly with an exponent."""
MOST_DECIMALS = 7
"""Most decimals; numbers that would need more have an exponent."""


def decimals_for(values: Iterable[float]) -> int:
    """Returns the decimals that show numbers of one scale: four; fewer above 1, more below .01.

    The largest of the numbers has at least three significant digits.
    """
    largest = _largest(values)
    if largest == 0:
        return 4
    exponent = math.floor(math.log10(largest))
    if largest > 1:
        return max(0, 3 - exponent)
    return min(max(4, 2 - exponent), MOST_DECIMALS)


def number(value: float, decimals: int) -> str:
    """Returns a number as text; one too large, or too small to show, has digits of its own."""
    if math.isnan(value):
        return ""
    if abs(value) >= LARGE:
        return f"{value:.4g}"
    text = f"{value:.{decimals}f}"
    is_zero = not text.strip("-0.")
    if is_zero and value:
        return f"{value:.2g}"
    return text.removeprefix("-") if is_zero else text


def cells_of(column: "pd.Series", *, has_scales: bool) -> list[str]:
    """Returns the cells of a column as text.

    Args:
        column: a column of a table.
        has_scales: whether each number has digits of its own, or all the decimals of the largest.
    """
    if column.dtype.kind != "f":
        return [str(value) for value in column]
    values = [float(value) for value in column]
    if has_scales:
        return [number(value, _four_digits(value)) for value in values]
    # Errors of 1e-9 need no digits that can be compared down the column.
    decimals = decimals_for(values) if _largest(values) >= SMALL else 0
    return [number(value, decimals) for value in values]


def _largest(values: Iterable[float]) -> float:
    return max((abs(v) for v in values if math.isfinite(v) and abs(v) < LARGE), default=0.0)


def _four_digits(value: float) -> int:
    if not math.isfinite(value) or value == 0:
        return 0
    return min(max(0, 3 - math.floor(math.log10(abs(value)))), MOST_DECIMALS)
