"""What groups and data sets are called, checked, and rows of one name added up."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hierpool.files import Source
from hierpool.places import Places


def read_data_sets(
    data: pd.DataFrame, by: Sequence[str], source: Source
) -> tuple[np.ndarray | None, pd.Index | None]:
    """Returns (row,) the data set of each row, and what they are called, as they first appear."""
    if not by:
        return None, None
    numbers = Places(source, np.arange(len(data)))
    for column in by:
        missing = np.asarray(data[column].isna() | (data[column].astype(str).str.strip() == ""))
        rows = np.flatnonzero(missing)
        numbers.report(rows, lambda row: "none", f"Every row needs a value in column {column!r}")
    keys = pd.Index(data[by[0]]) if len(by) == 1 else pd.MultiIndex.from_frame(data[list(by)])
    codes, data_sets = pd.factorize(keys)
    if len(by) == 1:
        return codes, pd.Index(data_sets, name=by[0])
    return codes, pd.MultiIndex.from_tuples(list(data_sets), names=list(by))


def read_labels(
    data: pd.DataFrame, group: str | None, source: Source, *, text: bool = True
) -> np.ndarray:
    """Returns (row,) names as they are: "NA" stays "NA", "007" stays "007"."""
    column = data.index.to_series() if group is None else data[group]
    if not text and pd.api.types.is_integer_dtype(column) and not column.hasnans:
        return column.to_numpy()
    is_missing = np.asarray(column.isna())
    labels = np.asarray(column.astype(object).map(str), dtype=object)
    # "" in a file is a missing name; a NaN in a frame is one too.
    rows = np.flatnonzero(is_missing | (np.char.strip(labels.astype(str)) == ""))
    numbers = Places(source, np.arange(len(data)))
    numbers.report(rows, lambda row: "no name", f"Every group needs a name in {_where(group)}")
    return labels


def _where(group: str | None) -> str:
    return "the index" if group is None else f"column {group!r}"


def require_unique(keys: np.ndarray, group: str | None, place: Places) -> None:
    """Raises an error if two rows have the same key."""
    repeated = pd.Series(keys).duplicated(keep="first").to_numpy()
    place.report(
        np.flatnonzero(repeated),
        lambda row: "the name of an earlier one",
        f"Every group needs a name of its own in {_where(group)}; --aggregate (aggregate=True) "
        "adds the rows of a name up",
    )


def aggregate_rows(
    keys: np.ndarray, successes: np.ndarray, trials: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the first row of each key, as they first appear, and the totals of its rows."""
    codes, found = pd.factorize(keys)
    total_successes = np.zeros(len(found), np.int64)
    total_trials = np.zeros(len(found), np.int64)
    np.add.at(total_successes, codes, successes)
    np.add.at(total_trials, codes, trials)
    first = np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
    return first, total_successes, total_trials
