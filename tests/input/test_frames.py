"""What an analyst hands over in place of a frame is read by its labels, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

from hierpool.input.frames import is_table
from hierpool.input.table import InputError, Table, read_table

NAMES, HITS, AT_BATS = ["Ann", "Bob", "Cy"], [1, 2, 3], [4, 5, 6]


def read(table: Any, **arguments: Any) -> Table:
    columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
    return read_table(table, **(columns | arguments))


def rows(table: Table) -> list[tuple[Any, int, int]]:
    return list(zip(table.labels.tolist(), table.successes, table.trials, strict=True))


RIGHT = list(zip(NAMES, HITS, AT_BATS, strict=True))


def series(values: list[int], names: list[str]) -> pd.Series:
    return pd.Series(values, index=pd.Index(names, name="player"))


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {"hits": ("player", HITS), "at_bats": ("player", AT_BATS), "other": ("city", [1.5, 2.5])},
        coords={"player": NAMES, "team": ("player", ["x", "y", "z"])},
    )


def test_what_is_masked_is_missing() -> None:
    mask = [False, False, True]
    table = {"player": NAMES, "hits": HITS, "at_bats": np.ma.array([4, 5, 1000], mask=mask)}
    for same in (table, pd.DataFrame(table)):
        with pytest.raises(InputError, match=r"at_bats must not be missing: group 'Cy' has none"):
            read(same)
    table = {"player": np.ma.array(NAMES, mask=mask), "hits": HITS, "at_bats": AT_BATS}
    with pytest.raises(InputError, match=r"needs a name in column 'player': group '2'"):
        read(table)


def test_a_masked_array_without_a_mask_is_an_array() -> None:
    table = {"player": np.ma.array(NAMES), "hits": np.ma.array(HITS), "at_bats": AT_BATS}
    assert rows(read(table)) == RIGHT


def test_series_are_joined_by_their_labels_whatever_their_order() -> None:
    shuffled = series([6, 4, 5], ["Cy", "Ann", "Bob"])
    for group in ("player", None):
        table = read({"hits": series(HITS, NAMES), "at_bats": shuffled}, group=group)
        assert rows(table) == RIGHT


def test_series_of_one_index_keep_its_names() -> None:
    table = {"hits": series(HITS, NAMES), "at_bats": series(AT_BATS, NAMES)}
    assert rows(read(table, group=None)) == RIGHT
    # Arrays stand beside them in their order.
    assert rows(read(table | {"player": np.array(["x", "y", "z"])}))[0] == ("x", 1, 4)


UNALIKE = {
    "a label that one lacks": (
        {"hits": series(HITS, NAMES), "at_bats": series([6, 4, 5], ["Cy", "Ann", "Dee"])},
        r"'hits' and 'at_bats' have different indexes.*'at_bats' has no value for label 'Bob'",
    ),
    "fewer labels": (
        {"hits": series(HITS, NAMES), "at_bats": series([6, 4], ["Cy", "Ann"])},
        r"'at_bats' has no value for label 'Bob'",
    ),
    "more labels": (
        {"hits": series([1, 2], ["Cy", "Ann"]), "at_bats": series(AT_BATS, NAMES)},
        r"'hits' has no value for label 'Bob'",
    ),
    "numbers for one and text for the other": (
        {"hits": series(HITS, NAMES), "at_bats": pd.Series(AT_BATS)},
        r"'at_bats' has no value for label 'Ann'",
    ),
    "a label twice": (
        {
            "hits": series(HITS, ["Ann", "Ann", "Bob"]),
            "at_bats": series(AT_BATS, ["Ann", "Bob", "Ann"]),
        },
        r"'hits' has label 'Ann' twice",
    ),
    "other orders, and an array": (
        {
            "hits": series(HITS, NAMES),
            "at_bats": series(AT_BATS, NAMES[::-1]),
            "player": np.array(NAMES),
        },
        r"labels in different orders, and 'player' has no labels",
    ),
}


@pytest.mark.parametrize(("table", "message"), UNALIKE.values(), ids=UNALIKE.keys())
def test_series_that_cannot_be_joined_are_refused(table: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(table, group="player" if "player" in table else None)


def test_a_dataset_keeps_its_names() -> None:
    assert rows(read(dataset())) == rows(read(dataset(), group=None)) == RIGHT
    assert rows(read(dataset(), group="team"))[2] == ("z", 3, 6)


def test_data_arrays_of_a_mapping_are_joined_by_their_labels() -> None:
    data = dataset()
    table = {"hits": data["hits"], "at_bats": data["at_bats"][::-1]}
    assert rows(read(table, group=None)) == RIGHT


def test_a_column_that_a_dataset_lacks_is_told_with_its_coordinates() -> None:
    with pytest.raises(InputError, match=r"no column 'nobody'; it has 'hits', .*'player', 'team'"):
        read(dataset(), group="nobody")


def test_variables_of_a_dataset_along_another_dimension_are_refused() -> None:
    with pytest.raises(InputError, match=r"'other' has no value for label 'Ann'"):
        read(dataset(), trials="other", group=None)


def test_a_matrix_with_named_columns_is_a_frame() -> None:
    matrix = xr.DataArray(
        np.transpose([HITS, AT_BATS]),
        dims=("player", "column"),
        coords={"player": NAMES, "column": ["hits", "at_bats"]},
    )
    assert rows(read(matrix, group=None)) == RIGHT


@pytest.mark.parametrize("bad", [dataset()["hits"], pd.Series(HITS)])
def test_a_single_column_is_no_table(bad: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(bad).__name__}"):
        read(bad)


def test_an_arrow_table_is_a_frame() -> None:
    table = pa.table({"player": NAMES, "hits": HITS, "at_bats": AT_BATS})
    assert rows(read(table)) == RIGHT
    with pytest.raises(InputError, match=r"hits must not be missing: group 'Bob'"):
        read(pa.table({"player": NAMES, "hits": [1, None, 3], "at_bats": AT_BATS}))


def test_a_level_of_the_index_stands_for_a_column() -> None:
    frame = pd.DataFrame({"player": NAMES, "hits": HITS, "at_bats": AT_BATS, "team": [1, 1, 2]})
    assert rows(read(frame.set_index("player"))) == RIGHT
    table = read(frame.set_index(["team", "player"]), by="team")
    assert rows(table) == RIGHT and table.data_sets is not None
    assert list(table.data_sets) == [1, 2]


def test_an_index_of_several_levels_names_no_group_by_itself() -> None:
    frame = pd.DataFrame({"player": NAMES, "hits": HITS, "at_bats": AT_BATS, "team": [1, 1, 2]})
    with pytest.raises(InputError, match=r"The index has 2 levels: name one of them"):
        read(frame.set_index(["team", "player"]), group=None)


def test_columns_of_several_levels_are_named_whole() -> None:
    frame = pd.DataFrame(
        [[1, 4], [2, 5]],
        columns=pd.MultiIndex.from_tuples([("hits", "home"), ("hits", "away")]),
    )
    table = read(frame, successes=("hits", "home"), trials=("hits", "away"), group=None)
    assert table.trials.tolist() == [4, 5]
    with pytest.raises(InputError, match=r"no columns 'hits' and 'at_bats'"):
        read(frame, group=None)


def test_columns_may_be_called_by_numbers() -> None:
    table = read(pd.DataFrame([["Ann", 1, 4]]), successes=1, trials=2, group=0)
    assert rows(table) == RIGHT[:1]


def test_all_columns_that_are_missing_are_told_at_once() -> None:
    message = r"no columns 'hit' and 'at_bat'; .*Did you mean 'hits' and 'at_bats'\?"
    frame = pd.DataFrame({"player": NAMES, "hits": HITS, "at_bats": AT_BATS})
    with pytest.raises(InputError, match=message):
        read(frame, successes="hit", trials="at_bat")


def test_a_number_in_place_of_a_column_is_told_how_to_become_one() -> None:
    frame = pd.DataFrame({"player": NAMES, "at_bats": AT_BATS})
    message = r"no column 3; .*if every group has 3, add it as one, frame\.assign\(successes=3\)"
    with pytest.raises(InputError, match=message):
        read(frame, successes=3)


@pytest.mark.parametrize("bad", [AT_BATS, np.array(AT_BATS), pd.Series(AT_BATS)])
def test_numbers_in_place_of_a_columns_name_are_a_type_error(bad: Any) -> None:
    frame = pd.DataFrame({"player": NAMES, "hits": HITS})
    with pytest.raises(TypeError, match=r"trials must be a column name, not"):
        read(frame, trials=bad)


def test_columns_that_are_not_asked_for_are_not_looked_at() -> None:
    table = {"player": NAMES, "hits": HITS, "at_bats": AT_BATS, "notes": [["long"], "x"]}
    assert rows(read(table)) == RIGHT


def test_a_text_that_is_no_unicode_is_refused() -> None:
    table = {"player": ["Ann", "\ud800", "Cy"], "hits": HITS, "at_bats": AT_BATS}
    with pytest.raises(InputError, match=r"\\ud800"):
        read(table)


def test_parquet_is_read_as_it_is_typed(tmp_path: Path) -> None:
    frame = pd.DataFrame({"player": [7, 8, 9], "hits": HITS, "at_bats": AT_BATS})
    frame.to_parquet(tmp_path / "table.parquet")
    frame.to_parquet(tmp_path / "no suffix")
    for name in ("table.parquet", "no suffix"):
        table = read(tmp_path / name)
        assert table.labels.tolist() == [7, 8, 9] and table.labels.dtype == np.int64
        assert table.successes.tolist() == HITS
    with pytest.raises(InputError, match=r"table\.parquet has no column 'hit'"):
        read(tmp_path / "table.parquet", successes="hit")


def test_a_damaged_parquet_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"player": NAMES, "hits": HITS, "at_bats": AT_BATS}).to_parquet(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"player,hits\n", b"PAR1" + whole[40:]):
        path.write_bytes(damaged)
        with pytest.raises(
            InputError, match=r"table\.parquet can't be read as a Parquet file"
        ) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_path_and_a_frame_are_tables_and_a_mapping_of_counts_is_none() -> None:
    assert is_table("new.csv") and is_table(Path("new.csv"))
    assert is_table(pd.DataFrame()) and is_table(pa.table({})) and is_table(xr.Dataset())
    assert not is_table({"rookie": (0, 4)}) and not is_table([("rookie", 0, 4)])
