"""Successes and trials of each row, however the trials are given.

They are a column, or one number for all rows, or follow from a column of failures; or each row is
one trial, and its success is 0 or 1.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.errors import InputError
from hierpool.input.files import Source
from hierpool.input.problems import Problems
from hierpool.input.whole_numbers import (
    LARGEST_COUNT,
    is_whole,
    read_counts,
    read_events,
    unwrapped,
)


class Asked(NamedTuple):
    """The arguments that name successes and trials."""

    successes: Any
    """Column of successes."""
    trials: Any = None
    """Column of trials, or the number of trials of every row."""
    failures: Any = None
    """Column of failures."""

    @property
    def are_events(self) -> bool:
        """Whether each row is one trial."""
        return self.trials is None and self.failures is None

    @property
    def is_number(self) -> bool:
        """Whether ``trials`` is a number, and so no column unless one has that name."""
        number = isinstance(self.trials, int | float | np.number)
        return number and not isinstance(self.trials, bool)

    @property
    def columns(self) -> list[tuple[str, Any]]:
        """The columns that must exist, each with the name of its argument."""
        named = {"trials": None if self.is_number else self.trials, "failures": self.failures}
        others = [(role, column) for role, column in named.items() if column is not None]
        return [("successes", self.successes), *others]

    @property
    def optional(self) -> list[Any]:
        """Columns that come before the number of that name, if they exist."""
        return [self.trials, str(self.trials)] if self.is_number else []


class Trials(NamedTuple):
    """Successes and trials of each row; problems with them have been reported."""

    successes: np.ndarray
    """(row,) int64 successes."""
    trials: np.ndarray
    """(row,) int64 trials."""
    name: str
    """The trials in messages: the user's column, a number, or the sum of two columns."""


def asked(successes: Any, trials: Any, failures: Any) -> Asked:
    """Returns the arguments that name successes and trials, checked.

    Raises:
        InputError: they contradict each other.
    """
    found = Asked(successes, unwrapped(trials), failures)
    if found.trials is not None and failures is not None:
        raise InputError(
            "Trials and failures are both given: leave out one of them, because the trials are "
            "successes and failures together."
        )
    if found.is_number and not (is_whole(found.trials) and 0 <= found.trials <= LARGEST_COUNT):
        raise InputError(
            f"trials must be the name of a column, or a whole number from 0 to 2^53, not "
            f"{found.trials}."
        )
    return found


def read_trials(data: pd.DataFrame, asked: Asked, problems: Problems) -> Trials:
    """Returns the successes and trials of each row, and reports the invalid values.

    Args:
        data: the table.
        asked: the columns.
        problems: collects the problems.
    """
    name, column = str(asked.successes), data[asked.successes]
    if asked.are_events:
        successes, _ = read_events(column, name, problems)
        return Trials(successes, np.ones(len(data), np.int64), "1")
    if asked.failures is not None:
        successes, is_counted = read_counts(column, name, problems)
        failures, has_failures = read_counts(data[asked.failures], str(asked.failures), problems)
        total = f"{name} + {asked.failures}"
        trials = np.where(is_counted & has_failures, successes + failures, 0)
        too_many = np.flatnonzero(trials > LARGEST_COUNT)
        rule = f"{total} must not exceed 2^53 = {LARGEST_COUNT}"
        problems.report(too_many, lambda row: str(trials[row]), rule)
        return Trials(successes, trials, total)
    of_trials = asked.trials
    if asked.is_number:
        of_trials = next((column for column in asked.optional if column in data.columns), None)
    if of_trials is None:
        trials = np.full(len(data), int(asked.trials), np.int64)
        trials_name, has_trials = str(int(asked.trials)), np.ones(len(data), bool)
    else:
        trials_name = str(of_trials)
        trials, has_trials = read_counts(data[of_trials], trials_name, problems)
    successes, has_successes = read_counts(column, name, problems)
    is_counted = has_trials & has_successes
    rows = np.flatnonzero(is_counted & (successes > trials))
    rule = f"{name} must not exceed {trials_name}"
    if of_trials is not None and len(rows) > is_counted.sum() / 2 and is_counted.sum() > 1:
        rule += " (are the two columns swapped?)"
    problems.report(rows, lambda row: f"{successes[row]} of {trials[row]}", rule)
    return Trials(successes, trials, trials_name)


def require_groups(data: pd.DataFrame, group: Any, asked: Asked, source: Source) -> None:
    """Raises ``InputError`` if each row is one trial, and nothing names the group of a row."""
    if asked.are_events and group is None and isinstance(data.index, pd.RangeIndex):
        raise InputError(
            f"{source.name} needs its trials, by trials= (--trials); or, if each row is one trial, "
            "the groups by which rows are added up, by group= (--group)."
        )
