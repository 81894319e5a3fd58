"""``Table``: checked counts with their labels. The only way from a frame or file to a model.

Everything is checked here, on the host, in 64-bit integers, before anything is compiled: with
64-bit types off JAX wraps 3,000,000,000 to a negative number without a word.
"""

import difflib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.counts import Counts
from hierpool.files import Source, read_file
from hierpool.labels import aggregate_rows, read_data_sets, read_labels, require_unique
from hierpool.places import InputError as InputError
from hierpool.places import Places

LARGEST_COUNT = 2**53
"""Beyond it a float64 no longer tells a count from the next."""


class Table(NamedTuple):
    """Counts that were checked, with what the user calls them."""

    successes: np.ndarray
    """(group,) int64 successes."""
    trials: np.ndarray
    """(group,) int64 trials."""
    labels: np.ndarray
    """(group,) names of the groups, unique strings."""
    successes_name: str
    """The user's word for successes."""
    trials_name: str
    """The user's word for trials."""
    data_set: np.ndarray | None = None
    """(group,) which data set each group belongs to, if there are several."""
    data_sets: pd.Index | None = None
    """(data set,) what the user calls them."""

    @property
    def counts(self) -> Counts:
        """The counts without their labels, as models take them."""
        return Counts(self.successes, self.trials)


def read_table(
    frame: Any,
    *,
    successes: str,
    trials: str,
    group: str | None = None,
    by: str | Sequence[str] = (),
    new_groups: Mapping[str, tuple[int, int]] | None = None,
    aggregate: bool = False,
    text_labels: bool = True,
) -> Table:
    """Returns the counts of a frame, a mapping of arrays, or a CSV or TSV file, checked.

    Args:
        frame: a data frame, a mapping of column names to arrays, or a path. A file's separator is
            found; lines that start with ``#`` are comments.
        successes: column of successes.
        trials: column of trials.
        group: column of the groups' names; by default the frame's index (a file's row numbers,
            from 0).
        by: columns that tell data sets apart; a name need be unique only within its data set.
        new_groups: successes and trials by name, to stand with the rest: ``{"rookie": (0, 4)}``.
        aggregate: add up the rows that have the same group name, instead of refusing them.
        text_labels: whole numbers as names become text, as all other names do.

    Raises:
        InputError: a value breaks a rule; the message names the place, the value and the rule.
        TypeError: ``frame`` is none of the three.
        OSError: the file can't be read.
    """
    data, source = _as_frame(frame)
    by = [by] if isinstance(by, str) else list(by)
    columns = [successes, trials] if group is None else [successes, trials, group]
    for column in columns + by:
        _require_column(data, column, source)
    if successes == trials:
        raise InputError(f"Successes and trials are the same column, {successes!r}.")
    if len(data) == 0:
        raise InputError(f"{source.name} has no rows: at least one group is needed.")
    data_set, data_sets = read_data_sets(data, by, source)
    labels = read_labels(data, group, source, text=text_labels)
    place = Places(source, labels)
    tried = _parse_counts(data[trials], trials, place)
    succeeded = _parse_counts(data[successes], successes, place)
    _require_order(succeeded, tried, successes, trials, place)
    keys = labels
    if data_set is not None and data_sets is not None:
        keys = pd.factorize(labels)[0] * len(data_sets) + data_set
    if aggregate:
        first, succeeded, tried = aggregate_rows(keys, succeeded, tried)
        labels, keys = labels[first], keys[first]
        data_set = None if data_set is None else data_set[first]
        place = Places(Source(source.name, None), labels)
    require_unique(keys, group, place)
    if by and new_groups:
        raise InputError("New groups can't be told apart by data set: put them into the table.")
    for name, (new_successes, new_trials) in _check_new_groups(new_groups, labels).items():
        labels = np.append(labels, np.asarray(name, dtype=object))
        succeeded, tried = np.append(succeeded, new_successes), np.append(tried, new_trials)
    if tried.sum(dtype=float) > LARGEST_COUNT:
        raise InputError(f"{trials} add up to more than 2^53 = {LARGEST_COUNT}: use smaller units.")
    if labels.dtype == object:
        labels = labels.astype(str)
    return Table(succeeded, tried, labels, successes, trials, data_set, data_sets)


def _as_frame(frame: Any) -> tuple[pd.DataFrame, Source]:
    if isinstance(frame, str) or hasattr(frame, "__fspath__"):
        try:
            return read_file(frame)
        except ValueError as error:
            raise InputError(str(error)) from None
    if isinstance(frame, pd.DataFrame):
        return frame, Source("The table", None)
    if isinstance(frame, Mapping):
        columns = {name: _vector(column) for name, column in frame.items()}
        lengths = {name: column.shape for name, column in columns.items()}
        if any(len(shape) != 1 for shape in lengths.values()) or len(set(lengths.values())) > 1:
            raise InputError(
                f"The columns must be vectors of one length, and have shapes {lengths}."
            )
        return pd.DataFrame(columns), Source("The table", None)
    if hasattr(frame, "to_pandas"):
        return frame.to_pandas(), Source("The table", None)
    raise TypeError(
        "The data must be a data frame, a mapping of column names to arrays, or the path of a CSV "
        f"or TSV file, not {type(frame).__name__}."
    )


def _vector(column: Any) -> np.ndarray:
    # Not np.asarray of a list, which turns a missing name into the text "nan".
    is_list = isinstance(column, list | tuple)
    return np.atleast_1d(pd.Series(column).to_numpy() if is_list else np.asarray(column))


def _require_column(data: pd.DataFrame, column: str, source: Source) -> None:
    names = [str(name) for name in data.columns]
    if column not in data.columns:
        near = difflib.get_close_matches(str(column), names, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(map(repr, names[:20])) or "none"
        raise InputError(f"{source.name} has no column {column!r}; it has {shown}.{hint}")
    if names.count(column) > 1:
        raise InputError(f"{source.name} has {names.count(column)} columns named {column!r}.")


def _parse_counts(column: pd.Series, name: str, place: Places) -> np.ndarray:
    """Returns (row,) int64 counts, or raises what is wrong with the column."""
    if pd.api.types.is_bool_dtype(column):
        raise InputError(
            f"{name} must be counts, and holds True and False: add them up by group first, or "
            "convert them to 0 and 1."
        )
    shown = column.to_numpy()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        missing = np.asarray(column.isna())
    else:
        text = column.astype(object).map(lambda value: "" if _is_missing(value) else str(value))
        text = text.str.strip()
        missing = np.asarray(text == "")
        values = np.asarray(pd.to_numeric(text, errors="coerce"), dtype=float)
        shown = np.asarray(text)

    def what(row: int) -> str:
        return str(shown[row])

    place.report(np.flatnonzero(missing), lambda row: "none", f"{name} must not be missing")
    is_text = np.isnan(values)
    place.report(
        np.flatnonzero(is_text),
        lambda row: repr(what(row)) + _number_hint(what(row)),
        f"{name} must be whole numbers",
    )
    place.report(np.flatnonzero(np.isinf(values)), what, f"{name} must be finite")
    fractional = values != np.floor(values)
    rule = f"{name} must be whole numbers"
    if fractional.any() and values.min() >= 0 and values.max() <= 1:
        rule += " of successes, not rates (multiply them by the trials)"
    place.report(np.flatnonzero(fractional), what, rule)
    place.report(np.flatnonzero(values < 0), what, f"{name} must not be negative")
    too_large = values > LARGEST_COUNT
    for row in np.flatnonzero(values == LARGEST_COUNT):
        # As a float, 2^53 + 1 is 2^53.
        too_large[row] = Decimal(str(shown[row])) > LARGEST_COUNT
    place.report(
        np.flatnonzero(too_large),
        what,
        f"{name} must not exceed 2^53 = {LARGEST_COUNT}",
    )
    return values.astype(np.int64)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def _number_hint(text: str) -> str:
    if text.replace(",", "").replace(" ", "").isdigit():
        return " (write it without separators)"
    if text in ("True", "False", "TRUE", "FALSE", "true", "false"):
        return " (add them up by group first)"
    if text.endswith("%"):
        return " (counts are needed, not percentages)"
    return ""


def _require_order(
    successes: np.ndarray, trials: np.ndarray, successes_name: str, trials_name: str, place: Places
) -> None:
    rows = np.flatnonzero(successes > trials)
    rule = f"{successes_name} must not exceed {trials_name}"
    if len(rows) > len(trials) / 2 and len(trials) > 1:
        rule += " (are the two columns swapped?)"
    place.report(rows, lambda row: f"{successes[row]} of {trials[row]}", rule)


def _check_new_groups(
    new_groups: Mapping[str, tuple[int, int]] | None, labels: np.ndarray
) -> Mapping[str, tuple[int, int]]:
    new_groups = {} if new_groups is None else new_groups
    if not isinstance(new_groups, Mapping):
        raise TypeError(
            'new_groups must map names to (successes, trials), as {"rookie": (0, 4)}, and is '
            f"{type(new_groups).__name__}."
        )
    for name, counts in new_groups.items():
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"A new group needs a name, and a text as such, not {name!r}.")
        if np.shape(counts) != (2,):
            raise InputError(f"New group {name!r} needs (successes, trials), not {counts!r}.")
        successes, trials = counts
        whole = all(isinstance(value, int | np.integer) for value in counts)
        if not whole or not 0 <= successes <= trials <= LARGEST_COUNT:
            raise InputError(
                f"New group {name!r} has {successes!r} of {trials!r}: whole numbers are needed, "
                "with 0 <= successes <= trials <= 2^53."
            )
        if name in labels:
            raise InputError(
                f"New group {name!r} has the name of a group of the table: give it another."
            )
    return new_groups
