"""``hierpool events``, ``ranks`` and ``contrasts``, as a user of the shell meets them."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import NAMES, fit_of

import hierpool as hp
from hierpool.cli.contrasts import _sentence
from hierpool.cli.main import main

pytestmark = pytest.mark.usefixtures("jax_as_it_was")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    hp.save(fit_of("beta", with_unseen=True), path)
    return str(path)


def row_of(printed: str, name: str) -> list[str]:
    (line,) = [line for line in printed.splitlines() if name in line]
    return line.split(name)[1].split()


def test_events_are_printed_and_written(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "events.csv")
    words = ["--above", ".35", "--above", ".4", "--trials-to-come", "300", "--output", table]
    assert main(["events", saved, *words]) == 0
    printed = capsys.readouterr().out
    assert "expected_number" in printed and "season_probability" in printed
    tree = hp.load(saved)
    told = hp.events(tree, above=[0.35, 0.4])
    got = pd.read_csv(table, index_col=["line", "group"])
    pd.testing.assert_frame_equal(got[["probability", "mcse"]], told.groups, check_index_type=False)
    for line in (0.35, 0.4):
        season = hp.season(tree, above=line, trials_to_come=300)
        later = got.loc[line][["season_probability", "season_mcse", "expected_rate"]]
        assert abs(later.to_numpy() - season.iloc[:, :3].to_numpy()).max() < 1e-12


def test_a_selection_is_written_in_the_order_of_the_groups(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "selected.csv")
    words = ["--above", ".25", "--false-discovery-rate", ".2", "--output", table]
    assert main(["events", saved, *words]) == 0
    assert row_of(capsys.readouterr().out, NAMES[0])[-1] == "True"
    got = pd.read_csv(table, index_col=["line", "group"]).loc[0.25]
    want = hp.select(hp.load(saved), above=0.25, false_discovery_rate=0.2)
    assert 0 < want["selected"].sum() < 18
    assert list(got.index) == [name for name in hp.load(saved)["posterior"]["groups"].values[:-1]]
    got = got.loc[want.index, want.columns]
    pd.testing.assert_frame_equal(got, want, check_index_type=False)


def test_ranks_are_printed_best_first_and_written(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / name) for name in ("ranks.csv", "distribution.parquet")]
    words = ["--top", "3", "--prob", ".5", "--output", files[0], "--distribution", files[1]]
    assert main(["ranks", saved, *words]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("The most probable best of 18 groups is Roberto Clemente (0.2")
    assert printed.splitlines()[4].startswith("Roberto Clemente")
    assert "Groups without trials that are left out: 1." in printed
    want = hp.rank(hp.load(saved), top=3, prob=0.5)
    pd.testing.assert_frame_equal(
        pd.read_csv(files[0], index_col="group").loc[NAMES], want.groups, check_index_type=False
    )
    distribution = pd.read_parquet(files[1])
    assert list(distribution.columns) == [str(rank) for rank in range(1, 19)]
    assert (distribution.to_numpy() == want.distribution.to_numpy()).all()


def test_the_lowest_may_be_the_best(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ranks", saved, "--best", "lowest", "--rows", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[4].startswith("Max Alvis")
    assert main(["contrasts", saved, "--best", "lowest"]) == 0
    assert capsys.readouterr().out.splitlines()[4].startswith("Max Alvis")


def test_contrasts_and_losses_are_printed_and_written(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "contrasts.csv")
    words = ["--rope", "-.01", ".02", "--prob", ".5", "--output", table]
    assert main(["contrasts", saved, *words]) == 0
    assert "\nExpected loss of choosing a group, " in capsys.readouterr().out
    tree = hp.load(saved)
    got = pd.read_csv(table, index_col=["a", "b"])
    want = hp.contrasts(tree, rope=(-0.01, 0.02), prob=0.5)
    pd.testing.assert_frame_equal(got, want, check_index_type=False)
    assert main(["contrasts", saved, "--rope", ".01", "--pair", NAMES[5], "unseen"]) == 0
    want = hp.contrast(tree, NAMES[5], "unseen", rope=0.01)
    printed = capsys.readouterr().out.splitlines()
    # A single pair is printed as a column.
    assert any(line.split() == ["b", "unseen"] for line in printed)
    (line,) = [line for line in printed if line.startswith("probability")]
    assert line.split()[1] == f"{want['probability'].item():.4f}"
    groups = [word for name in NAMES[:3] for word in ("--only", name)]
    assert main(["contrasts", saved, *groups, "--output", table, "--force"]) == 0
    assert len(pd.read_csv(table)) == 3


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("events", [], "the following arguments are required: --above"),
        ("events", ["--above", "35"], "above must lie between 0 and 1"),
        ("events", ["--above", ".3", "--trials-to-come", "-1"], "must not be negative"),
        ("events", ["--above", ".3", "--false-discovery-rate", "5"], "false_discovery_rate must"),
        (
            "events",
            ["--above", ".3", "--output", "groups.txt"],
            "must end in .csv, .parquet or .xlsx",
        ),
        ("ranks", ["--top", "19"], "top must be from 1 to 18"),
        ("ranks", ["--prob", "2"], "prob must lie between 0 and 1"),
        ("ranks", ["--distribution", "a.txt"], "must end in .csv, .parquet or .xlsx"),
        ("ranks", ["--output", "a.csv", "--distribution", "a.csv"], "the same file"),
        ("contrasts", ["--pair", "Ken Bery", "Max Alvis"], "nearest name is 'Ken Berry'"),
        ("contrasts", ["--pair", "a", "b", "--only", "a"], "give one of them"),
        ("contrasts", ["--only", "Ken Berry"], "needs two groups"),
        ("contrasts", ["--rope", "1", "2", "3"], "rope must be half a width"),
        ("contrasts", ["--most-pairs", "10"], "18 groups make 153 pairs"),
    ],
)
def test_wrong_words_get_one_sentence(
    saved: str,
    command: str,
    words: list[str],
    message: str,
    refuses: Callable[[list[str], str], None],
) -> None:
    refuses([command, saved, *words], message)


@pytest.mark.parametrize("command", ["ranks", "contrasts"])
def test_complete_pooling_is_refused_with_the_reason(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hp.save(fit_of("complete"), tmp_path / "fit.nc")
    assert main([command, str(tmp_path / "fit.nc")]) == 2
    assert "all groups have the same theta" in capsys.readouterr().err


def test_one_pair_is_a_sentence_of_its_own(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contrasts", saved, "--pair", *NAMES[:2]]) == 0
    row = hp.contrasts(hp.load(saved)).loc[(NAMES[0], NAMES[1])]
    want = f"{NAMES[0]} is above {NAMES[1]} with probability {row['probability']:.2f}"
    assert capsys.readouterr().out.startswith(want)
    assert main(["contrasts", saved]) == 0
    assert "with a probability over 0.95, for none of 153 pairs" in capsys.readouterr().out


def test_ranks_writes_who_is_among_the_top_and_the_whole_distribution(
    saved: str, tmp_path: Path
) -> None:
    table, whole = tmp_path / "ranks.csv", tmp_path / "whole.parquet"
    words = ["--top", "3", "--output", str(table), "--distribution", str(whole)]
    assert main(["ranks", saved, *words]) == 0
    got = pd.read_csv(table, index_col="group")["top"]
    want = hp.rank(hp.load(saved), top=3).groups["top"]
    pd.testing.assert_series_equal(got, want, check_index_type=False)
    distribution = hp.rank(hp.load(saved)).distribution
    # Names of columns are text in such a file.
    assert list(pd.read_parquet(whole).columns) == [str(name) for name in distribution.columns]
    np.testing.assert_allclose(pd.read_parquet(whole), distribution)


@pytest.mark.parametrize(("probability", "known"), [(0.05, "none"), (0.0499, "1"), (0.951, "1")])
def test_a_direction_is_known_above_95_percent_and_not_at_it(
    probability: float, known: str
) -> None:
    pairs = pd.DataFrame({"probability": [probability, 0.5]})
    loss = pd.DataFrame({"expected_loss": [0.1, 0.2]}, index=["a", "b"])
    assert f"over 0.95, for {known} of 2 pairs" in _sentence(pairs, loss, Namespace())
