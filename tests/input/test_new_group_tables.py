"""Groups to add may be a table with the same columns."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
import xarray as xr
from three_players import players, read, written

import hierpool as hp
from hierpool.input.table import InputError, Table

NEW: dict[str, Any] = {"player": ["rookie", "unseen"], "hits": [0, 0], "at_bats": [4, 0]}
BY_NAME: Any = {"rookie": (0, 4), "unseen": (0, 0)}


def same(one: Table, other: Table) -> None:
    assert one.labels.tolist() == other.labels.tolist()
    assert one.counts.successes.tolist() == other.counts.successes.tolist()
    assert one.counts.trials.tolist() == other.counts.trials.tolist()
    assert dict(one.new_groups) == dict(other.new_groups)


def test_a_table_of_new_groups_is_the_same_as_their_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(NEW)
    dataset = xr.Dataset({name: ("row", values) for name, values in NEW.items()})
    path = written(tmp_path, NEW)
    for new in (frame, pl.DataFrame(NEW), pl.LazyFrame(NEW), dataset, path, str(path)):
        same(read(players(), new_groups=new), read(players(), new_groups=BY_NAME))


def test_a_table_of_new_groups_is_read_as_the_other_is() -> None:
    columns: dict[str, Any] = {"trials": None, "failures": "outs"}
    data, new = players(outs=[3, 3, 3]), pd.DataFrame(NEW).rename(columns={"at_bats": "outs"})
    same(
        read(data, **columns, new_groups=new),
        read(data, **columns, new_groups=BY_NAME),
    )
    events = {"player": ["rookie"] * 4, "hits": [False] * 4}
    old = {"player": ["Ann", "Ann", "Bob"], "hits": [True, False, True]}
    table = read(old, trials=None, new_groups=pd.DataFrame(events))
    assert table.labels.tolist() == ["Ann", "Bob", "rookie"] and table.trials.tolist() == [2, 1, 4]


def test_new_groups_of_several_columns_are_named_in_their_columns() -> None:
    teams = players(team=["x", "y", "x"])
    new = pd.DataFrame(NEW).assign(team=["x", "z"])
    table = read(teams, group=["team", "player"], new_groups=new)
    assert table.labels.tolist()[3:] == ["x, rookie", "z, unseen"]
    assert table.group_columns["team"].tolist() == ["x", "y", "x", "x", "z"]


def test_a_fit_records_the_groups_of_a_table() -> None:
    inference = hp.NUTS(num_chains=2, num_draws=64)
    columns: dict[str, Any] = {"successes": "hits", "trials": "at_bats", "group": "player"}
    trees = [
        hp.fit(players(), **columns, model="none", inference=inference, new_groups=new)
        for new in (pd.DataFrame(NEW), BY_NAME)
    ]
    xr.testing.assert_equal(*trees)
    assert trees[0].attrs["new_groups"] == trees[1].attrs["new_groups"]


BAD: dict[str, tuple[Any, str]] = {
    "a bad count": (
        pd.DataFrame(NEW | {"hits": [5, 0]}),
        r"^New groups: hits must not exceed at_bats: group 'rookie' has 5 of 4\.$",
    ),
    "a missing column": (
        pd.DataFrame(NEW).rename(columns={"hits": "hit"}),
        r"^New groups: The table has no column 'hits'; .*Did you mean 'hit'\?",
    ),
    "a name twice": (
        pd.DataFrame(NEW | {"player": ["rookie", "rookie"]}),
        r"^New groups: Every group needs a name of its own .*group 'rookie' has the name of",
    ),
    "an old name": (
        pd.DataFrame(NEW | {"player": ["rookie", "Bob"]}),
        r"New group 'Bob' has the name of a group of the table",
    ),
    "a mapping of columns": (NEW, r"'hits' is a column: pass the columns as a data frame"),
}


@pytest.mark.parametrize(("new", "message"), BAD.values(), ids=BAD.keys())
def test_a_table_of_new_groups_is_checked_alone(new: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(players(), new_groups=new)


def test_a_table_of_new_groups_belongs_to_no_data_set() -> None:
    with pytest.raises(InputError, match=r"New groups can't be assigned to a data set"):
        read(players(year=[1, 1, 2]), by="year", new_groups=pd.DataFrame(NEW))
