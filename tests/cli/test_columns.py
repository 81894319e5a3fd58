"""The columns of a file are listed to whoever names none, with a guess."""

from pathlib import Path

import pytest

from hierpool.cli.columns import columns_of


def table(tmp_path: Path, names: list[str], row: list[object]) -> str:
    path = tmp_path / "t.csv"
    path.write_text(f"{','.join(names)}\n{','.join(map(str, row))}\n")
    return str(path)


@pytest.mark.parametrize(("number", "more"), [(20, ""), (21, " and 1 more"), (30, " and 10 more")])
def test_twenty_columns_are_listed_and_the_others_counted(
    number: int, more: str, tmp_path: Path
) -> None:
    names = [f"c{i}" for i in range(number)]
    said = columns_of(table(tmp_path, names, ["x"] * number), "hierpool fit")
    assert f"has {', '.join(names[:20])}{more}; " in said


def test_what_is_likely_to_be_meant_is_a_command(tmp_path: Path) -> None:
    path = table(tmp_path, ["my team", "successes", "trials"], ["a", 3, 9])
    said = columns_of(path, "hierpool fit")
    assert "has 'my team', successes, trials; perhaps: hierpool fit " in said
    assert said.endswith("--group 'my team' --successes successes --trials trials")


def test_where_nothing_can_be_guessed_the_flags_are_named(tmp_path: Path) -> None:
    said = columns_of(table(tmp_path, ["a", "b"], ["x", "y"]), "hierpool fit")
    assert said.endswith("has a, b; give --successes, --trials and --group.")
