"""The size of a terminal, known or not."""

import io
import os
from typing import Any

import pytest

from hierpool.runtime.screen import size


def test_what_is_no_terminal_has_80_columns_and_24_lines(tmp_path: Any) -> None:
    assert size(io.StringIO()) == (80, 24)
    with (tmp_path / "file").open("w") as file:
        assert size(file) == (80, 24)


@pytest.mark.parametrize(
    ("told", "found"), [((132, 50), (132, 50)), ((0, 50), (80, 50)), ((1, 0), (1, 24))]
)
def test_a_side_that_a_terminal_does_not_tell_is_as_usual(
    told: tuple[int, int], found: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size(told))
    with (tmp_path / "file").open("w") as file:
        assert size(file) == found
