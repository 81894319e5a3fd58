"""Converts the user's table to a data frame.

The table may be a mapping of arrays, Series with different indexes, an ``xarray.Dataset``, a frame
of another library, or a file. Values that have labels are matched by label, never by position.
"""

import difflib
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.errors import InputError
from hierpool.input.files import SEPARATORS, Source, read_rows

if TYPE_CHECKING:
    import narwhals as nw


class Columns(NamedTuple):
    """The requested columns and their origin."""

    frame: pd.DataFrame
    """A frame with at least these columns, each of them once."""
    source: Source
    """The table's name and line numbers, for error messages."""
    problems: list[str]
    """One sentence for each kind of row that could not be read."""
    known: list[Any]
    """Names of all columns of the table, also of those that the frame lacks."""


def read_columns(
    table: Any, requested: Sequence[tuple[str, Any]], optional: Sequence[Any] = ()
) -> Columns:
    """Returns columns of a table; a level of its index may serve as a column.

    Args:
        table: a data frame of any library that narwhals reads, a mapping of column names to
            vectors, an ``xarray.Dataset``, an object that has ``to_pandas``, or a path.
        requested: for each column, the name of the argument that asks for it, and the column's
            name.
        optional: names of further columns, which the table may lack.

    Raises:
        InputError: the table lacks a column, or its columns can't be aligned.
        TypeError: ``table`` is none of these types, or a name can't be a column's name.
        OSError: the file can't be read.
    """
    for role, name in requested:
        if name is None or not isinstance(name, Hashable):
            kind = type(name).__name__
            raise TypeError(
                f"{role} must be a column name, not {kind}: add the numbers to the table as a "
                f"column, as frame.assign({role}=...), and give its name."
            )
    names = list(dict.fromkeys([*(name for _, name in requested), *optional]))
    frame, source, problems, known = _as_frame(table, names)
    of_index = [name for name in names if name not in frame.columns and name in frame.index.names]
    if of_index:
        frame = frame.reset_index(level=of_index)
    known = [*known, *(name for name in of_index if name not in known)]
    _require(requested, known, source)
    for name in [name for name in names if name in frame.columns]:
        column = frame[name]
        if isinstance(column, pd.DataFrame):
            levels = frame.columns.nlevels
            whole = f": name all {levels} levels of one, in a tuple" if levels > 1 else ""
            raise InputError(f"{source.name} has {column.shape[1]} columns named {name!r}{whole}.")
    return Columns(frame, source, problems, known)


def _as_frame(table: Any, names: list[Any]) -> Columns:
    if isinstance(table, str) or hasattr(table, "__fspath__"):
        try:
            rows = read_rows(table)
            return Columns(*rows, list(rows.frame.columns))
        except ValueError as error:
            raise InputError(str(error)) from None
    source = Source("The table", None)
    if isinstance(table, Mapping):
        try:
            variables = _variables(table)
            return Columns(_side_by_side(variables, names), source, [], list(variables))
        except UnicodeEncodeError as error:
            shown = ascii(error.object)
            raise InputError(
                f"The table holds {shown}, which is not valid Unicode text: correct it."
            ) from None
    if not isinstance(table, pd.DataFrame):
        # Imported here because most tables are frames of pandas, or files.
        import narwhals as nw

        other = nw.from_native(table, pass_through=True)
        if isinstance(other, nw.LazyFrame | nw.DataFrame):
            return _of_other_library(other, names, source)
    frame = table.to_pandas() if hasattr(table, "to_pandas") else table
    if isinstance(frame, pd.DataFrame):
        return Columns(frame, source, [], list(frame.columns))
    raise TypeError(
        "The data must be a data frame, a mapping of column names to arrays, or the path of a CSV, "
        f"TSV or Parquet file, not {type(table).__name__}."
    )


def is_table(value: Any) -> bool:
    """Returns whether a value that may be a mapping of names to counts is a table instead."""
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return True
    # Asked of the class: the columns of a lazy frame are computed when they are asked for.
    return any(hasattr(type(value), name) for name in ("columns", "data_vars", "to_pandas"))


def _of_other_library(
    table: "nw.LazyFrame[Any] | nw.DataFrame[Any]", names: list[Any], source: Source
) -> Columns:
    """Returns the named columns of a frame that narwhals reads; no others are computed."""
    import narwhals as nw

    kind = table.implementation
    if isinstance(table, nw.DataFrame) and (kind.is_pandas_like() or kind.is_pyarrow()):
        # They may have an index, which may name the groups.
        frame = table.to_pandas()
        return Columns(frame, source, [], list(frame.columns))
    known = table.collect_schema().names()
    some = table.select([name for name in names if name in known])
    read = some.collect() if isinstance(some, nw.LazyFrame) else some
    columns = {name: _values(read[name]) for name in read.columns}
    return Columns(pd.DataFrame(columns, index=range(len(read))), source, [], known)


def _values(column: "nw.Series[Any]") -> np.ndarray:
    """Returns a column as an array; what has no type in NumPy becomes objects."""
    import narwhals as nw

    kind = column.dtype
    is_time = kind == nw.Date or (isinstance(kind, nw.Datetime) and kind.time_zone is None)
    is_number = kind.is_integer() or kind.is_float() or kind == nw.Boolean
    if is_number or is_time:
        return column.to_numpy()
    return pd.Series(column.to_list(), dtype=object).to_numpy()


def _variables(table: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Returns all columns of a mapping; those of a ``Dataset`` include its coordinates."""
    if not hasattr(table, "data_vars"):
        return table
    return {name: table[name] for name in (*table.data_vars, *table.coords)}  # type: ignore[attr-defined]


def _side_by_side(variables: Mapping[Any, Any], names: list[Any]) -> pd.DataFrame:
    """Returns columns of a mapping as a frame, aligned by label where their indexes differ."""
    columns = {name: _column(variables[name]) for name in names if name in variables}
    shapes = {name: column.shape for name, column in columns.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or (
        len(set(shapes.values())) > 1
        and not all(isinstance(column, pd.Series) for column in columns.values())
    ):
        raise InputError(f"The columns must be vectors of equal length, but have shapes {shapes}.")
    labelled = {name: column for name, column in columns.items() if isinstance(column, pd.Series)}
    if not labelled:
        return pd.DataFrame(columns)
    first, *others = labelled
    index = labelled[first].index
    for other in others:
        if labelled[other].index.equals(index):
            continue
        _require_alike(first, index, other, labelled[other].index)
        if len(labelled) < len(columns):
            bare = next(name for name in columns if name not in labelled)
            raise InputError(
                f"Columns {first!r} and {other!r} have the same labels in different orders, and "
                f"{bare!r} has no labels: give all of them the same index."
            )
        columns[other] = labelled[other].reindex(index)
    return pd.DataFrame(columns, index=index)


def _column(values: Any) -> Any:
    """Returns a column as a Series if it has labels, else as an array."""
    if isinstance(values, pd.Series):
        return values
    if hasattr(values, "dims") and hasattr(values, "to_series") and len(values.dims) == 1:
        return values.to_series()
    if isinstance(values, np.ma.MaskedArray):
        # Masked values are missing. NumPy's own conversion would treat them as data.
        mask, values = np.ma.getmaskarray(values), np.array(values.data, dtype=object)
        values[mask] = None
    if isinstance(values, list | tuple):
        # np.asarray would turn a missing name into the text "nan".
        return pd.Series(values).to_numpy()
    return np.atleast_1d(np.asarray(values))


def _require_alike(one: Any, index: pd.Index, other: Any, other_index: pd.Index) -> None:
    """Raises ``InputError`` unless two indexes have the same labels, each of them once."""
    both = f"Columns {one!r} and {other!r} have different indexes and are joined by label"
    for name, labels in ((one, index), (other, other_index)):
        if not labels.is_unique:
            repeated = labels[labels.duplicated()][0]
            raise InputError(
                f"{both}, but {name!r} has label {_text(repeated)} twice: give each label once."
            )
    for name, labels, others in ((other, index, other_index), (one, other_index, index)):
        lacking = labels[~labels.isin(others)]
        if len(lacking):
            raise InputError(
                f"{both}, but {name!r} has no value for label {_text(lacking[0])}: give both "
                "the same labels."
            )


def _text(label: Any) -> str:
    return repr(str(label))


def _require(requested: Sequence[tuple[str, Any]], known: list[Any], source: Source) -> None:
    """Raises ``InputError`` if the table lacks a requested column; it suggests similar names."""
    missing = {name: role for role, name in requested if name not in known}
    texts = [str(name) for name in known]
    if missing:
        nearest = [difflib.get_close_matches(str(name), texts, n=1, cutoff=0.5) for name in missing]
        near = [repr(names[0]) for names in nearest if names]
        hint = f" Did you mean {' and '.join(near)}?" if near else ""
        shown = ", ".join(map(repr, texts[:20])) or "none"
        columns = "column" if len(missing) == 1 else "columns"
        wanted = " and ".join(map(repr, missing))
        for name, role in missing.items():
            if isinstance(name, int | float | np.number):
                hint += (
                    f" {role} is the name of a column: if every group has {name}, add it as one, "
                    f"frame.assign({role}={name})."
                )
            elif isinstance(name, tuple) and all(part in known for part in name):
                hint += f" Give several columns as a list: {role}={list(name)}."
        if len(known) == 1 and any(str(name) in texts[0] for name in missing):
            hint = f" Columns must be separated by one of {' '.join(map(repr, SEPARATORS))}."
        raise InputError(f"{source.name} has no {columns} {wanted}; it has {shown}.{hint}")
