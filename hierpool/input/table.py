"""``Table``: checked counts with their labels, the only way from a frame or file to a model.

Everything is checked here, on the host, in 64-bit integers, before anything is compiled: without
its 64-bit mode, JAX turns 3,000,000,000 into a negative number and gives no warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.counts import Counts
from hierpool.input.errors import InputError as InputError
from hierpool.input.files import Source
from hierpool.input.frames import is_table, read_columns
from hierpool.input.labels import (
    aggregate_rows,
    append_names,
    joined,
    read_data_sets,
    read_groups,
    require_unique,
    to_one_kind,
)
from hierpool.input.new_groups import in_kind, parts_of, read_new_groups
from hierpool.input.problems import Problems
from hierpool.input.trials import asked, read_trials, require_groups
from hierpool.input.whole_numbers import LARGEST_COUNT as LARGEST_COUNT


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
    """The user's name for trials: a column, the sum of two, or the number of every row."""
    data_set: np.ndarray | None = None
    """(group,) the index in ``data_sets`` of each group's data set; None without ``by``."""
    data_sets: pd.Index | None = None
    """(data set,) the user's names of the data sets; None without ``by``."""
    group_columns: Mapping[str, np.ndarray] = {}
    """(group,) values of each column that names the groups, if there are several; else empty."""
    new_groups: Mapping[Any, tuple[int, int]] = {}
    """Successes and trials of the groups that were added, by name."""

    @property
    def counts(self) -> Counts:
        """The counts without their labels, in the form that models take."""
        return Counts(self.successes, self.trials)

    @property
    def by_data_set(self) -> Iterator[tuple[Any, "Table"]]:
        """The name of each data set, and its groups as a table of their own."""
        if self.data_set is None or self.data_sets is None:
            return
        order = np.argsort(self.data_set, kind="stable")
        ends = np.searchsorted(self.data_set[order], np.arange(len(self.data_sets) + 1))
        for number, name in enumerate(self.data_sets):
            rows = order[ends[number] : ends[number + 1]]
            columns = {column: values[rows] for column, values in self.group_columns.items()}
            yield (
                name,
                self._replace(
                    successes=self.successes[rows],
                    trials=self.trials[rows],
                    labels=self.labels[rows],
                    data_set=None,
                    data_sets=None,
                    group_columns=columns,
                ),
            )


def read_table(
    frame: Any,
    *,
    successes: Any,
    trials: Any = None,
    failures: Any = None,
    group: Any = None,
    by: Any = (),
    new_groups: Any = None,
    aggregate: bool = False,
    one_kind: bool = False,
) -> Table:
    """Returns the checked counts of a frame, a mapping of arrays, or a file.

    Args:
        frame: a data frame of any library that narwhals reads, a mapping of column names to arrays
            or Series (which are joined by their labels), an ``xarray.Dataset``, or the path of a
            CSV, TSV or Parquet file ("-" for standard input); or the name of a table that ships
            with hierpool. The separator of a CSV file is detected; lines that start with ``#`` are
            comments.
        successes: column of successes. This and every other column may be a level of the index.
        trials: column of trials, or the number of trials of every row (a column of that name comes
            first). If there are no failures either, every row is one trial with a success of 0 or
            1, and the rows of a group are added up.
        failures: column of failures, in place of trials.
        group: column of the groups' names, or a list of columns; by default the frame's index (a
            file's row numbers, from 0).
        by: columns that identify data sets; a group's name must be unique within its data set.
        new_groups: groups to add to the others: successes and trials by name,
            ``{"rookie": (0, 4)}``, or a table with the same columns.
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
    counted = asked(successes, trials, failures)
    groups = group if isinstance(group, list) else [] if group is None else [group]
    if group == []:
        raise InputError("group names no column: leave it out, or name one.")
    named = [("group", column) for column in groups] + [("by", column) for column in by]
    data, source, unread, _ = read_columns(frame, [*counted.columns, *named], counted.optional)
    _require_apart(counted.columns, groups, by)
    require_groups(data, group, counted, source)
    aggregate = aggregate or counted.are_events
    by_row = Problems(source, np.arange(len(data)), unread)
    if len(data) == 0:
        by_row.sentences = by_row.sentences or [
            f"{source.name} has no rows: at least one group is needed."
        ]
        by_row.require_none()
    data_set, data_sets = read_data_sets(data, by, by_row)
    names = read_groups(data, group, by_row)
    problems = Problems(source, names.shown, by_row.sentences, are_repeated=aggregate)
    num_successes, num_trials, trials_name = read_trials(data, counted, problems)
    labels, columns = names.labels, names.columns
    keys = labels
    if data_set is not None and data_sets is not None:
        keys = pd.factorize(labels)[0] * len(data_sets) + data_set
    if not aggregate:
        require_unique(keys, names.is_named, group, problems)
    problems.require_none()
    if aggregate:
        first, num_successes, num_trials = aggregate_rows(keys, [num_successes, num_trials])
        labels, shown = labels[first], names.shown[first]
        columns = {name: values[first] for name, values in columns.items()}
        data_set = None if data_set is None else data_set[first]
        _require_totals(num_trials, shown, trials_name, source)
    table = Table(
        num_successes, num_trials, labels, str(successes), trials_name, data_set, data_sets, columns
    )
    if new_groups is not None:
        same = {"successes": successes, "trials": trials, "failures": failures, "group": group}
        table = _with_new_groups(table, new_groups, same | {"aggregate": aggregate})
    if table.trials.sum(dtype=float) > LARGEST_COUNT or table.trials.sum() > LARGEST_COUNT:
        raise InputError(
            f"The total of {trials_name} exceeds 2^53 = {LARGEST_COUNT}: use larger units."
        )
    is_file = isinstance(frame, str) or hasattr(frame, "__fspath__")
    if not is_file and not one_kind:
        return table
    to_text = is_file or (group is None and isinstance(data.index, pd.RangeIndex))
    return table._replace(
        labels=to_one_kind(table.labels, group, convert_to_text=to_text),
        group_columns={
            name: to_one_kind(values, name, convert_to_text=True)
            for name, values in table.group_columns.items()
        },
    )


def read_new_group_table(new_groups: Any, same: Mapping[str, Any]) -> dict[Any, tuple[int, int]]:
    """Returns successes and trials by name from a table of groups to add.

    A name is a tuple if several columns name the groups.

    Args:
        new_groups: the table, in any form that ``read_table`` takes.
        same: the arguments of ``read_table`` that name its columns, as for the other groups.
    """
    try:
        new = read_table(new_groups, **same)
    except InputError as error:
        raise InputError(f"New groups: {error}") from None
    names = list(zip(*new.group_columns.values(), strict=True)) or list(new.labels)
    pairs = zip(new.successes.tolist(), new.trials.tolist(), strict=True)
    return dict(zip(names, pairs, strict=True))


def _with_new_groups(table: Table, new_groups: Any, same: Mapping[str, Any]) -> Table:
    """Returns a table with groups added after its own.

    Args:
        table: the table.
        new_groups: successes and trials by name, or a table.
        same: the arguments of ``read_table`` that both tables share.
    """
    if is_table(new_groups):
        new_groups = read_new_group_table(new_groups, same)
    elif isinstance(new_groups, Mapping) and {same["successes"], same["trials"]} <= {*new_groups}:
        raise InputError(
            f"new_groups maps names to (successes, trials), and {same['successes']!r} is a column: "
            "pass the columns as a data frame."
        )
    if table.data_set is not None and len(new_groups):
        raise InputError(
            "New groups can't be assigned to a data set: add them to the table as rows."
        )
    columns = dict(table.group_columns)
    if columns and isinstance(new_groups, Mapping) and new_groups:
        parts = list(zip(*(parts_of(name, list(columns)) for name in new_groups), strict=True))
        for (name, values), own in zip(list(columns.items()), parts, strict=True):
            columns[name] = append_names(values, [in_kind(part, values) for part in own])
        labels = joined(list(columns.values()))[len(table.labels) :].tolist()
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise InputError(f"Two new groups are called {twice!r}: give each a name of its own.")
        new_groups = dict(zip(labels, new_groups.values(), strict=True))
    added = read_new_groups(new_groups, table.labels)
    if not added.names:
        return table
    pairs = zip(added.successes.tolist(), added.trials.tolist(), strict=True)
    return table._replace(
        successes=np.append(table.successes, added.successes),
        trials=np.append(table.trials, added.trials),
        labels=append_names(table.labels, added.names),
        group_columns=columns,
        new_groups=dict(zip(added.names, pairs, strict=True)),
    )


def _require_apart(
    counts: Sequence[tuple[str, Any]], groups: Sequence[Any], by: Sequence[Any]
) -> None:
    _, successes = counts[0]
    for role, column in counts[1:]:
        if column == successes:
            raise InputError(f"Successes and {role} are the same column, {successes!r}.")
    for role, columns in (("group", list(groups)), ("by", list(by))):
        for column in columns:
            if columns.count(column) > 1:
                raise InputError(f"{role} names column {column!r} twice: give each once.")
    for column in {*groups} & {*by} if len(groups) > 1 else ():
        raise InputError(f"Both group and by name column {column!r}: leave it out of group.")


def _require_totals(trials: np.ndarray, labels: np.ndarray, name: Any, source: Source) -> None:
    totals = Problems(Source(source.name, None), labels)
    totals.report(
        np.flatnonzero(trials < 0),
        lambda row: "more",
        f"The total of {name} in a group must not exceed 2^53 = {LARGEST_COUNT}",
    )
    totals.require_none()
