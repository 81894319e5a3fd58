"""The manual page: it is current, complete, and rendered without warnings."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from shell import Run

from hierpool.cli.main import COMMANDS
from hierpool.cli.manual import _roff, _text

PAGE = Path(__file__).parents[2] / "docs" / "hierpool.1"


def test_the_page_that_ships_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(["--print-manual"], capsys)
    assert (run.code, run.err) == (0, "")
    assert PAGE.read_text(encoding="utf-8") == run.out, "hierpool --print-manual > docs/hierpool.1"


def test_every_command_and_exit_code_has_its_entry() -> None:
    written = PAGE.read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f'.SH "HIERPOOL {name.upper()}"' in written
        assert re.search(rf"^\\fB{re.escape(_roff(name))}\\fR$", written, re.MULTILINE)
    for code in (0, 1, 2, 3, 130):
        assert f"\n\\fB{code}\\fR\n" in written


def test_roff_finds_no_requests_in_a_text() -> None:
    assert _text(".5 of\n it's -1\\n") == r"\&.5 of it's \-1\en"
    assert _text("'quoted'") == r"\&'quoted'"
    assert _roff("é") == r"\[u00E9]"


@pytest.mark.skipif(not shutil.which("groff"), reason="groff renders the page")
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_groff_renders_the_page_without_warnings(columns: int) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", f"-rLL={columns}n", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    # Without the pairs of characters by which a terminal is told of bold and italic letters.
    plain = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    assert "hierpool predictive-check" in plain and "--hyperparameters-only" in plain


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc checks the page")
def test_mandoc_finds_no_error_in_the_page() -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Werror", str(PAGE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
