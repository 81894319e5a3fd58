"""Every example of the README runs as it stands there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
SHELL = [block for block in BLOCKS if block.startswith("hierpool ")]


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 3 and len(SHELL) >= 1


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_examples_run(number: int, tmp_path: Path) -> None:
    run([sys.executable, "-W", "error::UserWarning", "-c", PYTHON[number]], tmp_path)


@pytest.mark.parametrize("number", range(len(SHELL)))
def test_the_commands_run(number: int, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    # Those of a block share a folder: one asks what another saved.
    for command in SHELL[number].replace("\\\n", " ").splitlines():
        program, *words = shlex.split(command)
        assert program == "hierpool"
        assert run([sys.executable, "-m", "hierpool.cli", *words], tmp_path)


def test_the_commands_of_make_are_the_readmes() -> None:
    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_no_line_of_the_readme_waits_for_a_number() -> None:
    assert "_TABLE" not in README


def run(words: list[str], folder: Path) -> str:
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
