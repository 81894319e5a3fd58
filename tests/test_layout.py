"""What the import contracts of pyproject.toml do not see: names, and the length of files."""

from pathlib import Path

import pytest

import hierpool

PACKAGE = Path(hierpool.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def test_no_public_name_is_that_of_a_room() -> None:
    # Whoever imported the room would get it in place of the function.
    rooms = {path.stem for path in PACKAGE.iterdir()}
    assert not set(hierpool.__all__) & rooms


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_past_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", hierpool.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    assert getattr(hierpool, name).__doc__
