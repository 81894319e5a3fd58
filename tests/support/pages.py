"""The pages of the documentation, and their blocks of code, run as a reader would run them.

The Python blocks of a page run in order in one namespace, and its blocks of commands in one folder.
A block marked ``text`` that follows one of them is what it prints. Run as a program, this file
writes what the blocks of the given pages print into them:

    python tests/support/pages.py docs/tutorial.md
"""

import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path for path in sorted(DOCS.rglob("*.md"))}
FENCE = re.compile(r"^```(python|sh)\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?%?(?![\w])")


class Block(NamedTuple):
    """A block of code in a page."""

    language: str
    code: str
    printed: str | None
    """What it prints, by the page; None where the page does not say."""


def blocks_of(text: str) -> list[Block]:
    """Returns the blocks of Python and of commands in a page, in order."""
    return [Block(*found.groups()) for found in FENCE.finditer(text)]


def run_page(text: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Yields each block of a page with what it printed, run in a folder.

    Args:
        text: the page.
        folder: where files are read and written; it becomes the working folder.
    """
    names: dict[str, Any] = {"__name__": "__page__"}
    (folder / "data").symlink_to(ROOT / "data")
    with chdir(folder):
        for number, block in enumerate(blocks_of(text)):
            printed = io.StringIO()
            with redirect_stdout(printed):
                if block.language == "python":
                    exec(compile(block.code, f"<block {number}>", "exec"), names)
                else:
                    _run_commands(block.code)
            yield block, printed.getvalue()


def _run_commands(code: str) -> None:
    # Imported late: it reads the settings of the process as it starts.
    from hierpool.cli import main as cli

    for line in code.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True) or ["#"]
        if program == "#":
            continue
        if program != "hierpool":
            raise ValueError(f"a block of commands has hierpool's alone, not {line!r}.")
        if code := cli.main(words):
            raise AssertionError(f"{line!r} ended with {code}.")


def differences(said: str, printed: str) -> list[str]:
    """Returns the lines of what a page says that are not what its block printed.

    Numbers agree if they differ by at most one in the last digit, since another machine rounds
    otherwise. Spaces are not compared: tables are as wide as their numbers.
    """
    expected, found = said.strip().splitlines(), printed.strip().splitlines()
    if len(expected) != len(found):
        return [f"{len(expected)} lines are said, {len(found)} printed:\n{printed}"]
    pairs = zip(expected, found, strict=True)
    return [f"said {a!r}, printed {b!r}" for a, b in pairs if not _agree(a, b)]


def _agree(said: str, printed: str) -> bool:
    if NUMBER.sub("#", said).split() != NUMBER.sub("#", printed).split():
        return False
    pairs = zip(NUMBER.findall(said), NUMBER.findall(printed), strict=True)
    return all(a == b or abs(_value(a) - _value(b)) <= 1.01 * _last_digit(a) for a, b in pairs)


def _value(number: str) -> float:
    return float(number.rstrip("%").replace(",", ""))


def _last_digit(number: str) -> float:
    """Returns one in the last digit of a number with decimals, and 0 for a whole number."""
    mantissa, _, exponent = number.rstrip("%").partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not number.endswith("%"):
        return 0.0
    return 10.0 ** (int(exponent or 0) - decimals)


def written(text: str, folder: Path) -> str:
    """Returns the page with what its blocks print, wherever it has a ``text`` block for it."""
    outputs = iter([printed for _, printed in run_page(text, folder)])

    def filled(found: re.Match[str]) -> str:
        printed = next(outputs)
        if found.group(3) is None:
            return found.group(0)
        lines = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
        return f"```{found.group(1)}\n{found.group(2)}```\n\n```text\n{lines}\n```\n"

    return FENCE.sub(filled, text)


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "80")
    for name in sys.argv[1:]:
        page = Path(name).absolute()
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(written(page.read_text(), Path(folder)))
