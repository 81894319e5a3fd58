"""The order of the rows of a printed table."""

import numpy as np
import pandas as pd

from hierpool.runtime.order import choices_of, ordered_by

NAMES = ["pear", "apple", "Zoe", "fig"]
FRAME = pd.DataFrame(
    {"mean": [0.2, np.nan, 0.5, 0.2], "kind": ["b", "c", "a", "b"]}, index=pd.Index(NAMES)
)


def names(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame.index.get_level_values(-1)]


def test_texts_are_in_the_order_of_the_alphabet_and_may_be_reversed() -> None:
    assert names(ordered_by(FRAME, "name", within=0)) == sorted(NAMES)
    assert names(ordered_by(FRAME, "name", within=0, descending=True)) == sorted(NAMES)[::-1]
    assert names(ordered_by(FRAME, "kind", within=0)) == ["Zoe", "pear", "fig", "apple"]


def test_large_numbers_come_first_and_missing_ones_last_in_either_order() -> None:
    assert names(ordered_by(FRAME, "mean", within=0)) == ["Zoe", "pear", "fig", "apple"]
    ascending = ordered_by(FRAME, "mean", within=0, descending=False)
    assert names(ascending) == ["pear", "fig", "Zoe", "apple"]


def test_names_that_are_numbers_ascend() -> None:
    frame = FRAME.set_axis([10, 9, 100, 1])
    assert names(ordered_by(frame, "name", within=0)) == ["1", "9", "10", "100"]


def test_the_order_of_the_input_may_be_reversed() -> None:
    assert names(ordered_by(FRAME, "input", within=0)) == NAMES
    assert names(ordered_by(FRAME, "input", within=0, descending=True)) == NAMES[::-1]


def test_rows_of_one_data_set_stay_together() -> None:
    index = pd.MultiIndex.from_arrays([["y", "x", "y", "x"], NAMES])
    ordered = ordered_by(FRAME.set_axis(index), "mean", within=1)
    assert ordered.index.tolist() == [("y", "Zoe"), ("y", "pear"), ("x", "fig"), ("x", "apple")]


def test_all_columns_the_name_and_the_input_may_be_asked_for() -> None:
    assert choices_of(FRAME) == ["mean", "kind", "name", "input"]


def test_rows_of_one_line_stay_together_and_go_by_the_last_name() -> None:
    index = pd.MultiIndex.from_product([["high", "low"], ["b", "c", "a"]])
    frame = pd.DataFrame({"mean": [1.0, 3.0, 2.0, 6.0, 5.0, 4.0]}, index=index)
    by_name = ordered_by(frame, "name", within=1).index
    assert list(by_name) == [(line, name) for line in ("high", "low") for name in "abc"]
    by_mean = ordered_by(frame, "mean", within=1).index
    assert [name for _, name in by_mean] == ["c", "a", "b", "b", "c", "a"]
    assert list(ordered_by(frame, "name", within=0).index.get_level_values(1)) == list("aabbcc")
