"""The command, run in this process, and what it refused."""

import re

import pytest

from hierpool import cli
from hierpool.datasets import dataset_path

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
    return Run(["fit", file, *COLUMNS, *arguments], capsys)


def refused(run: Run, message: str) -> None:
    """Fails unless the run left with 2, and one sentence alone."""
    assert run.code == 2
    assert run.out == ""
    assert re.search(message, run.err), run.err
    assert len(run.err.splitlines()) == 1
    assert run.err.startswith("hierpool")
    assert "Traceback" not in run.err
