"""Trials that are no column: events, one number for all, and failures."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from three_players import players, read

import hierpool as hp
from hierpool.input.table import InputError, Table, read_table

EVENTS = {"player": list("abbbca"), "hit": [1, 0, 1, 1, 0, 0]}
SUMMED = {"player": list("abc"), "hit": [1, 2, 0], "at_bats": [2, 3, 1]}


def same(one: Table, other: Table) -> None:
    """Fails unless two tables hold the same groups with the same counts."""
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.successes, other.successes)
    np.testing.assert_array_equal(one.trials, other.trials)
    assert one.trials.dtype == one.successes.dtype == np.int64


def counted(**changes: Any) -> Table:
    return read_table(SUMMED | changes, successes="hit", trials="at_bats", group="player")


FORMS: dict[str, Any] = {
    "numbers": EVENTS["hit"],
    "truth values": [bool(hit) for hit in EVENTS["hit"]],
    "truth values of NumPy": np.array(EVENTS["hit"], bool),
    "truth values among objects": pd.Series([bool(hit) for hit in EVENTS["hit"]], dtype=object),
    "nullable truth values": pd.array([bool(hit) for hit in EVENTS["hit"]], dtype="boolean"),
    "truth values of arrow": pd.array([bool(hit) for hit in EVENTS["hit"]], dtype="bool[pyarrow]"),
    "floats": np.array(EVENTS["hit"], float),
    "texts": ["1", "0", "TRUE", "True", "false", " 0 "],
    "categories": pd.Categorical([bool(hit) for hit in EVENTS["hit"]]),
}


@pytest.mark.parametrize("hits", FORMS.values(), ids=FORMS.keys())
def test_events_added_up_are_the_counts_however_they_are_written(hits: Any) -> None:
    events = pd.DataFrame({"player": EVENTS["player"], "hit": hits})
    same(read_table(events, successes="hit", group="player"), counted())


def test_events_of_a_file_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    pd.DataFrame(EVENTS).replace({"hit": {0: "FALSE", 1: "TRUE"}}).to_csv(path, index=False)
    same(read_table(path, successes="hit", group="player"), counted())


def test_events_are_rows_of_one_trial_added_up() -> None:
    one = read_table(EVENTS, successes="hit", trials=1, group="player", aggregate=True)
    events = read_table(EVENTS, successes="hit", group="player")
    same(one, events)
    assert one.trials_name == events.trials_name == "1"


def test_events_may_be_named_by_the_index() -> None:
    events = pd.DataFrame(EVENTS).set_index("player")
    same(read_table(events, successes="hit"), counted())


def test_events_of_data_sets_are_added_up_within_each() -> None:
    table = read_table(
        EVENTS | {"year": [1, 1, 1, 2, 2, 2]}, successes="hit", group="player", by="year"
    )
    assert table.labels.tolist() == ["a", "b", "b", "c", "a"]
    assert table.trials.tolist() == [1, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        (2, "2"),
        (-1, "-1"),
        (0.5, "0.5"),
        ("yes", "'yes'"),
        (np.inf, "inf"),
        ("1.5", "'1.5'"),
    ],
)
def test_what_is_no_event_is_refused_with_its_row(bad: Any, shown: str) -> None:
    events = EVENTS | {"hit": [1, 0, bad, 1, bad, 0]}
    with pytest.raises(InputError) as caught:
        read_table(events, successes="hit", group="player")
    assert str(caught.value) == (
        "hit must be 0 or 1 where each row is one trial (name the trials or the failures, if these "
        f"are counts): group 'b' (row 2) has {shown}; group 'c' (row 4) has {shown}."
    )


@pytest.mark.parametrize("none", [None, np.nan, pd.NA, " "])
def test_an_event_that_is_missing_is_refused(none: Any) -> None:
    events = EVENTS | {"hit": pd.Series([1, 0, none, 1, 0, 0], dtype=object)}
    with pytest.raises(InputError, match=r"hit must not be missing: group 'b' \(row 2\) has none"):
        read_table(events, successes="hit", group="player")
    masked = np.ma.array(EVENTS["hit"], mask=[False] * 5 + [True])
    with pytest.raises(InputError, match=r"hit must not be missing: group 'a' \(row 5\)"):
        read_table(EVENTS | {"hit": masked}, successes="hit", group="player")


def test_an_event_of_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("player,hit\na,TRUE\nb,maybe\n")
    with pytest.raises(InputError, match=r"0 or 1 .*: group 'b' \(line 3\) has 'maybe'"):
        read_table(path, successes="hit", group="player")


def test_rows_of_one_trial_need_groups() -> None:
    message = r"The table needs its trials, by trials= .*; or, if each row is one trial, the groups"
    with pytest.raises(InputError, match=message):
        read_table(EVENTS, successes="hit")


@pytest.mark.parametrize("trials", [6, np.int8(6), 6.0, np.array(6)])
def test_one_number_of_trials_is_a_column_of_it(trials: Any) -> None:
    table = read_table(players(), successes="hits", trials=trials, group="player")
    same(table, read(players(at_bats=[6, 6, 6])))
    assert table.trials_name == "6"


def test_one_number_of_trials_is_that_of_each_row_added_up() -> None:
    data = {"player": list("aba"), "hits": [1, 2, 3]}
    table = read_table(data, successes="hits", trials=10, group="player", aggregate=True)
    assert table.trials.tolist() == [20, 10]


def test_a_column_comes_before_the_number_of_its_name(tmp_path: Path) -> None:
    for name in (10, "10"):
        data = {"player": ["Ann", "Bob", "Cy"], "hits": [1, 2, 3], name: [4, 5, 6]}
        for frame in (data, pd.DataFrame(data)):
            table = read_table(frame, successes="hits", trials=10, group="player")
            assert table.trials.tolist() == [4, 5, 6]
    path = tmp_path / "table.csv"
    pd.DataFrame(data).to_csv(path, index=False)
    table = read_table(path, successes="hits", trials=10, group="player")
    assert table.trials.tolist() == [4, 5, 6]


@pytest.mark.parametrize("trials", [-1, 2.5, np.nan, np.inf, 2**53 + 1])
def test_a_number_that_is_no_count_is_refused(trials: Any) -> None:
    message = r"trials must be the name of a column, or a whole number from 0 to 2\^53, not "
    with pytest.raises(InputError, match=message):
        read_table(players(), successes="hits", trials=trials, group="player")


def test_successes_beyond_the_number_of_trials_are_refused() -> None:
    with pytest.raises(InputError, match=r"^hits must not exceed 2: group 'Cy' has 3 of 2\.$"):
        read_table(players(), successes="hits", trials=2, group="player")


def test_failures_are_the_trials_that_are_no_successes() -> None:
    data = players(outs=[3, 3, 3])
    table = read_table(data, successes="hits", failures="outs", group="player")
    same(table, read(data))
    assert table.trials_name == "hits + outs"


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "both": (players(outs=[3, 3, 3]), {"trials": "at_bats"}, r"^Trials and failures are both give"),
    "negative": (players(outs=[3, -3, 3]), {}, r"outs must not be negative: group 'Bob' has -3"),
    "missing": (players(outs=[3, None, 3]), {}, r"outs must not be missing: group 'Bob' has none"),
    "masked": (
        players(outs=np.ma.array([3, 3, 3], mask=[False, True, False])),
        {},
        r"outs must not be missing: group 'Bob' has none",
    ),
    "a fraction": (players(outs=[3, 0.5, 3]), {}, r"outs must be whole numbers.*'Bob' has 0\.5"),
    "truth values": (players(outs=[True, False, True]), {}, r"outs must be counts, and holds True"),
    "too many": (
        players(outs=[2**53, 1, 2]),
        {},
        r"hits \+ outs must not exceed 2\^53 = 9007199254740992: group 'Ann' has 9007199254740993",
    ),
    "the successes": (players(), {"failures": "hits"}, r"Successes and failures are the same col"),
    "a number": (players(), {"failures": 3}, r"no column 3; .*if every group has 3, add it as one"),
    "no column": (players(out=[1, 2, 3]), {}, r"no column 'outs'; .*Did you mean 'out'\?"),
}


@pytest.mark.parametrize(("data", "arguments", "message"), BAD.values(), ids=BAD.keys())
def test_failures_are_checked_as_successes_are(
    data: Any, arguments: dict[str, Any], message: str
) -> None:
    columns: dict[str, Any] = {"successes": "hits", "failures": "outs", "group": "player"}
    with pytest.raises(InputError, match=message) as caught:
        read_table(data, **(columns | arguments))
    assert "\n" not in str(caught.value)


def test_every_verb_takes_failures_and_one_number_as_it_takes_trials() -> None:
    frame = pd.DataFrame(players(outs=[3, 3, 3], at_bats=[4, 5, 6]))
    for columns, trials in (({"failures": "outs"}, [4, 5, 6]), ({"trials": 6}, [6, 6, 6])):
        given: dict[str, Any] = {"group": ["player"], "successes": "hits", **columns}
        plain: dict[str, Any] = {"group": "player", "successes": "hits", "trials": "at_bats"}
        counted = frame.assign(at_bats=trials)
        for verb in (hp.empirical_bayes, hp.sensitivity, partial(hp.estimate, prob=None)):
            for one, other in zip(verb(frame, **given), verb(counted, **plain), strict=True):
                pd.testing.assert_frame_equal(one, other)
        scores = partial(hp.compare, models=["complete", "none"])
        one, other = scores(frame, **given).models, scores(counted, **plain).models
        pd.testing.assert_frame_equal(one, other)
