"""The order of a table's rows when it is printed.

What a table of numbers does not hold stands in the attributes of the frame, as the names of new
groups and the probability of its intervals.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

ASCENDING = ("rank", "expected_loss", "error", "q_value")
"""Columns of which small values come first; of other numbers it is the large ones."""
NAME, INPUT = "name", "input"
"""What rows may be sorted by beside the columns."""


def noted(frame: pd.DataFrame, **attributes: Any) -> pd.DataFrame:
    """Returns the frame itself, with attributes that are not None."""
    for name, value in attributes.items():
        if value is not None:
            # Parquet stores them as JSON, which has no numbers of NumPy's.
            frame.attrs[name] = value.item() if isinstance(value, np.generic) else value
    return frame


def new_in(frame: pd.DataFrame) -> np.ndarray:
    """Returns (row,) whether a row is of a group that was added to those of the table."""
    names = frame.index.get_level_values(-1).astype(str)
    return np.asarray(names.isin(frame.attrs.get("new_groups", [])))


def new_first(frame: pd.DataFrame, by: str, within: int) -> pd.DataFrame:
    """Returns a frame sorted by a column that it may lack, with new groups before all others."""
    by = by if by in frame else INPUT
    is_new = new_in(frame)
    if by == INPUT and not is_new.any():
        return frame
    ordered = ordered_by(frame, by, within=within)
    is_new = new_in(ordered)
    return ordered.iloc[np.argsort(~is_new, kind="stable")] if is_new.any() else ordered


def ordered_by(
    frame: pd.DataFrame, by: str, *, within: int, descending: bool | None = None
) -> pd.DataFrame:
    """Returns a frame in another order; rows that tie keep theirs.

    Args:
        frame: the frame.
        by: a column; or "name", the last level of the index; or "input", the order as it is.
        within: number of levels of the index whose rows stay together.
        descending: whether large values come first; by default as suits the column. Missing values
            come last in either.
    """
    outer = [pd.factorize(frame.index.get_level_values(level))[0] for level in range(within)]
    if by == INPUT:
        return frame.iloc[::-1] if descending else frame
    values = frame.index.get_level_values(-1) if by == NAME else frame[by]
    if values.dtype.kind in "biuf":
        if descending is None:
            descending = by != NAME and by not in ASCENDING
        key = np.asarray(values, float)
    else:
        codes, _ = pd.factorize(np.asarray(values.astype(str)), sort=True)
        key = codes.astype(float)
    key = -key if descending else key
    return frame.iloc[np.lexsort([key, *reversed(outer)])]


def choices_of(frame: pd.DataFrame) -> Sequence[str]:
    """Returns the words that ``ordered_by`` takes for a frame."""
    return [*map(str, frame.columns), NAME, INPUT]
