"""The command, run in this process, and what it refused."""

import re

import pytest

from hierpool.cli import main as cli
from hierpool.input.datasets import dataset_path

PLAYERS = str(dataset_path("efron-morris-75"))


COLUMNS = ["--successes", "hits", "--trials", "at_bats", "--group", "player"]


EXACT = ["--model", "complete"]


class Run:
    """What a run of the command left behind."""

    def __init__(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        try:
            self.code: int | str | None = cli.main(arguments)
        except SystemExit as left:
            self.code = left.code
        self.out, self.err = capsys.readouterr()


def fit(capsys: pytest.CaptureFixture[str], *arguments: str, file: str = PLAYERS) -> Run:
    """Runs ``hierpool fit``; a later word of these columns and of the model replaces an earlier."""
    words = [*COLUMNS, *arguments]
    flags = {*COLUMNS[::2], EXACT[0]}
    replaced = {i for i, word in enumerate(words) if word in flags and word in words[i + 1 :]}
    kept = [word for i, word in enumerate(words) if not {i, i - 1} & replaced]
    return Run(["fit", file, *kept], capsys)


def refused(run: Run, message: str) -> None:
    """Fails unless the run left with 2, and one sentence alone."""
    assert run.code == 2
    assert run.out == ""
    assert re.search(message, run.err), run.err
    assert len(run.err.splitlines()) == 1
    assert run.err.startswith("hierpool")
    assert "Traceback" not in run.err
