"""Names of groups stay what they are, are found again, and join the user's own table."""

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hierpool as hp
from hierpool.input.labels import find, texts
from hierpool.input.table import InputError, Table, read_table

DAYS = ["2021-03-01", "2020-01-02", "2020-01-03"]
IDS: dict[str, Any] = {
    "text": ["c", "a", "b"],
    "integers": [103, 101, 102],
    "small integers": np.array([103, 101, 102], np.uint8),
    "hashes of 64 bits": np.array([2**64 - 1, 2**53 + 1, 2**53], np.uint64),
    "negative integers": [-(2**63), 0, 2**63 - 1],
    "nullable integers": pd.array([103, 101, 102], dtype="Int64"),
    "integers among objects": pd.Series([103, 101, 102], dtype=object),
    "categories of integers": pd.Categorical([103, 101, 102]),
    "categories of text": pd.Categorical(["c", "a", "b"]),
    "pandas' text": pd.array(["c", "a", "b"], dtype="string"),
    "floats": [103.0, 101.5, 102.0],
    "floats of 32 bits": np.array([0.1, 0.2, 0.3], np.float32),
    "days": pd.to_datetime(DAYS),
    "seconds": np.array(DAYS, "datetime64[s]"),
    "nanoseconds": pd.to_datetime([f"{day} 00:00:00.000000001" for day in DAYS]),
}
# pandas itself joins no column of Python's times to any index.
TIMES = pd.Series([dt.datetime.fromisoformat(day) for day in DAYS], dtype=object)
every_kind = pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
COLUMNS: dict[str, Any] = {"successes": "y", "trials": "n", "group": "id"}


def frame(ids: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "y": [1, 2, 3], "n": [10, 20, 30], "extra": [7, 8, 9]})


def read(ids: Any, **arguments: Any) -> Table:
    return read_table(frame(ids), **(COLUMNS | arguments))


def fit(data: pd.DataFrame, **arguments: Any) -> xr.DataTree:
    """Returns draws in closed form: no chain is run."""
    inference = hp.NUTS(num_chains=2, num_draws=64)
    return hp.fit(data, **(COLUMNS | arguments), model="none", inference=inference)


def joins(data: pd.DataFrame, answer: pd.DataFrame, column: str, want: Any) -> None:
    """Fails unless each row of the user's frame finds its own group in an answer."""
    shuffled = data.sample(frac=1, random_state=1)
    got = shuffled.join(answer[column].rename("answer"), on="id")["answer"].sort_index()
    np.testing.assert_array_equal(got, want)


@every_kind
def test_answers_to_a_table_join_the_frame(ids: Any) -> None:
    data = frame(ids)
    table = hp.empirical_bayes(data, **COLUMNS).groups
    joins(data, table, "trials", [10, 20, 30])


@every_kind
def test_answers_to_a_fit_and_to_its_file_join_the_frame(ids: Any, tmp_path: Path) -> None:
    data = frame(ids)
    tree = fit(data)
    hp.save(tree, tmp_path / "fit.nc")
    loaded = hp.load(tmp_path / "fit.nc")
    rate = [1 / 10, 2 / 20, 3 / 30]
    for one in (tree, loaded):
        joins(data, hp.summarize(one).groups, "rate", rate)
        joins(data, hp.predict(one, trials=5), "trials", [5, 5, 5])
        joins(data, hp.rank(one).groups.assign(row=[0, 1, 2]), "row", [0, 1, 2])
        # By name, as the user's own frame has them, in any order.
        later = data.set_index("id")["extra"].iloc[::-1]
        table = hp.score(one, successes=later - 1, trials=later).groups
        joins(data, table, "trials", [7, 8, 9])
    np.testing.assert_array_equal(
        loaded["posterior"]["groups"].values, tree["posterior"]["groups"].values
    )


@every_kind
def test_a_group_is_found_by_its_own_name_and_by_its_text(ids: Any) -> None:
    labels = read(ids).labels
    own = list(frame(ids)["id"])
    np.testing.assert_array_equal(find(labels, own[::-1]), [2, 1, 0])
    np.testing.assert_array_equal(find(labels, texts(labels)), [0, 1, 2])
    np.testing.assert_array_equal(
        find(labels, [*own[:1], "nobody", *texts(labels)[1:]]), [0, -1, 1, 2]
    )
    np.testing.assert_array_equal(find(labels, ["nobody"]), [-1])


def test_times_are_found_however_they_are_written() -> None:
    labels = read(IDS["days"]).labels
    asked = [
        "2020-01-02",
        "2020-01-02T00:00:00",
        dt.datetime(2020, 1, 2),
        np.datetime64("2020-01-02"),
    ]
    np.testing.assert_array_equal(find(labels, TIMES), [0, 1, 2])
    np.testing.assert_array_equal(labels, read(TIMES).labels)
    for name in asked:
        assert find(labels, [name]) == [1], name
    np.testing.assert_array_equal(find(labels, ["2020", "2020-01-04", 5, None]), [-1] * 4)


def test_true_and_false_name_groups() -> None:
    data = frame([True, False, True]).iloc[:2]
    tree = fit(data)
    joins(data, hp.summarize(tree).groups, "rate", [0.1, 0.1])
    np.testing.assert_array_equal(find(read_table(data, **COLUMNS).labels, [False, "True"]), [1, 0])


def test_numbers_of_whole_floats_find_integers() -> None:
    # As ids are after a join that left some out.
    labels = read([103, 101, 102]).labels
    np.testing.assert_array_equal(find(labels, [101.0, 101.5, "103"]), [1, -1, 0])


def test_the_tree_selects_a_group_by_its_own_name() -> None:
    tree = fit(frame([103, 101, 102]))
    assert int(tree["constant_data"]["n"].sel(groups=101)) == 20


def test_the_text_of_a_name_does_not_depend_on_the_width_of_its_type() -> None:
    for one, other in (("int64", "uint8"), ("datetime64[s]", "datetime64[ns]")):
        values = np.array([7, 8]).astype(one)
        assert texts(values) == texts(values.astype(other))


REFUSED: dict[str, tuple[Any, str]] = {
    "bytes": ([b"a", b"b", b"c"], r"text, numbers or times, and column 'id' holds bytes, as"),
    "dates": ([dt.date(2020, 1, day) for day in (1, 2, 3)], r"holds date, as '2020-01-01'"),
    "durations": (pd.to_timedelta([1, 2, 3]), r"holds Timedelta"),
    "tuples": (pd.Series([(1, 2), (1, 3), (1, 4)]), r"holds tuple, as '\(1, 2\)'"),
    "times with a zone": (pd.to_datetime(DAYS).tz_localize("UTC"), r"time zone.*tz_localize\(None"),
    "times of long ago": (
        np.array(["1066-10-14", *DAYS[1:]], "datetime64[s]"),
        r"between 1678 and",
    ),
    "integers beyond 64 bits": ([2**70, 1, 2], r"64 bits at most, and column 'id' holds longer"),
    "NUL characters": (["a", "b\0", "c"], r"column 'id' holds 'b\\x00'"),
    "a missing integer": ([1, None, 3], r"needs a name in column 'id': group '1' has no name"),
    "a missing time": (pd.to_datetime([*DAYS[:2], None]), r"group '2' has no name"),
}


@pytest.mark.parametrize(("ids", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_file_can_keep_is_no_name(ids: Any, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=f"(?i){message}"):
            read(ids)


MIXED = pd.Series([101, "a", 102], dtype=object)


def test_names_of_two_kinds_join_where_nothing_is_kept_in_a_file() -> None:
    data = frame(MIXED)
    joins(data, hp.empirical_bayes(data, **COLUMNS).groups, "trials", [10, 20, 30])


def test_names_of_two_kinds_are_refused_in_a_fit() -> None:
    message = r"of one kind to be kept in a fit, and are int and str: name new groups as the"
    with pytest.raises(InputError, match=message):
        fit(frame(MIXED))
    with pytest.raises(InputError, match=message):
        fit(frame([103, 101, 102]), new_groups={"rookie": (0, 4)})


def test_a_new_group_has_a_name_of_the_others_kind() -> None:
    new: dict[Any, Any] = {104: (np.int64(0), np.float64(4.0))}
    tree = fit(frame([103, 101, 102]), new_groups=new)
    assert tree["posterior"]["groups"].values.tolist() == [103, 101, 102, 104]
    assert tree["constant_data"]["n"].values.tolist() == [10, 20, 30, 4]
    day = pd.Timestamp("2022-01-01")
    table = read(IDS["days"], new_groups={day: (0, 4)})
    assert table.labels.dtype == "datetime64[ns]" and pd.Timestamp(table.labels[3]) == day


@pytest.mark.parametrize("same", [101, 101.0, "101", np.uint8(101)])
def test_a_new_group_is_not_called_as_another_in_any_type(same: Any) -> None:
    with pytest.raises(InputError, match=r"New group '101(\.0)?' has the name of a group"):
        read([103, 101, 102], new_groups={same: (0, 4)})


def test_a_new_group_of_the_command_line_is_a_number_where_the_others_are() -> None:
    # There all names are text.
    table = read([103, 101, 102], new_groups={"104": (0, 4), "007": (0, 4), "1_0": (0, 4)})
    assert table.labels.tolist() == [103, 101, 102, 104, "007", "1_0"]
    assert read([103.0, 101.5, 102.0], new_groups={"104.5": (0, 4)}).labels[3] == 104.5
    assert read(IDS["small integers"], new_groups={"300": (0, 4)}).labels.tolist()[3] == "300"
    with pytest.raises(InputError, match=r"Two new groups are called '104'"):
        read([103, 101, 102], new_groups={"104": (0, 4), 104: (0, 4)})


def test_numbers_of_rows_become_text_beside_a_name() -> None:
    data = frame([103, 101, 102])
    tree = fit(data, group=None, new_groups={"rookie": (0, 4)})
    assert tree["posterior"]["groups"].values.tolist() == ["0", "1", "2", "rookie"]
    numbered = fit(data, group=None)
    assert numbered["posterior"]["groups"].values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("more", [{}, {"one_kind": True}], ids=["answers", "fits"])
def test_numbers_in_a_file_become_text_beside_a_name(tmp_path: Path, more: Any) -> None:
    path = tmp_path / "table.parquet"
    frame([103, 101, 102]).to_parquet(path)
    new = {"rookie": (0, 4)}
    table = read_table(path, **COLUMNS, new_groups=new, **more)
    assert table.labels.tolist() == ["103", "101", "102", "rookie"]
    assert read_table(path, **COLUMNS, **more).labels.tolist() == [103, 101, 102]


def test_newcomers_to_a_fit_of_integers_may_have_names_of_text() -> None:
    tree = fit(frame([103, 101, 102]))
    table = hp.new_groups(tree, {"rookie": (0, 4), 104: (0, 0)})
    assert table.index.tolist() == ["rookie", 104]
    table = hp.predict(tree, trials=5, new_groups={"rookie": (0, 4)})
    assert table.index.tolist() == [103, 101, 102, "rookie"]
    joins(frame([103, 101, 102]), table, "trials", [5, 5, 5])
    with pytest.raises(InputError, match=r"must be of one kind to be kept in a fit"):
        hp.add_predictions(tree, trials=5, new_groups={"rookie": (0, 4)})


def test_totals_beyond_the_largest_count_are_refused_and_never_come_round() -> None:
    # In int64 2,048 rows of 2^53 add up to 0.
    table = {"id": ["a"] * 2048 + ["b"], "y": [2**53] * 2048 + [1], "n": [2**53] * 2048 + [2]}
    message = r"The total of n in a group must not exceed 2\^53 = 9007199254740992: group 'a'"
    with pytest.raises(InputError, match=message):
        read_table(table, **COLUMNS, aggregate=True)
    with pytest.raises(InputError, match=message):
        read_table({"id": ["a", "a"], "y": [0, 0], "n": [2**53, 1]}, **COLUMNS, aggregate=True)
    with pytest.raises(InputError, match=r"The total of n exceeds 2\^53"):
        read_table({"id": ["a", "b"], "y": [0, 0], "n": [2**53, 1]}, **COLUMNS)
    whole = read_table(
        {"id": ["a", "a"], "y": [0, 0], "n": [2**53 - 1, 1]}, **COLUMNS, aggregate=True
    )
    assert whole.trials.tolist() == [2**53]


def test_a_column_of_data_sets_is_named_once() -> None:
    with pytest.raises(InputError, match=r"by names column 'extra' twice"):
        read([103, 101, 102], by=["extra", "extra"])
