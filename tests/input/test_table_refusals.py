from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from three_players import players, read, written

from hierpool.input.table import InputError

# What is wrong: the data, arguments beyond the columns, and what a user must read.
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "missing column, near": (
        players(),
        {"successes": "hit"},
        r"no column 'hit'; it has 'player', 'hits', 'at_bats'\. Did you mean 'hits'\?",
    ),
    "missing column, far": (players(), {"trials": "zzz"}, r"no column 'zzz'; .*'at_bats'\.$"),
    "missing column of groups": (players(), {"group": "plyer"}, r"Did you mean 'player'\?"),
    "column that is no text": (players(), {"successes": 0}, r"no column 0; it has 'player'"),
    "no columns": ({}, {}, r"no columns 'hits' and 'at_bats' and 'player'; it has none"),
    "duplicate column": (
        pd.DataFrame([["Ann", 1, 2, 3]], columns=["player", "hits", "hits", "at_bats"]),
        {},
        r"2 columns named 'hits'",
    ),
    "no rows": (players(player=[], hits=[], at_bats=[]), {}, r"no rows: at least one group"),
    "same column twice": (players(), {"trials": "hits"}, r"are the same column, 'hits'"),
    "missing": (players(hits=[1, None, 3]), {}, r"hits must not be missing: group 'Bob' has none"),
    "missing in a nullable column": (
        pd.DataFrame(players()).assign(hits=pd.array([1, None, 3], dtype="Int64")),
        {},
        r"hits must not be missing: group 'Bob'",
    ),
    "missing among texts": (
        players(at_bats=["4", "", "6"]),
        {},
        r"at_bats must not be missing: group 'Bob'",
    ),
    "text": (players(hits=[1, "two", 3]), {}, r"hits must be whole numbers: group 'Bob' has 'two'"),
    "infinity": (
        players(at_bats=[4, np.inf, 6]),
        {},
        r"at_bats must be finite: group 'Bob' has inf",
    ),
    "infinity as text": (players(at_bats=["4", "inf", "6"]), {}, r"at_bats must be finite"),
    "a fraction": (
        players(hits=[1, 3.5, 3]),
        {},
        r"hits must be whole numbers: group 'Bob' has 3\.5",
    ),
    "a date": (
        players(hits=pd.to_datetime(["2020-01-01"] * 3)),
        {},
        r"hits must be whole numbers: group 'Ann' has '2020",
    ),
    "complex": (players(hits=[1, 2j, 3]), {}, r"hits must be whole numbers: .*2j"),
    "negative": (players(hits=[1, -2, 3]), {}, r"hits must not be negative: group 'Bob' has -2"),
    "successes above trials": (
        players(hits=[1, 6, 3]),
        {},
        r"hits must not exceed at_bats: group 'Bob' has 6 of 5\.$",
    ),
    "columns swapped": (
        players(),
        {"successes": "at_bats", "trials": "hits"},
        r"at_bats must not exceed hits \(are the two columns swapped\?\): group 'Ann' has 4 of 1",
    ),
    "past 2^53": (
        players(at_bats=[4, 2**53 + 1, 6]),
        {},
        r"at_bats must not exceed 2\^53 = 9007199254740992: group 'Bob' has 9007199254740993",
    ),
    "past 2^53 as text": (
        players(at_bats=["4", "9007199254740993", "6.0"]),
        {},
        r"at_bats must not exceed 2\^53 .* has 9007199254740993",
    ),
    "past 2^64": (players(at_bats=[4, 2**70, 6]), {}, r"at_bats must not exceed 2\^53"),
    "a sum past 2^53": (
        players(at_bats=[2**52, 2**52, 10]),
        {},
        r"The total of at_bats exceeds 2\^53",
    ),
    "rates": (
        players(hits=[0.25, 0.4, 1.0]),
        {},
        r"not rates \(multiply them by the trials\): group 'Ann' has 0\.25; group 'Bob' has 0\.4",
    ),
    "percentages": (
        players(hits=["25%", "40%", "3"]),
        {},
        r"has '25%' \(counts are needed, not percentages\)",
    ),
    "thousands separators": (
        players(at_bats=["4", "1,000", "6"]),
        {},
        r"'Bob' has '1,000' \(write it without separators\)",
    ),
    "thousands separated by spaces": (
        players(at_bats=["4", "1 000", "6"]),
        {},
        r"'1 000' \(write it without separators\)",
    ),
    "booleans": (players(hits=[True, False, True]), {}, r"hits must be counts.*add them up"),
    "booleans as text": (
        players(hits=["True", "False", "True"]),
        {},
        r"has 'True' \(add them up by group first\)",
    ),
    "unequal lengths": (
        players(hits=[1, 2]),
        {},
        r"vectors of equal length, but have shapes .*'hits': \(2,\)",
    ),
    "a matrix": (players(hits=np.ones((3, 1))), {}, r"vectors of equal length.*\(3, 1\)"),
    "duplicate group": (
        players(player=["Ann", "Bob", "Ann"]),
        {},
        r"name of its own in column 'player'; --aggregate \(aggregate=True\) adds .*group 'Ann'",
    ),
    "duplicate index": (
        pd.DataFrame(players(), index=["a", "b", "a"]),
        {"group": None},
        r"name of its own in the index; .*group 'a' has the name of an earlier one",
    ),
    "empty group": (
        players(player=["Ann", " ", "Cy"]),
        {},
        r"needs a name in column 'player': group '1' has no name",
    ),
    "missing group": (players(player=["Ann", None, "Cy"]), {}, r"needs a name in column 'player'"),
    "NaN for a group": (players(player=["Ann", np.nan, "Cy"]), {}, r"needs a name in column"),
    "NaN in the index": (
        pd.DataFrame(players(), index=["a", None, "c"]),
        {"group": None},
        r"needs a name in the index",
    ),
    "new group above its trials": (
        players(),
        {"new_groups": {"rookie": (5, 4)}},
        r"New group 'rookie' has 5 of 4: .*0 <= successes <= trials",
    ),
    "new group below 0": (players(), {"new_groups": {"rookie": (-1, 4)}}, r"'rookie' has -1 of 4"),
    "new group of fractions": (
        players(),
        {"new_groups": {"rookie": (0, 4.5)}},
        r"'rookie' has 0 of 4\.5: whole numbers",
    ),
    "new group of texts": (
        players(),
        {"new_groups": {"rookie": ("0", "4")}},
        r"'rookie' has '0' of '4': whole numbers",
    ),
    "new group of one number": (
        players(),
        {"new_groups": {"rookie": (4,)}},
        r"'rookie' needs \(successes, trials\), not \(4,\)",
    ),
    "new group, a bare number": (
        players(),
        {"new_groups": {"rookie": 4}},
        r"'rookie' needs \(successes, trials\), not 4",
    ),
    "new group past 2^53": (
        players(),
        {"new_groups": {"rookie": (0, 2**53 + 1)}},
        r"'rookie' has 0 of 9007199254740993",
    ),
    "new group without a name": (
        players(),
        {"new_groups": {" ": (0, 4)}},
        r"The name of a new group must be text.*not ' '",
    ),
    "new group named by a number": (
        players(),
        {"new_groups": {7: (0, 4)}},
        r"name of a new group.*not 7",
    ),
    "new group with an old name": (
        players(),
        {"new_groups": {"Bob": (0, 4)}},
        r"New group 'Bob' has the name of a group of the table: give it another",
    ),
    "new group with an old name, aggregated": (
        players(),
        {"new_groups": {"Bob": (0, 4)}, "aggregate": True},
        r"New group 'Bob' has the name of a group",
    ),
}


@pytest.mark.parametrize(("data", "arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_in_one_line_that_says_where_and_why(
    data: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data, **arguments)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))
    assert "line" not in str(caught.value)


@pytest.mark.parametrize("data", [5, None, [1, 2], np.ones(3), b"table.csv"])
def test_data_of_another_type_are_a_type_error(data: Any) -> None:
    kind = type(data).__name__
    with pytest.raises(TypeError, match=f"data frame, a mapping .* path .* not {kind}"):
        read(data)


def test_new_groups_of_another_type_are_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"new_groups must map names to .* and is list"):
        read(players(), new_groups=["rookie"])


def test_an_input_error_is_a_value_error() -> None:
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hits": [1, -2, 3]}, r"hits must not be negative: group 'Bob' \(line 3\) has -2"),
        ({"hits": [1, 3.5, 3]}, r"whole numbers: group 'Bob' \(line 3\) has 3\.5"),
        ({"hits": [1, None, 3]}, r"must not be missing: group 'Bob' \(line 3\)"),
        ({"hits": [1, 2, 7]}, r"hits must not exceed at_bats: group 'Cy' \(line 4\) has 7 of 6"),
        ({"player": ["Ann", "Bob", "Ann"]}, r"group 'Ann' \(line 4\) has the name of an earlier"),
        ({"player": ["Ann", "", "Cy"]}, r"\(line 3\) has no name"),
        ({"at_bats": ["4", "5", "1,000"]}, r"group 'Cy' \(line 4\) has '1,000'"),
    ],
)
def test_in_a_file_the_line_is_told_as_well(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, players(**changes)))


def test_a_missing_column_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"players\.csv has no column 'hit'"):
        read(written(tmp_path, players()), successes="hit")


def test_of_many_bad_rows_five_are_shown_and_the_rest_counted() -> None:
    names = [f"p{i}" for i in range(8)]
    bad = [-1, -2, 0, -3, -4, -5, -6, -7]
    with pytest.raises(InputError) as caught:
        read({"player": names, "hits": bad, "at_bats": [9] * 8})
    shown = "; ".join(f"group 'p{i}' has {bad[i]}" for i in (0, 1, 3, 4, 5))
    assert str(caught.value) == f"hits must not be negative: {shown}; and 2 more rows."
