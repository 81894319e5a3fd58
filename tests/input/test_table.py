from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from three_players import players, read, written

from hierpool.input.table import LARGEST_COUNT, Table


def same(table: Table) -> None:
    np.testing.assert_array_equal(table.successes, [1, 2, 3])
    np.testing.assert_array_equal(table.trials, [4, 5, 6])
    assert list(table.labels) == ["Ann", "Bob", "Cy"]
    assert table.successes.dtype == table.trials.dtype == np.int64
    assert (table.successes_name, table.trials_name) == ("hits", "at_bats")
    np.testing.assert_array_equal(table.counts.successes, table.successes)
    np.testing.assert_array_equal(table.counts.trials, table.trials)


GOOD = {
    "mapping of lists": players(),
    "mapping of tuples": {name: tuple(column) for name, column in players().items()},
    "mapping of NumPy arrays": {name: np.asarray(column) for name, column in players().items()},
    "mapping of JAX arrays of int32": players(
        hits=jnp.asarray([1, 2, 3], "int32"), at_bats=jnp.asarray([4, 5, 6], "int32")
    ),
    "mapping of series": {name: pd.Series(column) for name, column in players().items()},
    "frame": pd.DataFrame(players()),
    "frame of nullable integers": pd.DataFrame(players()).astype(
        {"hits": "Int64", "at_bats": "UInt8"}
    ),
    "frame of floats": pd.DataFrame(players()).astype({"hits": float, "at_bats": "float32"}),
    "frame of texts": pd.DataFrame(players()).astype(str),
    "frame of categories": pd.DataFrame(players()).astype("category"),
    "texts with spaces and points": players(hits=["1", " 2 ", "3.0"], at_bats=["4", "5", "6e0"]),
    "whole numbers as floats": players(hits=[1.0, 2.0, 3.0]),
    "rows whose index is no order": pd.DataFrame(players(), index=[7, 7, 7]),
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_the_same_counts_are_read_from_whatever_holds_them(data: Any) -> None:
    same(read(data))


def test_a_path_may_be_a_text_or_a_path(tmp_path: Path) -> None:
    path = written(tmp_path, players())
    same(read(path))
    same(read(str(path)))


def test_reading_changes_no_data_of_the_caller() -> None:
    frame = pd.DataFrame(players())
    before = frame.copy()
    table = read(frame, new_groups={"rookie": (0, 4)})
    table.successes[0] = 99
    pd.testing.assert_frame_equal(frame, before)


def test_zero_of_zero_is_a_group_not_yet_seen() -> None:
    table = read(players(hits=[0, 0, 3], at_bats=[0, 5, 6]))
    assert (table.successes[0], table.trials[0]) == (0, 0)


@pytest.mark.parametrize("largest", [LARGEST_COUNT, str(LARGEST_COUNT), float(LARGEST_COUNT)])
def test_counts_are_exact_up_to_the_largest(largest: Any) -> None:
    table = read({"player": ["all"], "hits": [LARGEST_COUNT - 1], "at_bats": [largest]})
    assert LARGEST_COUNT == 2**53
    assert (table.successes[0], table.trials[0]) == (2**53 - 1, 2**53)


def test_names_of_groups_stay_as_they_are(tmp_path: Path) -> None:
    names = ["NA", "None", "nan", "007", "7", "Иван", "a,b", " padded", "大谷"]
    data = {"player": names, "hits": [1] * 9, "at_bats": [2] * 9}
    assert list(read(data).labels) == names
    assert list(read(written(tmp_path, data)).labels) == names


def test_without_a_column_the_names_are_those_of_the_index(tmp_path: Path) -> None:
    frame = pd.DataFrame(players(), index=["x", "y", "z"])
    assert list(read(frame, group=None).labels) == ["x", "y", "z"]
    assert list(read(players(), group=None).labels) == [0, 1, 2]
    assert list(read(written(tmp_path, players()), group=None).labels) == [0, 1, 2]


def test_aggregating_adds_up_the_rows_of_a_name_in_order_of_appearance() -> None:
    data = {"player": ["b", "a", "b", "c"], "hits": [1, 2, 3, 4], "at_bats": [10, 20, 30, 40]}
    table = read(data, aggregate=True)
    assert list(table.labels) == ["b", "a", "c"]
    np.testing.assert_array_equal(table.successes, [4, 2, 4])
    np.testing.assert_array_equal(table.trials, [40, 20, 40])


def test_aggregating_names_that_are_unique_changes_nothing() -> None:
    same(read(players(), aggregate=True))


def test_new_groups_stand_after_the_rest() -> None:
    table = read(players(), new_groups={"rookie": (0, 4), "unseen": (0, 0)})
    assert list(table.labels) == ["Ann", "Bob", "Cy", "rookie", "unseen"]
    np.testing.assert_array_equal(table.successes, [1, 2, 3, 0, 0])
    np.testing.assert_array_equal(table.trials, [4, 5, 6, 4, 0])
    assert table.successes.dtype == table.trials.dtype == np.int64
