"""``hierpool estimate``, as a user of the shell meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import hierpool as hp
from hierpool.cli.main import main
from hierpool.input.datasets import dataset_path

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
SHIPPED = "efron-morris-75"
PLAYERS = str(dataset_path(SHIPPED))
COLUMNS = ["--successes", "hits", "--trials", "at_bats", "--group", "player"]


def test_it_prints_both_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", PLAYERS, *COLUMNS, "--new-group", "rookie=0/4"]) == 0
    printed = capsys.readouterr().out
    assert "kappa_median" in printed
    assert printed.startswith("rookie: 0.248 (0.151 to 0.341), 89% interval.\n")
    (rookie,) = [line for line in printed.splitlines() if line.startswith("rookie ")]
    assert "0.2475" in rookie


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_tables_are_written_whole(suffix: str, tmp_path: Path) -> None:
    groups, population = tmp_path / f"groups{suffix}", tmp_path / f"population{suffix}"
    words = ["--output", str(groups), "--population", str(population)]
    assert main(["estimate", PLAYERS, *COLUMNS, *words]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [groups.name, population.name]
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    want = hp.estimate(PLAYERS, successes="hits", trials="at_bats", group="player")
    got = read(groups).reset_index()
    assert list(got["group"]) == list(want.groups.index)
    assert abs(got["mean"].to_numpy() - want.groups["mean"].to_numpy()).max() < 1e-12
    assert abs(read(population)["phi_mean"].iloc[0] - want.population["phi_mean"].iloc[0]) < 1e-12


def test_data_sets_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "teams.csv"
    path.write_text("team,year,y,n\nA,1,3,10\nB,1,5,10\nA,2,1,4\nB,2,2,9\n")
    words = ["--successes", "y", "--trials", "n", "--group", "team", "--by", "year"]
    assert main(["estimate", str(path), *words]) == 0
    printed = capsys.readouterr().out
    assert "year" in printed and "group" in printed


def test_rows_of_one_name_are_added_up_on_demand(
    tmp_path: Path, refuses: Callable[[list[str], str], None]
) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    path.write_text("who,y,n\nA,1,4\nB,2,5\nA,3,6\n")
    words = ["estimate", str(path), "--successes", "y", "--trials", "n", "--group", "who"]
    refuses([*words, "--output", "out.csv"], "group 'A' (line 4) has the name of an earlier one")
    assert main([*words, "--no-intervals", "--aggregate", "--output", str(out)]) == 0
    summed = {"who": ["A", "B"], "y": [4, 2], "n": [10, 5]}
    want = hp.estimate(summed, successes="y", trials="n", group="who", prob=None).groups
    pd.testing.assert_frame_equal(pd.read_csv(out, index_col="group"), want, check_index_type=False)


def test_the_name_of_a_shipped_table_will_do(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{number}.csv" for number, name in enumerate((PLAYERS, SHIPPED))}
    for name, out in files.items():
        assert main(["estimate", name, *COLUMNS, "--no-intervals", "--output", str(out)]) == 0
    assert files[PLAYERS].read_text() == files[SHIPPED].read_text()


def test_without_intervals_none_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", PLAYERS, *COLUMNS, "--no-intervals"]) == 0
    assert "lower" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "groups.txt"], "must end in .csv, .parquet or .xlsx"),
        (["--output", "nowhere/groups.csv"], "does not exist"),
        (["--output", "a.csv", "--population", "a.csv"], "the same file"),
        (["--prob", "2"], "--prob must lie between 0 and 1"),
        (["--by", "playr"], "Did you mean 'player'"),
        (["--kappa-log-rate", "-1"], "kappa_log_rate must be a positive number"),
        (["--new-group", "a=0/4", "--new-group", "a=1/4"], "names 'a' twice"),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str],
    message: str,
    refuses: Callable[[list[str], str], None],
) -> None:
    refuses(["estimate", PLAYERS, *COLUMNS, *words], message)


def test_a_file_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("mine")
    assert main(["estimate", PLAYERS, *COLUMNS, "--output", str(path)]) == 2
    assert "--force" in capsys.readouterr().err and path.read_text() == "mine"
    assert main(["estimate", PLAYERS, *COLUMNS, "--output", str(path), "--force"]) == 0
    assert path.read_text() != "mine"


def test_the_nodes_that_are_asked_for_are_those_of_the_integration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, estimate = [], hp.estimate

    def heard(*words: Any, **settings: Any) -> Any:
        asked.append(settings["inference"])
        return estimate(*words, **settings)

    monkeypatch.setattr(hp, "estimate", heard)
    for words in ([], ["--nodes", "96"]):
        assert main(["estimate", PLAYERS, *COLUMNS, "--no-intervals", *words]) == 0
    assert asked == [None, hp.Quadrature(num_nodes=96)]
