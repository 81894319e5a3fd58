"""Frames of other libraries are read as those of pandas, lazy or not."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hierpool.input.table import InputError, Table, read_table

COLUMNS: dict[str, Any] = {"player": ["Ann", "Bob", "Cy"], "hits": [1, 2, 3], "at_bats": [4, 5, 6]}
MAKE: dict[str, Callable[[Any], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy polars": pl.LazyFrame,
    "arrow": pa.table,
}
every_library = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())


def read(frame: Any, **arguments: Any) -> Table:
    columns: dict[str, Any] = {"successes": "hits", "trials": "at_bats", "group": "player"}
    return read_table(frame, **(columns | arguments))


def rows(table: Table) -> list[tuple[Any, int, int]]:
    counts = zip(table.successes.tolist(), table.trials.tolist(), strict=True)
    return [(label, *pair) for label, pair in zip(table.labels.tolist(), counts, strict=True)]


TABLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "counts": ({}, {}),
    "floats": ({"hits": [1.0, 2.0, 3.0]}, {}),
    "events": ({"hits": [True, False, True], "player": ["a", "b", "a"]}, {"trials": None}),
    "one number": ({}, {"trials": 7}),
    "failures": ({}, {"trials": None, "failures": "at_bats"}),
    "numbers as names": ({"player": [7, 8, 2**62 + 1]}, {}),
    "times as names": ({"player": [dt.datetime(2020, 1, day) for day in (1, 2, 3)]}, {}),
    "decimals": ({"hits": [Decimal("1.0"), Decimal("2.0"), Decimal("3.0")]}, {}),
    "row numbers": ({}, {"group": None}),
    "several columns": ({"team": ["x", "y", "x"]}, {"group": ["team", "player"]}),
    "counts near the largest": ({"at_bats": [2**53 - 3, 1, 2], "hits": [1, 1, 2]}, {}),
}


@every_library
@pytest.mark.parametrize(("changes", "arguments"), TABLES.values(), ids=TABLES.keys())
def test_a_table_is_the_same_in_every_library(
    make: Callable[[Any], Any], changes: dict[str, Any], arguments: dict[str, Any]
) -> None:
    data = COLUMNS | changes
    one, other = read(make(data), **arguments), read(pd.DataFrame(data), **arguments)
    assert rows(one) == rows(other)
    assert one.labels.dtype == other.labels.dtype


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a missing count": ({"hits": [1, None, 3]}, {}, r"hits must not be missing: group 'Bob'"),
    "a fraction": (
        {"hits": [1.0, 2.5, 3.0]},
        {},
        r"hits must be whole numbers: group 'Bob' has 2\.5",
    ),
    "text": ({"hits": ["1", "two", "3"]}, {}, r"hits must be whole numbers: group 'Bob' has 'two'"),
    "a negative count": ({"hits": [1, -2, 3]}, {}, r"hits must not be negative: group 'Bob'"),
    "past 2^53": ({"at_bats": [4, 2**53 + 1, 6]}, {}, r"must not exceed 2\^53 .* 9007199254740993"),
    "a missing event": (
        {"hits": [True, None, False]},
        {"trials": None},
        r"hits must not be missing: group 'Bob' \(row 1\)",
    ),
    "a missing name": ({"player": ["Ann", None, "Cy"]}, {}, r"needs a name in column 'player'"),
    "times with a zone as names": (
        {"player": [dt.datetime(2020, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3)]},
        {},
        r"can't have a time zone in a file, and those of column 'player' have",
    ),
    "a name twice": ({"player": ["Ann", "Bob", "Ann"]}, {}, r"group 'Ann' has the name of an earl"),
    "a wrong column": ({}, {"trials": "at_bat"}, r"no column 'at_bat'; .*mean 'at_bats'\?"),
    "no rows": ({name: [] for name in COLUMNS}, {}, r"has no rows"),
}


@every_library
@pytest.mark.parametrize(("changes", "arguments", "message"), BAD.values(), ids=BAD.keys())
def test_a_table_is_refused_in_every_library(
    make: Callable[[Any], Any], changes: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(make(COLUMNS | changes), **arguments)


def test_names_of_polars_own_kinds_are_read() -> None:
    want = list(zip(COLUMNS["player"], COLUMNS["hits"], COLUMNS["at_bats"], strict=True))
    for kind in (pl.Categorical, pl.Enum(["Cy", "Bob", "Ann"])):
        assert rows(read(pl.DataFrame(COLUMNS).with_columns(pl.col("player").cast(kind)))) == want
    days = read(pl.DataFrame(COLUMNS | {"player": [dt.date(2020, 1, day) for day in (1, 2, 3)]}))
    assert days.labels.dtype == "datetime64[ns]" and days.labels[2] == np.datetime64("2020-01-03")


def test_only_the_columns_that_are_asked_for_are_computed() -> None:
    lazy = pl.LazyFrame(COLUMNS).with_columns(broken=pl.col("player").cast(pl.Int64))
    assert rows(read(lazy))[0] == ("Ann", 1, 4)
    with pytest.raises(InputError, match=r"no column 'at_bat'; it has .*'broken'"):
        read(lazy, trials="at_bat")


def test_an_arrow_table_keeps_the_index_of_its_frame() -> None:
    table = pa.Table.from_pandas(pd.DataFrame(COLUMNS).set_index("player"))
    assert read(table, group=None).labels.tolist() == COLUMNS["player"]


def test_a_column_of_polars_is_no_table() -> None:
    with pytest.raises(TypeError, match="not Series"):
        read(pl.DataFrame(COLUMNS)["hits"])


def test_narwhals_is_not_imported_for_a_file_or_a_frame_of_pandas() -> None:
    code = (
        "import sys, pandas as pd; from hierpool.input.table import read_table\n"
        "read_table('efron-morris-75', successes='hits', trials='at_bats')\n"
        "read_table(pd.DataFrame({'y': [1], 'n': [2]}), successes='y', trials='n')\n"
        "assert 'narwhals' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
