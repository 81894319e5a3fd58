import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Annotation, Text
from pictures import LONG, NAMES

from hierpool.plots.labels import place_names
from hierpool.plots.style import figure_of, short, unit_of


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


@pytest.mark.parametrize("factor", [100, 1_000, 100_000, 1_000_000])
def test_the_factor_of_a_unit_is_exact(factor: int) -> None:
    assert unit_of(np.array([2 / factor])).factor == factor


def test_names_that_find_no_room_are_left_out() -> None:
    _, axes = plt.subplots(figsize=(2, 2))
    points = np.full((200, 2), 0.5)
    left_out = place_names(axes, *points.T, ["a rather long name"] * 200, points)
    assert 0 < left_out < 200
    assert len(axes.texts) == 200 - left_out


def test_a_name_that_would_cover_more_marks_than_it_may_is_left_out() -> None:
    _, axes = plt.subplots(figsize=(4, 4))
    steps = np.linspace(0, 1, 60)
    marks = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    middle = np.array([0.5])
    assert place_names(axes, middle, middle, ["a name"], marks, most=3) == 1
    assert place_names(axes, middle, middle, ["a name"], marks) == 0


def test_no_name_stands_on_the_line_of_another() -> None:
    _, axes = plt.subplots(figsize=(5, 5))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    points = np.random.default_rng(0).uniform(0.4, 0.6, (40, 2))
    place_names(axes, *points.T, [f"name {i}" for i in range(40)], points, 5.0)
    figure_of(axes).draw_without_rendering()
    texts = [text for text in axes.texts if isinstance(text, Annotation)]
    lines = {text: text.arrow_patch for text in texts if text.arrow_patch is not None}
    assert len(lines) > 5
    for text in texts:
        box = Text.get_window_extent(text)
        for of, line in lines.items():
            path = line.get_path().transformed(line.get_transform())
            assert of is text or not path.intersects_bbox(box, filled=False)
