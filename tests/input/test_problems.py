"""Faults of a table are told together: the first five of each kind, and how many more."""

import re

import numpy as np
import pytest

from hierpool.input.errors import InputError
from hierpool.input.files import Source
from hierpool.input.problems import Problems


def labels(*names: object) -> np.ndarray:
    found = np.empty(len(names), object)
    found[:] = names
    return found


@pytest.mark.parametrize(("number", "end"), [(1, ""), (5, ""), (6, "; and 1 more rows")])
def test_five_rows_are_named_and_the_others_counted(number: int, end: str) -> None:
    problems = Problems(Source("The table", None), labels(*"abcdefgh"))
    problems.report(np.arange(number), lambda row: str(10 * row), "hits must not be large")
    shown = "; ".join(f"group {name!r} has {10 * i}" for i, name in enumerate("abcde"[:number]))
    with pytest.raises(InputError, match=f"^hits must not be large: {shown}{end}\\.$"):
        problems.require_none()


def test_no_rows_are_no_problem_and_kinds_follow_one_another() -> None:
    problems = Problems(Source("The table", None), labels("a", "b"), ["First."])
    problems.report(np.array([], int), str, "nothing")
    problems.report(np.array([1]), str, "second")
    with pytest.raises(InputError, match=r"^First\. second: group 'b' has 1\.$"):
        problems.require_none()


def test_a_row_is_located_by_its_names_its_line_or_its_number() -> None:
    names = labels(("a", 7), "b")
    in_frame, in_file = Source("The table", None), Source("t.csv", np.array([2, 5]))
    assert Problems(in_frame, names).location(0) == "group 'a', '7'"
    assert Problems(in_frame, names, are_repeated=True).location(1) == "group 'b' (row 1)"
    assert Problems(in_file, names, are_repeated=True).location(1) == "group 'b' (line 5)"
    assert not re.search("row", Problems(in_file, names).location(0))
