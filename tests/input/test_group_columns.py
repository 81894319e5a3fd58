"""Groups that several columns name."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hierpool as hp
from hierpool.input.labels import TAKEN
from hierpool.input.table import InputError, Table, read_table
from hierpool.models.catalogue import CATALOGUE

STORES = pd.DataFrame(
    {
        "region": ["north", "north", "south", "south"],
        "store": [1, 2, 1, 2],
        "y": [3, 4, 5, 6],
        "n": [10, 11, 12, 13],
    }
)
JOINED = STORES.assign(label=STORES["region"] + ", " + STORES["store"].astype(str))
BOTH: list[Any] = ["region", "store"]


def read(frame: Any = STORES, **arguments: Any) -> Table:
    given: dict[str, Any] = {"successes": "y", "trials": "n", "group": BOTH}
    return read_table(frame, **(given | arguments))


def fit(frame: Any = STORES, **arguments: Any) -> xr.DataTree:
    """Returns draws in closed form: no chain is run."""
    given: dict[str, Any] = {"successes": "y", "trials": "n", "group": BOTH, "model": "none"}
    return hp.fit(frame, **(given | arguments), inference=hp.NUTS(num_chains=2, num_draws=64))


def equal(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Fails unless two tables have the same numbers, apart from the columns of the groups."""
    pd.testing.assert_frame_equal(one.drop(columns=BOTH), other)


def test_several_columns_are_one_joined_label_in_every_number() -> None:
    labelled: dict[str, Any] = {"successes": "y", "trials": "n", "group": "label"}
    apart = hp.estimate(STORES, "y", "n", group=BOTH)
    equal(apart.groups, hp.estimate(JOINED, **labelled).groups)
    several, joined = fit(), fit(JOINED, **labelled)
    plain = several["posterior"].to_dataset().drop_vars(BOTH)
    xr.testing.assert_equal(plain, joined["posterior"].to_dataset())
    assert several.attrs["data_sha256"] == joined.attrs["data_sha256"]
    equal(hp.summarize(several).groups, hp.summarize(joined).groups)
    equal(
        hp.empirical_bayes(STORES, "y", "n", group=BOTH).groups,
        hp.empirical_bayes(JOINED, **labelled).groups,
    )
    pd.testing.assert_frame_equal(hp.rank(several).groups, hp.rank(joined).groups)


def test_the_columns_of_the_answers_are_those_of_the_frame() -> None:
    for groups in (
        hp.estimate(STORES, "y", "n", group=BOTH, prob=None).groups,
        hp.summarize(fit()).groups,
    ):
        assert list(groups.columns[:2]) == BOTH
        merged = STORES.merge(groups, on=BOTH)
        np.testing.assert_array_equal(merged["successes"], STORES["y"])
        np.testing.assert_array_equal(merged["trials"], STORES["n"])


def test_a_file_of_a_fit_keeps_the_columns_apart_and_in_their_types(tmp_path: Path) -> None:
    days = STORES.assign(region=pd.to_datetime(["2020-01-01"] * 2 + ["2021-01-01"] * 2))
    for frame in (STORES, days):
        tree = fit(frame)
        for child in tree.children.values():
            if "groups" in child.dims:
                assert child["region"].dims == child["store"].dims == ("groups",)
        hp.save(tree, tmp_path / "fit.nc", force=True)
        loaded = hp.load(tmp_path / "fit.nc")
        xr.testing.assert_equal(loaded, tree)
        pd.testing.assert_frame_equal(hp.summarize(loaded).groups, hp.summarize(tree).groups)
        assert loaded["posterior"]["store"].dtype == np.int64


def test_groups_without_trials_are_left_out_of_the_log_likelihood_with_their_values() -> None:
    tree = fit(STORES.assign(y=[0, 4, 5, 6], n=[0, 11, 12, 13]))
    assert tree["log_likelihood"]["region"].values.tolist() == ["north", "south", "south"]


def test_a_sorted_tree_keeps_each_group_with_its_values() -> None:
    tree = fit()
    order = [3, 1, 0, 2]
    children = {name: child.to_dataset() for name, child in tree.children.items()}
    shuffled = xr.DataTree.from_dict(
        {
            name: child.isel({"groups": order}, missing_dims="ignore")
            for name, child in children.items()
        }
    )
    shuffled.attrs = tree.attrs
    groups = hp.summarize(shuffled).groups
    assert groups.index.tolist() == ["south, 2", "north, 2", "north, 1", "south, 1"]
    pd.testing.assert_frame_equal(groups.sort_index(), hp.summarize(tree).groups)


def test_rows_are_added_up_by_all_columns() -> None:
    twice = pd.concat([STORES, STORES])
    once = read()
    table = read(twice, aggregate=True)
    np.testing.assert_array_equal(table.trials, 2 * once.trials)
    for name, values in once.group_columns.items():
        np.testing.assert_array_equal(table.group_columns[name], values)
    with pytest.raises(InputError, match=r"name of its own in columns 'region' and 'store'; .*: "):
        read(twice)


def test_a_list_of_one_column_is_that_column() -> None:
    one, other = read(JOINED, group=["label"]), read(JOINED, group="label")
    np.testing.assert_array_equal(one.labels, other.labels)
    assert not one.group_columns and not other.group_columns


@pytest.mark.parametrize("name", [("west", 9), ("west", "9"), "west, 9"])
def test_a_new_group_has_a_value_in_each_column(name: Any) -> None:
    table = read(new_groups={name: (0, 4)})
    assert table.labels.tolist()[-1] == "west, 9"
    assert table.group_columns["region"].tolist()[-1] == "west"
    assert table.group_columns["store"].tolist() == [1, 2, 1, 2, 9]
    assert dict(table.new_groups) == {"west, 9": (0, 4)}


def test_a_new_group_may_have_a_value_of_another_kind() -> None:
    tree = fit(new_groups={"west, airport": (0, 4)})
    assert tree["posterior"]["store"].values.tolist() == ["1", "2", "1", "2", "airport"]


def test_a_file_has_groups_of_several_columns(tmp_path: Path) -> None:
    path = tmp_path / "stores.csv"
    STORES.to_csv(path, index=False)
    table = read(path, new_groups={"west, 9": (0, 4)})
    assert table.group_columns["store"].tolist() == ["1", "2", "1", "2", "9"]


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a bad value": (
        STORES.assign(y=[3, 40, 5, 6]),
        {},
        r"y must not exceed n: group 'north', '2' has 40 of 11",
    ),
    "no name": (
        STORES.assign(store=pd.array([1, None, 1, 2], dtype="Int64")),
        {},
        # Nothing else: a row without a name does not repeat the name of another.
        r"^Every group needs a name in column 'store': group '1' has no name\.$",
    ),
    "one label of two groups": (
        STORES.assign(region=["a", "a, b", "c", "d"], store=["b, c", "c", "x", "x"]),
        {},
        r"Groups \('a', 'b, c'\) and \('a, b', 'c'\) would both be called 'a, b, c'",
    ),
    "a tuple": (STORES, {"group": ("region", "store")}, r"as a list: group=\['region', 'store'\]"),
    "a column twice": (STORES, {"group": ["store", "store"]}, r"group names column 'store' twice"),
    "no columns": (STORES, {"group": []}, r"group names no column"),
    "a column of answers": (
        STORES.rename(columns={"store": "mean"}),
        {"group": ["region", "mean"]},
        r"Rename column 'mean' of the groups: its name is a name that answers have",
    ),
    "a slash": (
        STORES.rename(columns={"store": "a/b"}),
        {"group": ["region", "a/b"]},
        r"Rename column 'a/b' of the groups: its name holds a slash",
    ),
    "by and group": (STORES, {"by": "region"}, r"Both group and by name column 'region'"),
    "too few values of a new group": (
        STORES,
        {"new_groups": {"west": (0, 4)}},
        r"New group 'west' needs a value for each of region, store: name it by the tuple",
    ),
    "a new group twice": (
        STORES,
        {"new_groups": {("west", 9): (0, 4), "west, 9": (0, 0)}},
        r"Two new groups are called 'west, 9'",
    ),
    "a new group with an old name": (
        STORES,
        {"new_groups": {("north", 2): (0, 4)}},
        r"New group 'north, 2' has the name of a group of the table",
    ),
}


@pytest.mark.parametrize(("data", "arguments", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_with_several_columns_is_refused(
    data: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data, **arguments)
    assert "\n" not in str(caught.value)


def test_no_column_of_groups_has_the_name_of_a_column_of_an_answer() -> None:
    columns = set(hp.estimate(STORES, "y", "n", group=BOTH).groups.columns) - {*BOTH}
    columns |= {"y", "n", *fit()["posterior"].dims, "theta"}
    columns |= {name for entry in CATALOGUE.values() for name in entry.parameters}
    assert columns <= TAKEN
