"""Guesses which columns of a table hold the groups, successes and trials."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.files import Source
from hierpool.input.problems import Problems
from hierpool.input.whole_numbers import read_counts, read_events

FAILURES = ("fail", "miss", "loss", "lost")
"""Parts of the names of columns that hold failures rather than trials."""


class Guess(NamedTuple):
    """The columns that are likely to be meant."""

    groups: list[str]
    """Columns of the groups' names; none if row numbers name them."""
    successes: str
    """Column of successes."""
    others: dict[str, str]
    """Column of ``trials`` or ``failures``; empty if each row is one trial."""
    needs_sums: bool
    """Whether several rows have one group, so that they must be added up."""


def guess_columns(frame: pd.DataFrame) -> Guess | None:
    """Returns the columns that are likely to be meant; None if nothing looks like successes.

    Successes and trials are the first two columns of counts, preferably side by side, of which one
    never exceeds the other. The group is the first other column whose values are all different, or
    all columns of text if together they are, or else the first of these.

    Args:
        frame: the columns of a file.
    """
    names = list(frame.columns) if len(frame) else []
    read = {name: _counts(frame[name]) for name in names}
    counts = {name: values for name, values in read.items() if values is not None}
    events = [name for name in names if _are_events(frame[name])]
    texts = [name for name in names if name not in counts and name not in events]
    unique = [name for name in names if frame[name].is_unique]
    groups = [name for name in texts if name in unique][:1]
    if not texts and list(counts)[:1] == unique[:1]:
        # Numbers that name the groups come first.
        groups = unique[:1]
    if not groups and texts:
        are_apart = not frame[texts].duplicated().any()
        groups = texts if are_apart else texts[:1]
    needs_sums = bool(groups) and bool(frame[groups].duplicated().any())
    for one, other in _pairs([name for name in counts if name not in groups]):
        if (counts[one] <= counts[other]).all() and (counts[one] < counts[other]).any():
            are_failures = any(word in other.lower() for word in FAILURES)
            role = "failures" if are_failures else "trials"
            return Guess(groups, one, {role: other}, needs_sums)
    if events and needs_sums:
        return Guess(groups, events[0], {}, needs_sums=False)
    return None


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yields pairs of names: those side by side first."""
    for one, other in itertools.pairwise(names):
        yield one, other
        yield other, one
    yield from itertools.permutations(names, 2)


def _counts(column: pd.Series) -> np.ndarray | None:
    """Returns the counts of a column; None if it holds anything else."""
    problems = Problems(Source("", None), np.arange(len(column)))
    counts, _ = read_counts(column, "", problems)
    return None if problems.sentences else counts


def _are_events(column: pd.Series) -> bool:
    problems = Problems(Source("", None), np.arange(len(column)))
    read_events(column, "", problems)
    return not problems.sentences
