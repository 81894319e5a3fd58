"""Tables as text and as HTML: straight lines, at any width, of any names."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hierpool.runtime.numbers import cells_of, decimals_for, number
from hierpool.runtime.tables import Column, Table, Where, html_of, text_of
from hierpool.runtime.text import columns_of

WHERE = Where("in rows", "in columns")
HUNDRED = "x" * 50 + " of one hundred " + "y" * 34
NAMES = ["Ken Berry", HUNDRED, "\u6771\u4eac\u30e4\u30af\u30eb\u30c8", "e\u0301te\u0301", "=1+1"]


def table_of(names: list[str], **more: object) -> Table:
    index = pd.Index(names, dtype=object, name="group")
    size = len(names)
    frame = pd.DataFrame(
        {
            "successes": np.arange(size),
            "trials": np.arange(size) + 10,
            "mean": np.linspace(0.1, 0.4, size),
            "mean_mcse": np.full(size, 0.001),
            "season_lower": np.linspace(0.05, 0.3, size),
            "season_upper": np.linspace(0.15, 0.5, size),
        },
        index=index,
    )
    return Table("groups", "Groups", frame, ("mean", "season_lower", "season_upper"))._replace(
        **more  # type: ignore[arg-type]
    )


def rows_of(text: str, names: int) -> list[str]:
    """Returns the lines of the header and of the rows."""
    lines = text.split("\n")
    # A name may begin as the header does, which comes first.
    start = next(number for number, line in enumerate(lines) if line.startswith("group"))
    return lines[start : start + names + 1]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, None])
def test_lines_fit_the_width_and_columns_stand_below_one_another(width: int | None) -> None:
    text = text_of(table_of(NAMES), width, 0, WHERE)
    rows = rows_of(text, len(NAMES))
    assert len({columns_of(row) for row in rows}) == 1
    if width is not None:
        assert all(columns_of(line) <= width for line in text.split("\n"))
    assert "0.4000" in text


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Zs"]), min_size=1),
        min_size=1,
        max_size=5,
    ),
    st.integers(24, 120),
)
@example(["group"], 24)
def test_no_name_breaks_the_lines(names: list[str], width: int) -> None:
    text = text_of(table_of(names), width, 0, WHERE)
    assert all(columns_of(line) <= width for line in text.split("\n"))
    rows = rows_of(text, len(names))
    assert len({columns_of(row) for row in rows}) == 1


def test_what_does_not_fit_is_named_and_errors_go_first() -> None:
    full = text_of(table_of(["a", "b"]), 80, 0, WHERE)
    assert "Left out" not in full and "mean_mcse" in full
    narrower = text_of(table_of(["a", "b"]), 60, 0, WHERE)
    assert narrower.endswith("Left out: mean_mcse (in columns).")
    narrow = text_of(table_of(["a", "b"]), 30, 0, WHERE).replace("\n", " ")
    assert narrow.endswith("Left out: successes, trials, mean_mcse (in columns).")


def test_an_interval_is_shown_whole_or_not_at_all() -> None:
    for width in range(14, 81):
        shown = text_of(table_of(NAMES), width, 0, WHERE)
        rows = rows_of(shown, len(NAMES))
        last = rows[-1].split()
        assert ("0.3000" in last) == ("0.5000" in last)


def test_names_that_are_cut_are_said_to_be() -> None:
    text = text_of(table_of([HUNDRED]), 80, 0, WHERE)
    assert "names are cut" in text.lower() and HUNDRED not in text
    assert HUNDRED in text_of(table_of([HUNDRED]), None, 0, WHERE)
    assert "cut" not in text_of(table_of(["Ken Berry"]), 80, 0, WHERE)


@pytest.mark.parametrize("name", ["season_lower", "p_two_sided_mcse", "_mcse", "mean"])
def test_a_folded_header_is_broken_after_an_underscore_or_not_at_all(name: str) -> None:
    lines = Column(name, [], is_text=False, room=0).header(folded=True)
    assert "".join(lines) == name
    assert all(line.endswith("_") for line in lines[:-1]) and len(lines) == 1 + ("_" in name)


def test_rows_that_are_left_out_are_counted() -> None:
    text = text_of(table_of(["a"] * 308), 80, 100, WHERE)
    assert "... and 208 more (in rows)." in text
    assert "more" not in text_of(table_of(["a"] * 308), 80, 0, WHERE)


def test_a_long_single_row_is_a_list() -> None:
    row, names = [0, 0.012345, *np.arange(2, 9) / 10], [f"column_{i}" for i in range(9)]
    frame = pd.DataFrame([row], columns=names)
    lines = text_of(Table("one", "One", frame), 40, 0, WHERE).split("\n")
    # Each number has digits of its own: there is no column down which to compare.
    assert lines[:3] == ["One", "column_0  0", "column_1  0.01235"] and len(lines) == 10


@pytest.mark.parametrize("width", range(16, 70))
def test_cells_never_touch(width: int) -> None:
    shown = rows_of(text_of(table_of(["a", "b"]), width, 0, WHERE), 2)[1:]
    for name, line in zip("ab", shown, strict=True):
        cell, *numbers = line.split()
        assert cell == name and all(float(number) < 12 for number in numbers)


def test_names_are_text_in_html() -> None:
    html = html_of(table_of(["<script>alert(1)</script>", "a & b\x1b"]), 20, WHERE)
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "a &amp; b\\x1b" in html
    assert html.count("<tr>") == 3 and html.count("<th") == 8


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([0.4, 0.0012], ["0.4000", "0.0012"]),
        ([0.4, 1e-9], ["0.4000", "1e-09"]),
        ([63.46, 4.2], ["63.46", "4.20"]),
        ([12345.6, 1.0], ["12346", "1"]),
        ([0.00024, 0.0001], ["0.000240", "0.000100"]),
        ([np.nan, np.inf, -np.inf, 0.5], ["", "inf", "-inf", "0.5000"]),
        ([-1e-12, 0.0], ["-1e-12", "0"]),
        ([1e20, 0.5], ["1e+20", "0.5000"]),
    ],
)
def test_a_column_has_the_decimals_of_its_largest_number(
    values: list[float], cells: list[str]
) -> None:
    assert cells_of(pd.Series(values), has_scales=False) == cells


@given(st.lists(st.floats(1e-5, 1e6), min_size=1))
def test_the_largest_number_keeps_three_digits(values: list[float]) -> None:
    largest = max(values)
    assert abs(float(number(largest, decimals_for(values))) - largest) <= 0.005 * largest


def test_numbers_of_several_scales_have_four_digits_each() -> None:
    column = pd.Series([106.81, 4.6721, 0.0029341, 0.0])
    assert cells_of(column, has_scales=True) == ["106.8", "4.672", "0.002934", "0"]


def test_ten_millions_and_more_have_an_exponent() -> None:
    assert [number(value, 0) for value in (9_999_999.0, 1e7, -12_345_678.0)] == [
        "9999999",
        "1e+07",
        "-1.235e+07",
    ]
