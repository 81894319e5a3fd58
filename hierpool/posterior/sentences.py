"""Answers in a sentence, from labelled tables of groups."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from hierpool.runtime.numbers import decimals_for, number
from hierpool.runtime.order import new_in
from hierpool.runtime.text import cut, printable

LONGEST = 40
"""Most columns that a name takes in a sentence."""
OF_THETA = ("mean", "lower", "upper", "rate", "trials", "successes", "sd")
"""Columns of a table of groups, the most important first."""
MOST = 3
"""Most groups that a sentence names."""


def percent(frame: pd.DataFrame) -> str:
    """Returns "89% interval", or "interval" if the probability is not known."""
    prob = frame.attrs.get("prob")
    return "interval" if prob is None else f"{100 * prob:g}% interval"


def titled(title: str, frame: pd.DataFrame) -> str:
    """Returns the title of a table, with the probability of its intervals, if it has any."""
    has_intervals = any(str(name).endswith("lower") for name in frame.columns)
    return f"{title} (lower and upper: {percent(frame)})" if has_intervals else title


def name_of(label: object) -> str:
    """Returns a group's name, cut if it is long."""
    label = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
    return cut(str(printable(label)), LONGEST)


def shown(*values: Any) -> list[str]:
    """Returns numbers of one scale as text, with three significant digits of the largest."""
    decimals = max(0, decimals_for(values) - 1)
    return [number(float(value), decimals) for value in values]


def spread(mean: Any, lower: Any, upper: Any) -> str:
    """Returns a mean and its interval, as "0.247 (0.151 to 0.338)"."""
    of_mean, low, high = shown(mean, lower, upper)
    return f"{of_mean} ({low} to {high})"


def joined(parts: Iterable[str]) -> str:
    """Returns parts of a list in words, as "a, b and c"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def plural(count: int, noun: str) -> str:
    """Returns a count with its noun, as "1 group" and "2 groups"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def population_in_words(population: pd.DataFrame) -> str:
    """Returns the mean of the first population in words, from its columns of phi."""
    row = population.iloc[0]
    if "phi_lower" not in row:
        return f"population mean {shown(row['phi_mean'])[0]}"
    mean = spread(row["phi_mean"], row["phi_lower"], row["phi_upper"])
    return f"population mean {mean}, {percent(population)}"


def groups_in_words(groups: pd.DataFrame, population: str = "") -> str:
    """Returns the answer of a table of groups: the new groups, or the lowest and the highest.

    Args:
        groups: one row per group with a ``mean``, and with ``lower`` and ``upper`` or not.
        population: the population's mean in words, or an empty text.
    """
    number_of = plural(len(groups), "group")
    if "mean" not in groups or groups["mean"].isna().all():
        return f"{'; '.join(filter(None, [number_of, population]))}."
    new = groups[new_in(groups)]
    if len(new):
        each = [f"{name_of(label)}: {_estimate(row)}" for label, row in new[:MOST].iterrows()]
        more = [f"and {len(new) - MOST} more"] if len(new) > MOST else []
        ending = f", {percent(groups)}" if "lower" in groups else ""
        return f"{'; '.join([*each, *more])}{ending}."
    means = groups["mean"]
    low, high = shown(means.min(), means.max())
    found = f"from {low} ({name_of(means.idxmin())}) to {high} ({name_of(means.idxmax())})"
    found = f"each {low}" if low == high else found
    return f"{'; '.join(filter(None, [f'{number_of}, {found}', population]))}."


def _estimate(row: pd.Series) -> str:
    if "lower" not in row:
        return shown(row["mean"])[0]
    return spread(row["mean"], row["lower"], row["upper"])
