"""The tables that people bring to the command."""

import io
from pathlib import Path

import pandas as pd
import pytest
from shell import COLUMNS, EXACT, PLAYERS, Run, fit, refused

import hierpool as hp

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
ROWS = "region,store,made,missed,sold\nn,1,3,4,7\nn,2,1,5,6\ns,1,2,2,4\n"
FLAT = ["--no-intervals", "--rows", "0", "--force", "--output"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("stores.csv").write_text(ROWS)
    Path("events.csv").write_text("who,hit\na,TRUE\na,FALSE\nb,1\n")
    Path("new.csv").write_text("region,store,made,missed,sold\nw,1,0,4,4\n")
    return tmp_path


def estimated(capsys: pytest.CaptureFixture[str], file: str, *words: str) -> pd.DataFrame:
    run = Run(["estimate", file, *words, *FLAT, "out.csv"], capsys)
    assert (run.code, run.err) == (0, "hierpool: saved out.csv\n")
    return pd.read_csv("out.csv")


@pytest.mark.usefixtures("folder")
def test_events_failures_and_numbers_are_what_their_counts_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_store = ["--group", "region", "--group", "store"]
    want = estimated(capsys, "stores.csv", *by_store, "--successes", "made", "--trials", "sold")
    assert want.columns[:3].tolist() == ["group", "region", "store"]
    words = [*by_store, "--successes", "made", "--failures", "missed"]
    pd.testing.assert_frame_equal(estimated(capsys, "stores.csv", *words), want)
    events = estimated(capsys, "events.csv", "--group", "who", "--successes", "hit")
    assert events[["successes", "trials"]].to_numpy().tolist() == [[1, 2], [1, 1]]
    words = ["--successes", "made", "--trials", "10"]
    assert estimated(capsys, "stores.csv", *words)["trials"].tolist() == [10, 10, 10]
    Path("stores.csv").write_text(ROWS.replace("sold", "10"))
    assert estimated(capsys, "stores.csv", *words)["trials"].tolist() == [7, 6, 4]


def test_a_file_of_new_groups_stands_beside_named_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--group", "region", "--group", "store", "--successes", "made", "--trials", "sold"]
    new = ["--new-groups", "new.csv", "--new-group", "w, 2=0/0"]
    table = estimated(capsys, "stores.csv", *words, *new)
    assert table["group"].tolist() == ["n, 1", "n, 2", "s, 1", "w, 1", "w, 2"]
    words[1:4] = ["region"]
    again = [*words, "--aggregate", "--new-groups", "new.csv", "--new-group", "w=0/0"]
    refused(Run(["estimate", "stores.csv", *again], capsys), "New group 'w' is in new.csv too")
    # What is read is not written over.
    run = Run(["estimate", "stores.csv", *again[:-2], "--force", "--output", "new.csv"], capsys)
    refused(run, "new.csv is the input new.csv itself")
    assert folder.exists()


@pytest.mark.usefixtures("folder")
def test_standard_input_is_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--group", "who", "--successes", "hit"]
    want = estimated(capsys, "events.csv", *words)
    content = Path("events.csv").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    pd.testing.assert_frame_equal(estimated(capsys, "-", *words), want)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (
            "stores.csv",
            "Name the columns: stores.csv has region, store, made, missed, sold; perhaps: hierpool "
            "{command} stores.csv --group region --successes made --failures missed --aggregate",
        ),
        (
            "events.csv",
            "Name the columns: events.csv has who, hit; perhaps: hierpool {command} events.csv "
            "--group who --successes hit",
        ),
    ],
)
def test_a_file_alone_is_answered_with_its_columns_and_a_guess(
    file: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("fit", "estimate", "compare", "sensitivity"):
        run = Run([command, file], capsys)
        assert (run.code, run.out) == (2, "")
        assert run.err == f"hierpool: {sentence.format(command=command)}\n"


@pytest.mark.usefixtures("folder")
def test_a_guess_runs_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    Path("odd.csv").write_text("the name,hits; all,at bats\nA,1,4\nB,2,4\n")
    for file in ("odd.csv", "events.csv", "efron-morris-75"):
        _, guess = Run(["estimate", file], capsys).err.split("perhaps: hierpool ")
        assert Run([*shlex.split(guess), "--no-intervals"], capsys).code == 0


def test_columns_without_a_guess_are_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"c{number}" for number in range(25)]
    (folder / "wide.csv").write_text(",".join(names) + "\n" + ",".join(["x"] * 25) + "\n")
    listed = f"wide.csv has {', '.join(names[:20])} and 5 more; give --successes, --trials and"
    refused(Run(["fit", "wide.csv"], capsys), listed)


def test_a_fit_of_several_columns_prints_and_saves_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--group", "region", "--group", "store", "--successes", "made", "--trials", "sold"]
    run = Run(["fit", "stores.csv", *words, "--model", "none", "--output", "fit.nc"], capsys)
    assert run.code == 0 and "region  store  successes" in run.out
    groups = hp.summarize(hp.load(folder / "fit.nc")).groups
    assert groups[["region", "store"]].to_numpy().tolist() == [["n", "1"], ["n", "2"], ["s", "1"]]
    run = Run(["summary", "fit.nc"], capsys)
    assert run.code == 0 and "region  store  successes" in run.out


def test_a_column_of_groups_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(["fit", PLAYERS, *COLUMNS, "--group", "player"], capsys)
    refused(run, "group names column 'player' twice")


def test_fit_of_data_sets_is_refused_with_where_to_go(capsys: pytest.CaptureFixture[str]) -> None:
    refused(fit(capsys, "--by", "team"), r"take hierpool estimate --by, .* hierpool\.fit\(")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--failures", "hits"], "Trials and failures are both given"),
        (
            ["--trials", "3"],
            r"hits must not exceed 3: group 'Roberto Clemente' \(line \d+\) has 18",
        ),
        (["--new-groups", "nowhere.csv"], "nowhere.csv: No such file"),
        (["--new-groups", PLAYERS], "New group 'Roberto Clemente' has the name of a group"),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(fit(capsys, *words, *EXACT), message)
