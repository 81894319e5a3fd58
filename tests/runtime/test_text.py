"""Text on a terminal: its width, names that are cut, lines that are broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierpool.runtime.text import CUT, columns_of, cut, padded, wrapped

NAMES = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Ken Berry", 9),
        ("\u6771\u4eac", 4),
        ("\uc11c\uc6b8", 4),
        ("\u1109\u1165\u110b\u116e\u11af", 4),
        ("\uff21\uff22", 4),
        ("e\u0301te\u0301", 3),
        ("\u0e01\u0e34\u0e19", 2),
        ("zero\u200dwidth", 9),
        ("", 0),
    ],
)
def test_a_text_is_as_wide_as_a_terminal_draws_it(text: str, columns: int) -> None:
    assert columns_of(text) == columns


@given(NAMES, st.integers(3, 30))
def test_a_name_is_cut_to_its_width_in_the_middle_and_no_further(name: str, width: int) -> None:
    short = cut(name, width)
    assert columns_of(short) <= width
    if columns_of(name) <= width:
        assert short == name
    else:
        start, end = short.split(CUT, 1) if short.count(CUT) == 1 else ("", "")
        assert name.startswith(start) and name.endswith(end)
        # A wide character may not fit into the last column of either part.
        assert columns_of(short) >= width - 2


def test_a_mark_never_moves_to_the_ellipsis() -> None:
    assert cut("abcdefghije\u0301", 3) == f"a{CUT}e\u0301"
    assert not cut("abcdefgh\u0301\u0301i", 4).split(CUT)[1].startswith("\u0301")


@given(NAMES, st.integers(0, 60), st.booleans())
def test_padding_fills_a_column_and_keeps_the_text(name: str, width: int, right: bool) -> None:  # noqa: FBT001
    full = padded(name, width, right=right)
    assert columns_of(full) == max(width, columns_of(name))
    assert full.endswith(name) if right else full.startswith(name)


@given(st.lists(st.text("ab\u6771", min_size=1, max_size=8), max_size=20), st.integers(16, 50))
def test_lines_are_broken_between_words_and_hold_as_many_as_fit(
    words: list[str], width: int
) -> None:
    lines = wrapped(" ".join(words), width).split("\n")
    assert [word for line in lines for word in line.split(" ") if word] == words
    assert all(columns_of(line) <= width for line in lines)
    for line, later in zip(lines, lines[1:], strict=False):
        assert columns_of(line) + 1 + columns_of(later.split(" ")[0]) > width


def test_without_a_width_a_sentence_is_one_line() -> None:
    sentence = "word " * 100
    assert wrapped(sentence, None) == sentence


def test_a_text_is_filled_up_at_its_end_unless_it_stands_on_the_right() -> None:
    assert padded("one", 5) == "one  " and padded("one", 5, right=True) == "  one"
