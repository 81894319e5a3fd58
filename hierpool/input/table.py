"""``Table``: checked counts with their labels, the only way from a frame or file to a model.

Everything is checked here, on the host, in 64-bit integers, before anything is compiled: without
its 64-bit mode, JAX turns 3,000,000,000 into a negative number and gives no warning.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.counts import Counts
from hierpool.input.errors import InputError as InputError
from hierpool.input.files import Source
from hierpool.input.frames import read_columns
from hierpool.input.labels import (
    aggregate_rows,
    append_names,
    read_data_sets,
    read_labels,
    require_unique,
    to_one_kind,
)
from hierpool.input.new_groups import NewGroups, read_new_groups
from hierpool.input.problems import Problems
from hierpool.input.whole_numbers import LARGEST_COUNT as LARGEST_COUNT
from hierpool.input.whole_numbers import read_counts


class Table(NamedTuple):
    """Checked counts, with the user's names."""

    successes: np.ndarray
    """(group,) int64 successes."""
    trials: np.ndarray
    """(group,) int64 trials."""
    labels: np.ndarray
    """(group,) names of the groups, unique within a data set: text, numbers or times, as in the
    user's table; an array of objects if they are of several kinds."""
    successes_name: str
    """The user's name for successes."""
    trials_name: str
    """The user's name for trials."""
    data_set: np.ndarray | None = None
    """(group,) the index in ``data_sets`` of each group's data set; None without ``by``."""
    data_sets: pd.Index | None = None
    """(data set,) the user's names of the data sets; None without ``by``."""

    @property
    def counts(self) -> Counts:
        """The counts without their labels, in the form that models take."""
        return Counts(self.successes, self.trials)


def read_table(
    frame: Any,
    *,
    successes: Any,
    trials: Any,
    group: Any = None,
    by: Any = (),
    new_groups: NewGroups | None = None,
    aggregate: bool = False,
    one_kind: bool = False,
) -> Table:
    """Returns the checked counts of a frame, a mapping of arrays, or a file.

    Args:
        frame: a data frame, a mapping of column names to arrays or Series (which are joined by
            their labels), an ``xarray.Dataset``, or the path of a CSV, TSV or Parquet file; or the
            name of a table that ships with hierpool. The separator of a CSV file is detected;
            lines that start with ``#`` are comments.
        successes: column of successes. This and every other column may be a level of the index.
        trials: column of trials.
        group: column of the groups' names; by default the frame's index (a file's row numbers,
            from 0).
        by: columns that identify data sets; a group's name must be unique within its data set.
        new_groups: successes and trials by name, added to the groups: ``{"rookie": (0, 4)}``.
        aggregate: add up the rows that have the same group name, instead of refusing them.
        one_kind: require names of one kind: those of several kinds are refused, except that row
            numbers beside names of text become text. Those of a file always become text.

    Raises:
        InputError: a value breaks a rule; the message names every kind of fault, with the rows and
            the values.
        TypeError: ``frame`` is none of these types, or a column's name can't be one.
        OSError: the file can't be read.
    """
    by = list(by) if isinstance(by, list | tuple) else [by]
    requested = [("successes", successes), ("trials", trials)]
    requested += [] if group is None else [("group", group)]
    data, source, unread = read_columns(frame, requested + [("by", column) for column in by])
    _require_apart(successes, trials, by)
    by_row = Problems(source, np.arange(len(data)), unread)
    if len(data) == 0:
        by_row.sentences = by_row.sentences or [
            f"{source.name} has no rows: at least one group is needed."
        ]
        by_row.require_none()
    data_set, data_sets = read_data_sets(data, by, by_row)
    labels, is_named = read_labels(data, group, by_row)
    problems = Problems(source, labels, by_row.sentences)
    num_trials, has_trials = read_counts(data[trials], trials, problems)
    num_successes, has_successes = read_counts(data[successes], successes, problems)
    is_counted = has_trials & has_successes
    _report_order(num_successes, num_trials, is_counted, successes, trials, problems)
    keys = labels
    if data_set is not None and data_sets is not None:
        keys = pd.factorize(labels)[0] * len(data_sets) + data_set
    if not aggregate:
        require_unique(keys, is_named, group, problems)
    problems.require_none()
    if aggregate:
        first, num_successes, num_trials = aggregate_rows(keys, [num_successes, num_trials])
        labels = labels[first]
        data_set = None if data_set is None else data_set[first]
        _require_totals(num_trials, labels, trials, source)
    if by and new_groups:
        raise InputError(
            "New groups can't be assigned to a data set: add them to the table as rows."
        )
    added = read_new_groups(new_groups, labels)
    if added.names:
        labels = append_names(labels, added.names)
        num_successes = np.append(num_successes, added.successes)
        num_trials = np.append(num_trials, added.trials)
    if num_trials.sum(dtype=float) > LARGEST_COUNT or num_trials.sum() > LARGEST_COUNT:
        raise InputError(f"The total of {trials} exceeds 2^53 = {LARGEST_COUNT}: use larger units.")
    is_file = isinstance(frame, str) or hasattr(frame, "__fspath__")
    if is_file or one_kind:
        are_row_numbers = group is None and isinstance(data.index, pd.RangeIndex)
        labels = to_one_kind(labels, group, convert_to_text=is_file or are_row_numbers)
    return Table(
        num_successes, num_trials, labels, str(successes), str(trials), data_set, data_sets
    )


def _require_apart(successes: Any, trials: Any, by: Sequence[Any]) -> None:
    if successes == trials:
        raise InputError(f"Successes and trials are the same column, {successes!r}.")
    for column in by:
        if list(by).count(column) > 1:
            raise InputError(f"by names column {column!r} twice: give each once.")


def _report_order(
    successes: np.ndarray,
    trials: np.ndarray,
    is_counted: np.ndarray,
    successes_name: Any,
    trials_name: Any,
    problems: Problems,
) -> None:
    rows = np.flatnonzero(is_counted & (successes > trials))
    rule = f"{successes_name} must not exceed {trials_name}"
    if len(rows) > is_counted.sum() / 2 and is_counted.sum() > 1:
        rule += " (are the two columns swapped?)"
    problems.report(rows, lambda row: f"{successes[row]} of {trials[row]}", rule)


def _require_totals(trials: np.ndarray, labels: np.ndarray, name: Any, source: Source) -> None:
    totals = Problems(Source(source.name, None), labels)
    totals.report(
        np.flatnonzero(trials < 0),
        lambda row: "more",
        f"The total of {name} in a group must not exceed 2^53 = {LARGEST_COUNT}",
    )
    totals.require_none()
