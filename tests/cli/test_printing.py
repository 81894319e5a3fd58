"""How the command prints: sorted, in the width of the terminal, as JSON, and into files."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from fits import NAMES, fit_of
from shell import PLAYERS, Run

import hierpool as hp
from hierpool.cli.printing import width_of_output
from hierpool.runtime.text import columns_of

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
COLUMNS = ["--successes", "hits", "--trials", "at_bats", "--group", "player"]
LATER = ["--data", PLAYERS, "--group", "player", "--trials", "remaining_at_bats"]
OF_A_FIT = {
    "summary": [],
    "events": ["--above", ".3", "--trials-to-come", "9", "--false-discovery-rate", ".2"],
    "ranks": ["--top", "3"],
    "contrasts": ["--pair", "Ken Berry", "Max Alvis"],
    "predict": ["--trials-to-come", "100", "--new-group", "rookie=0/4"],
    "score": [*LATER, "--successes", "remaining_hits"],
    "predictive-check": [],
}
OF_A_FILE = {
    "fit": ["--model", "complete", "--new-group", "rookie=0/4"],
    "estimate": ["--no-intervals"],
    "compare": ["--model", "complete", "--model", "none"],
    "sensitivity": ["--kappa-log-rate", "1.5"],
}
TABLES = {
    "summary": ["population", "groups"],
    "events": ["joint", "groups"],
    "ranks": ["groups"],
    "contrasts": ["contrasts", "losses"],
    "predict": ["groups"],
    "score": ["scores", "coverage", "groups"],
    "predictive-check": ["checks"],
    "fit": ["population", "groups"],
    "estimate": ["population", "groups"],
    "compare": ["models"],
    "sensitivity": ["population", "groups"],
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    hp.save(fit_of("beta", with_unseen=True), path)
    return str(path)


@pytest.fixture
def ask(
    saved: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    """Runs a command with its words and more, in a terminal of some columns or in a pipe."""

    def run(command: str, *more: str, columns: int | None = None) -> Run:
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", str(columns))
        if command in OF_A_FIT:
            return Run([command, saved, *OF_A_FIT[command], *more], capsys)
        return Run([command, PLAYERS, *COLUMNS, *OF_A_FILE[command], *more], capsys)

    return run


@pytest.mark.parametrize("command", TABLES)
@pytest.mark.parametrize("columns", [40, 80])
def test_a_sentence_comes_first_and_no_line_is_wider_than_the_terminal(
    command: str, columns: int, ask: Callable[..., Run]
) -> None:
    run = ask(command, columns=columns)
    first = run.out.split("\n\n")[0]
    assert run.code == 0 and first.endswith(".") and len(first.split()) > 5
    assert max(map(columns_of, run.out.splitlines())) <= columns


@pytest.mark.parametrize("command", TABLES)
def test_json_holds_the_sentence_and_every_row_of_the_tables(
    command: str, ask: Callable[..., Run]
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    run, text = ask(command, "--json", "--rows", "1"), ask(command)
    answer = json.loads(run.out, parse_constant=refuse)
    assert run.code == 0 and run.out.isascii()
    assert text.out.startswith(answer["answer"])
    assert [name for name, value in answer.items() if isinstance(value, list)] == TABLES[command]
    for name in TABLES[command]:
        assert answer[name] and all(set(row) == set(answer[name][0]) for row in answer[name])


def test_the_keys_of_json_are_the_columns_of_the_table_and_nan_is_null(
    ask: Callable[..., Run], tmp_path: Path
) -> None:
    path = tmp_path / "groups.csv"
    answer = json.loads(ask("summary", "--json", "--output", str(path)).out)
    written = pd.read_csv(path)
    assert [list(row) for row in answer["groups"]] == [list(written.columns)] * len(written)
    assert pd.DataFrame(answer["groups"])["mean"].tolist() == written["mean"].tolist()
    # A group without trials has no raw rate, and kappa has no mean.
    assert answer["groups"][-1]["rate"] is None
    assert [row["mean"] is None for row in answer["population"]] == [True, False, False]


def test_json_of_fit_says_whether_it_converged(ask: Callable[..., Run]) -> None:
    verdict = json.loads(ask("fit", "--json").out)["verdict"]
    assert verdict["converged"] is True and verdict["problems"] == []
    assert verdict["sentence"] == "Exact: 4000 independent draws." and verdict["rhat"] is None


def names_of(run: Run) -> list[str]:
    """Returns the names of the last table, in its order."""
    lines = run.out.split("\n\n")[-1].strip("\n").splitlines()[2:]
    return [line.split("  ")[0] for line in lines]


def test_rows_are_sorted_by_what_the_user_names(ask: Callable[..., Run]) -> None:
    groups = hp.summarize(fit_of("beta", with_unseen=True)).groups
    largest = list(groups.sort_values("mean", ascending=False, kind="stable").index)
    assert names_of(ask("summary"))[1:] == [name for name in largest if name != "unseen"]
    assert names_of(ask("summary", "--sort", "mean")) == largest
    assert names_of(ask("summary", "--sort", "name")) == sorted(groups.index)
    assert names_of(ask("summary", "--sort", "group:desc")) == sorted(groups.index)[::-1]
    assert names_of(ask("summary", "--sort", "input")) == list(groups.index)
    trials = ask("summary", "--sort", "trials:asc")
    assert names_of(trials)[0] == "unseen" and names_of(trials)[1:] == list(groups.index[:-1])


def test_new_groups_and_asked_pairs_come_first(ask: Callable[..., Run]) -> None:
    assert names_of(ask("summary", "--rows", "1"))[0] == "unseen"
    assert names_of(ask("predict", "--rows", "1"))[0] == "rookie"
    assert ask("predict").out.startswith("rookie: ")
    asked = ask("contrasts").out
    assert asked.startswith("Ken Berry is above Max Alvis with probability 0.8")
    assert asked.index("Contrasts") < asked.index("Expected loss")
    assert "Roberto Clemente" not in asked


@pytest.mark.parametrize("command", ["summary", "ranks", "events", "predict"])
def test_files_keep_the_order_of_the_input_unless_told(
    command: str, ask: Callable[..., Run], tmp_path: Path
) -> None:
    paths = [tmp_path / "input.csv", tmp_path / "sorted.csv"]
    ask(command, "--output", str(paths[0]))
    ask(command, "--output", str(paths[1]), "--sort", "name")
    by_input, by_name = (list(pd.read_csv(path)["group"]) for path in paths)
    assert by_input[:18] == NAMES and by_name == sorted(by_input)


def test_a_column_that_is_not_there_gets_the_nearest(ask: Callable[..., Run]) -> None:
    run = ask("ranks", "--sort", "bst")
    assert (run.code, run.out) == (2, "")
    assert "--sort 'bst' is no column of the table. Did you mean 'best'?" in run.err


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_what_is_saved_is_said_unless_quiet(
    suffix: str, ask: Callable[..., Run], tmp_path: Path
) -> None:
    path = str(tmp_path / f"table{suffix}")
    assert ask("summary", "--output", path).err == f"hierpool: saved {path}\n"
    assert ask("summary", "--output", path, "--force", "--quiet").err == ""
    # A fit's groups, and the fit.
    words = ["--csv", path, "--output", str(tmp_path / "fit.nc"), "--force"]
    saved = ask("fit", *words).err
    assert saved.count("hierpool: saved ") == 2 and path in saved and "fit.nc" in saved


def test_a_spreadsheet_holds_the_table_and_a_formula_stays_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, path = tmp_path / "in.csv", tmp_path / "out.xlsx"
    names = ["=1+1", "+2", "C\x1b", "\u6771\u4eac"]
    source.write_text("g,y,n\n" + "".join(f"{name},1,{10 * i}\n" for i, name in enumerate(names)))
    source.write_text(source.read_text().replace("=1+1,1,0", "=1+1,0,0"))
    words = ["--successes", "y", "--trials", "n", "--group", "g", "--model", "none"]
    assert Run(["fit", str(source), *words, "--csv", str(path)], capsys).code == 0
    header, *rows = openpyxl.load_workbook(path).active.iter_rows()
    assert [cell.value for cell in header][:4] == ["group", "successes", "trials", "rate"]
    assert [row[0].value for row in rows] == ["=1+1", "+2", "C\\x1b", "\u6771\u4eac"]
    assert {row[0].data_type for row in rows} == {"s"}
    assert rows[0][3].value is None and rows[1][3].value == 0.1


def test_a_spreadsheet_without_its_library_names_the_extra(
    ask: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    run = ask("summary", "--output", str(tmp_path / "t.xlsx"))
    assert (run.code, run.out) == (2, "") and 'pip install "hierpool[excel]"' in run.err


def test_the_width_is_that_of_the_terminal_and_a_pipe_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Undone before pytest itself asks for the width of its terminal.
    with monkeypatch.context() as changed:
        changed.delenv("COLUMNS", raising=False)
        assert width_of_output() is None
        changed.setenv("COLUMNS", "57")
        assert width_of_output() == 57
        changed.setenv("COLUMNS", "wide")
        changed.setattr(sys, "stdout", type("Terminal", (), {"isatty": lambda self: True})())
        changed.setattr("shutil.get_terminal_size", lambda: os.terminal_size((91, 24)))
        assert width_of_output() == 91
        changed.setattr(sys, "stdout", None)
        assert width_of_output() is None
