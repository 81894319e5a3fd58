"""Names of groups and data sets: checked, kept in their type, and looked up.

A whole number stays a whole number, and a date a date, so that a result can be joined to the user's
table.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from hierpool.input.errors import InputError
from hierpool.input.problems import Problems
from hierpool.input.whole_numbers import LARGEST_COUNT

KINDS = {
    "U": "text",
    "i": "numbers",
    "u": "numbers",
    "f": "numbers",
    "b": "truth values",
    "M": "times",
    "O": "names of several kinds",
}
"""Kinds of names, by the kind code of their NumPy dtype."""
_PLAIN = (str, int, float, np.number, np.bool_, np.datetime64, pd.Timestamp)


def read_data_sets(
    data: pd.DataFrame, by: Sequence[Any], problems: Problems
) -> tuple[np.ndarray | None, pd.Index | None]:
    """Returns (row,) the index of each row's data set, and the data sets' names.

    Data sets are in the order of their first rows. Both are None if ``by`` is empty.

    Args:
        data: the table.
        by: the columns that identify a data set.
        problems: collects the problems, by row number.
    """
    if not by:
        return None, None
    for column in by:
        missing = np.asarray(data[column].isna() | (data[column].astype(str).str.strip() == ""))
        rule = f"Every row needs a value in column {column!r}"
        problems.report(np.flatnonzero(missing), lambda row: "none", rule)
    keys = pd.Index(data[by[0]]) if len(by) == 1 else pd.MultiIndex.from_frame(data[list(by)])
    codes, data_sets = pd.factorize(keys)
    if len(by) == 1:
        return codes, pd.Index(data_sets, name=by[0])
    return codes, pd.MultiIndex.from_tuples(list(data_sets), names=list(by))


def read_labels(
    data: pd.DataFrame, group: Any, problems: Problems
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (row,) the names of groups, unchanged, and (row,) whether a row has a name.

    "NA" stays "NA", "007" stays "007", and 7 stays 7. Text becomes an array of text, and names of
    several kinds an array of objects. If a row has no name, all names become text.

    Args:
        data: the table.
        group: the column of the names, or None for the index.
        problems: collects the problems, by row number.

    Raises:
        InputError: the names are of a kind that can't name groups.
    """
    if group is None and data.index.nlevels > 1:
        raise InputError(
            f"The index has {data.index.nlevels} levels: name one of them, or a column, by group=."
        )
    column = data.index.to_series() if group is None else data[group]
    is_named = ~np.asarray(column.isna())
    labels = _of_one_kind(column[is_named].infer_objects(), group)
    if labels.dtype.kind == "U":
        has_text = np.char.strip(labels) != ""
        labels, is_named[is_named] = labels[has_text], has_text
    rule = f"Every group needs a name in {_where(group)}"
    problems.report(np.flatnonzero(~is_named), lambda row: "no name", rule)
    if not is_named.all():
        # A row number replaces each missing name, so that other problems can be reported too.
        shown = np.arange(len(data)).astype(str).astype(object)
        shown[is_named] = texts(labels)
        return shown, is_named
    return labels, is_named


def _of_one_kind(column: pd.Series, group: Any) -> np.ndarray:
    """Returns (row,) names, none of them missing, as an array of the type that suits their kind."""
    kind = pd.api.types.infer_dtype(column, skipna=False)
    if kind == "categorical":
        return _of_one_kind(pd.Series(column.astype(object)).infer_objects(), group)
    if kind in ("string", "empty"):
        return _text(column, group)
    if kind in ("integer", "boolean", "floating", "mixed-integer-float"):
        values = np.asarray(column)
        if values.dtype == object:
            raise InputError(
                f"Whole numbers that name groups must have 64 bits at most, and {_where(group)} "
                "holds longer ones: make them text, by .astype(str)."
            )
        is_odd = values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8)
        return values.astype(float) if is_odd else values
    if kind in ("datetime64", "datetime"):
        return _times(column, group)
    values = np.asarray(column.astype(object), dtype=object)
    for value in values:
        if not isinstance(value, _PLAIN):
            raise InputError(
                f"Names of groups must be text, numbers or times, and {_where(group)} holds "
                f"{type(value).__name__}, as {str(value)!r}: make them text, by .astype(str)."
            )
    return values


def _text(column: pd.Series, group: Any) -> np.ndarray:
    values = np.asarray(column.astype(object), dtype=object)
    for value in values if not _is_plain("".join(values)) else ():
        if not _is_plain(value):
            raise InputError(
                f"{_where(group).capitalize()} holds {value!r}, which can't be saved unchanged: "
                "remove NUL characters and lone surrogates."
            )
    return values.astype(str)


def _is_plain(text: str) -> bool:
    """Returns whether a text can be encoded in UTF-8 and has no NUL character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _times(column: pd.Series, group: Any) -> np.ndarray:
    times = pd.DatetimeIndex(pd.to_datetime(column))
    remedy = "make them text, by .astype(str)"
    if times.tz is not None:
        raise InputError(
            f"Times that name groups can't have a time zone in a file, and those of {_where(group)}"
            f" have: remove it, by .dt.tz_localize(None), or {remedy}."
        )
    try:
        return times.as_unit("ns").to_numpy()
    except pd.errors.OutOfBoundsDatetime:
        raise InputError(
            f"Times that name groups must lie between 1678 and 2261, and {_where(group)} holds "
            f"others: {remedy}."
        ) from None


def _where(group: Any) -> str:
    return "the index" if group is None else f"column {group!r}"


def texts(labels: np.ndarray) -> list[str]:
    """Returns the names as text, which does not depend on the width or unit of their dtype."""
    if labels.dtype.kind == "M":
        return [pd.Timestamp(label).isoformat() for label in labels]
    return [str(label) for label in labels.tolist()]


def index_of(labels: np.ndarray) -> pd.Index:
    """Returns the names as the index of a result, by which it can be joined to the user's table."""
    is_text = labels.dtype.kind in "OUT"
    return pd.Index(labels, dtype=object if is_text else None, name="group")


def find(labels: np.ndarray, names: Iterable[Any]) -> np.ndarray:
    """Returns (name,) the index of each name in ``labels``, -1 where it is not found.

    Numbers match numbers, and times match times; all else is compared as text, as on a command
    line.
    """
    names = list(names)
    if labels.dtype.kind == "M":
        is_time = [isinstance(name, str | datetime | np.datetime64) for name in names]
        given = pd.Series(names, dtype=object).where(np.array(is_time, bool))
        times = pd.to_datetime(given, errors="coerce", format="ISO8601", utc=True)
        return pd.DatetimeIndex(labels, tz="UTC").get_indexer(pd.DatetimeIndex(times))
    as_text = pd.Index([str(name) for name in names], dtype=object)
    indices = pd.Index(texts(labels), dtype=object).get_indexer(as_text)
    numbers = [index for index, name in enumerate(names) if _is_number(name)]
    if numbers and labels.dtype.kind in "iuf":
        values = pd.Index([names[index] for index in numbers])
        indices[numbers] = pd.Index(labels).get_indexer(values)
    return indices


def find_name(labels: np.ndarray, name: Any) -> int:
    """Returns the index of one name in ``labels``.

    Raises:
        InputError: it is not found; the message gives the nearest name.
    """
    import difflib

    (index,) = find(labels, [name])
    if index < 0:
        names = texts(labels)
        near = difflib.get_close_matches(str(name), names)
        told = f"the nearest name is {near[0]!r}" if near else f"the first is {names[0]!r}"
        raise InputError(f"The fit has no group {str(name)!r}; {told}.")
    return int(index)


def _is_number(name: Any) -> bool:
    return isinstance(name, int | float | np.integer | np.floating) and not isinstance(name, bool)


def append_names(labels: np.ndarray, others: Sequence[Any]) -> np.ndarray:
    """Returns ``labels`` followed by ``others``, as objects if the two are of different kinds."""
    added = _of_one_kind(pd.Series(list(others), dtype=object).infer_objects(), None)
    if KINDS[added.dtype.kind] == KINDS[labels.dtype.kind]:
        return np.append(labels, added)
    return np.append(*(np.asarray(pd.Index(part).astype(object)) for part in (labels, added)))


def to_one_kind(labels: np.ndarray, group: Any, *, convert_to_text: bool) -> np.ndarray:
    """Returns names that are all of one kind, as a fit stores them.

    Args:
        labels: (group,) names.
        group: the column of the names, or None for the index.
        convert_to_text: convert names of several kinds to text, which is right where they are
            not names in the user's frame, to which results would be joined.

    Raises:
        InputError: the names are of several kinds, and ``convert_to_text`` is false.
    """
    if convert_to_text and labels.dtype == object:
        return np.asarray(texts(labels))
    return coordinate(labels, f" (those of {_where(group)} and of new groups)")


def coordinate(labels: np.ndarray, which: str = "") -> np.ndarray:
    """Returns names as a coordinate that can be saved to a file.

    Raises:
        InputError: the names are of several kinds.
    """
    if labels.dtype != object:
        return labels
    kinds = [*dict.fromkeys(type(label).__name__ for label in labels)]
    if kinds != ["str"]:
        raise InputError(
            f"The names of groups{which} must be of one kind to be kept in a fit, and are "
            f"{' and '.join(kinds)}: name new groups as the others are, or make all of "
            "them text, by .astype(str)."
        )
    return labels.astype(str)


def require_unique(keys: np.ndarray, is_named: np.ndarray, group: Any, problems: Problems) -> None:
    """Reports each row that repeats the key of an earlier row."""
    repeated = pd.Series(keys).duplicated(keep="first").to_numpy()
    problems.report(
        np.flatnonzero(repeated & is_named),
        lambda row: "the name of an earlier one",
        f"Every group needs a name of its own in {_where(group)}; --aggregate (aggregate=True) "
        "adds up the rows with the same name",
    )


def aggregate_rows(keys: np.ndarray, counts: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Returns the first row of each key, in order of appearance, and the totals over its rows.

    Args:
        keys: (row,) keys.
        counts: columns of counts, (row,) int64 each, at most 2^53.

    Returns:
        (key,) indices of the first rows, and for each column (key,) int64 totals; -1 stands for a
        total above 2^53.
    """
    codes, found = pd.factorize(keys)
    first = np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
    return first, *(_totals(codes, len(found), column) for column in counts)


def _totals(codes: np.ndarray, length: int, column: np.ndarray) -> np.ndarray:
    exact = np.zeros(length, np.int64)
    np.add.at(exact, codes, column)
    # An int64 sum may overflow and wrap around to a small number; a float64 sum only loses digits.
    rough = np.bincount(codes, column, length)
    return np.where((rough > LARGEST_COUNT) | (exact > LARGEST_COUNT), -1, exact)
