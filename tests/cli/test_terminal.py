"""What reaches a terminal, a pipe, a full disk: the command's words, safe and whole."""

import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from screen import screen
from shell import Run

from hierpool.cli.main import main
from hierpool.cli.terminal import Status
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.progress import Meter
from hierpool.runtime.text import printable

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
COLUMNS = ["--successes", "y", "--trials", "n", "--group", "g"]
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Unicode's classes of the characters that turn the direction of the text around them."""


def is_unsafe(character: str) -> bool:
    """Whether a character can change what a terminal shows of others, by Unicode's own tables."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in TURNS
    )


@given(st.text(st.characters(codec=None)))
def test_no_control_character_is_printable_and_all_else_is_left(text: str) -> None:
    shown = printable(text)
    assert not any(map(is_unsafe, shown))
    assert "".join(c for c in text if not is_unsafe(c)) in shown or any(map(is_unsafe, text))
    assert shown.encode().decode() == shown


def test_every_control_character_is_escaped() -> None:
    every = [chr(code) for code in range(0x11000) if is_unsafe(chr(code))]
    assert len(every) > 2000
    for character in every:
        assert printable(f"a{character}b").startswith("a\\")


HOSTILE = ["\x1b[2J\x1b[31mred", "bell\x07", "turned\u202eback", "C1\x9b31m", "tab\there", "José"]


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    path = tmp_path / "hostile.csv"
    rows = "".join(f"{name},{i + 1},10\n" for i, name in enumerate(HOSTILE))
    path.write_text(f"g,y,n\n{rows}", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "FILE", *COLUMNS, "--model", "complete", "--csv", "OUT"],
        ["estimate", "FILE", *COLUMNS, "--by", "g", "--no-intervals", "--output", "OUT"],
    ],
    ids=["fit", "estimate"],
)
def test_control_characters_in_names_are_kept_in_files_and_never_printed(
    words: list[str], hostile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.csv")
    run = Run([{"FILE": hostile, "OUT": out}.get(word, word) for word in words], capsys)
    assert run.code == 0
    assert "José" in run.out and r"\x1b[2J\x1b[31mred" in run.out
    assert not any(is_unsafe(c) for c in (run.out + run.err).replace("\n", ""))
    written = pd.read_csv(out, dtype=str, keep_default_na=False, encoding="utf-8")
    assert [name.strip() for name in HOSTILE] == list(written.iloc[:, 0])


@pytest.mark.parametrize(
    "words",
    [
        ["estimate", "FILE", "--successes", "y", "--trials", "\x1b[31m"],
        ["estimate", "\x1b]0;title\x07", "--successes", "y", "--trials", "n"],
        ["fit", "FILE", *COLUMNS, "--\x1b[31m"],
        ["fit", "FILE", *COLUMNS, "--new-group", "\x1b=1/2", "--new-group", "\x1b=1/2"],
        ["summary", "no\x9b31m.nc"],
    ],
)
def test_control_characters_in_a_refusal_are_escaped(
    words: list[str], hostile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run([hostile if word == "FILE" else word for word in words], capsys)
    assert (run.code, run.out, len(run.err.splitlines())) == (2, "", 1)
    assert "\\x" in run.err and not any(is_unsafe(c) for c in run.err.rstrip("\n"))


def test_a_formula_in_a_name_is_written_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "formulas.csv", tmp_path / "out.csv"
    names = ["=1+1", "@SUM(A1)", "+1", "-1"]
    path.write_text("g,y,n\n" + "".join(f"{name},1,10\n" for name in names))
    words = ["fit", str(path), *COLUMNS, "--model", "complete", "--csv", str(out)]
    assert Run(words, capsys).code == 0
    assert list(pd.read_csv(out, dtype=str)["group"]) == names


def test_a_reader_that_goes_costs_neither_the_file_nor_the_exit_code(
    hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    sampled = ["--model", "collapsed", "--chains", "1", "--warmup", "5", "--draws", "10"]
    reading, writing = os.pipe()
    os.close(reading)
    # Unbuffered, as under PYTHONUNBUFFERED: the first line fails.
    with open(writing, "w", buffering=1) as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        code = main(["fit", hostile, *COLUMNS, *sampled, "--csv", str(out)])
    # Not converged, and nobody is told but by this.
    assert code == 1
    assert len(pd.read_csv(out)) == len(HOSTILE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("buffering", [1, -1], ids=["lines", "blocks"])
@pytest.mark.parametrize("words", [["--version"], ["fit", "--help"], []])
def test_an_output_that_can_not_be_written_is_one_sentence(
    words: list[str],
    buffering: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open("/dev/full", "w", buffering=buffering) as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = main(words)
    assert code == 2
    assert capsys.readouterr().err == "hierpool: The output: No space left on device.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_refusal_that_can_not_be_written_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        code = main(["summary", "missing.nc"])
    assert code == 2


def test_streams_that_are_closed_are_no_error(
    hostile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["fit", hostile, *COLUMNS, "--model", "complete"]) == 0
    assert main(["fit", hostile, *COLUMNS, "--model", "complete", "--prob", "2"]) == 2


@pytest.fixture
def status() -> Status:
    line = Status()
    line.is_on = True
    return line


def test_the_line_shows_what_was_said_last_and_nothing_stays(
    status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    written = ""

    def shown(action: Callable[..., None], *arguments: object) -> str:
        nonlocal written
        action(*arguments)
        written += capsys.readouterr().err
        return "".join(screen(written))

    assert shown(status.phase, "reading a file of a long name") == (
        "reading a file of a long name ..."
    )
    assert shown(status.phase, "sampling") == "sampling ..."
    assert shown(status.phase, "checking") == "checking ..."
    assert shown(status.phase, "\x1b" * 500).startswith(r"\x1b\x1b")
    assert len("".join(screen(written))) < 80
    assert shown(status.clear) == ""


def test_a_line_that_is_off_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    line = Status()
    line.phase("reading")
    with line.showing(Meter(NUTS())) as show:
        show()
    line.clear()
    assert capsys.readouterr() == ("", "")
