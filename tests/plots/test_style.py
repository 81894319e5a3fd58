import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import LONG, NAMES

from hierpool.plots.labels import place_names
from hierpool.plots.style import short, unit_of


def test_a_short_name_is_left_as_it_is_and_a_long_one_keeps_both_ends() -> None:
    assert short("Roberto Clemente") == "Roberto Clemente"
    shortened = short(LONG)
    assert len(shortened) <= 40 and "…" in shortened
    head, tail = shortened.split("…")
    assert LONG.startswith(head) and LONG.endswith(tail)


def test_a_chinese_letter_takes_two_columns() -> None:
    assert len(short(NAMES[1])) < len(NAMES[1])
    assert short("東" * 20) == "東" * 20
    assert len(short("東" * 21)) <= 20


def test_a_name_of_two_lines_stands_in_one() -> None:
    assert short("two\nlines\x00 and\ttabs") == "two lines and tabs"


@pytest.mark.parametrize(
    ("largest", "want"),
    [(0.4, "40%"), (0.0123, "1.23%"), (0.004, "4 per 1,000"), (0.00002, "2 per 100,000")],
)
def test_a_rate_is_written_in_the_unit_that_suits_it(largest: float, want: str) -> None:
    assert unit_of(np.array([np.nan, largest])).text(largest) == want


def test_names_that_find_no_room_are_left_out() -> None:
    _, axes = plt.subplots(figsize=(2, 2))
    points = np.full((200, 2), 0.5)
    left_out = place_names(axes, *points.T, ["a rather long name"] * 200, points)
    assert 0 < left_out < 200
    assert len(axes.texts) == 200 - left_out
