"""Which columns are likely to be meant."""

import pandas as pd
import pytest

from hierpool.input.datasets import load_dataset
from hierpool.input.guess import Guess, guess_columns

TABLES = {
    "numbers that name groups": (
        {"id": [3, 1, 2], "y": [1, 2, 0], "n": [4, 4, 4]},
        Guess(["id"], "y", {"trials": "n"}, needs_sums=False),
    ),
    "trials before successes": (
        {"who": list("abc"), "sent": [9, 8, 7], "clicks": [1, 2, 3]},
        Guess(["who"], "clicks", {"trials": "sent"}, needs_sums=False),
    ),
    "not side by side": (
        {"who": list("abc"), "y": [1, 2, 3], "note": ["x", "", "z"], "n": [4, 4, 4]},
        Guess(["who"], "y", {"trials": "n"}, needs_sums=False),
    ),
    "failures": (
        {"who": list("abc"), "made": [1, 2, 3], "missed": [4, 4, 4]},
        Guess(["who"], "made", {"failures": "missed"}, needs_sums=False),
    ),
    "several columns": (
        {"region": list("aab"), "store": list("xyx"), "y": [1, 2, 3], "n": [4, 4, 4]},
        Guess(["region", "store"], "y", {"trials": "n"}, needs_sums=False),
    ),
    "rows to add up": (
        {"who": list("aab"), "y": [1, 2, 3], "n": [4, 4, 4]},
        Guess(["who"], "y", {"trials": "n"}, needs_sums=True),
    ),
    "events": (
        {"who": list("aab"), "hit": ["TRUE", "FALSE", "TRUE"]},
        Guess(["who"], "hit", {}, needs_sums=False),
    ),
    "no groups": (
        {"y": [1, 2, 2], "n": [4, 4, 4]},
        Guess([], "y", {"trials": "n"}, needs_sums=False),
    ),
    "rates": ({"who": list("abc"), "rate": [0.1, 0.2, 0.3]}, None),
    "text": ({"who": list("abc"), "where": list("xyz")}, None),
    "nothing": ({"who": [], "y": [], "n": []}, None),
}


@pytest.mark.parametrize(("data", "want"), TABLES.values(), ids=TABLES.keys())
def test_the_columns_that_are_meant_are_guessed(data: object, want: Guess | None) -> None:
    frame = pd.DataFrame(data)
    assert guess_columns(frame) == want
    # As those of a file, where all is text.
    assert guess_columns(frame.astype(str)) == want


@pytest.mark.parametrize("name", ["efron-morris-75", "rat-tumors", "surgical-mortality"])
def test_the_columns_of_a_shipped_table_are_guessed(name: str) -> None:
    frame = load_dataset(name)
    group, successes, trials, *_ = frame.columns
    assert guess_columns(frame) == Guess([group], successes, {"trials": trials}, needs_sums=False)
