"""Numbers and probabilities as the page shows them."""

import math

import numpy as np


def decimals_of(spread: float) -> int:
    """Returns the number of decimals that show two digits of a spread, and at least 3.

    Args:
        spread: a typical standard deviation, on the scale of the numbers to show.
    """
    if not (math.isfinite(spread) and spread > 0):
        return 3
    return int(np.clip(1 - math.floor(math.log10(spread)), 3, 9))


def significant(value: float) -> str:
    """Returns a number with three significant digits, in full where it is large."""
    if not math.isfinite(value):
        return "beyond the largest number" if value > 0 else ""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:#.3g}".rstrip(".")


def percent(probability: float) -> str:
    """Returns a probability in percent; 0 and 100 only where nothing else was seen."""
    if 0 < probability < 0.01:
        return "less than 1%"
    if 0.99 < probability < 1:
        return "more than 99%"
    return f"{100 * probability:.0f}%"


def how_sure(probability: float) -> str:
    """Returns a judgement of the probability that the group with the highest estimate is highest.

    Args:
        probability: probability of rank 1.
    """
    if probability >= 0.95:
        return "which is all but certain"
    if probability >= 0.5:
        return "which is more likely than not"
    return "so that it is more likely another one"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, as "1 group" and "1,200 groups"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def signed(value: float, decimals: int) -> str:
    """Returns a number with a minus sign as wide as a digit where it is negative."""
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")
