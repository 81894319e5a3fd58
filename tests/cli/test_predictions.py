"""``hierpool predict`` and ``hierpool score``, as a user of the shell meets them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from fits import REST, four_fits
from tables import close

import hierpool as hp
from hierpool.cli.main import main
from hierpool.input.datasets import dataset_path

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
FILE = str(dataset_path("efron-morris-75"))
DATA = ["--data", FILE, "--group", "player"]
AHEAD = [*DATA, "--trials", "remaining_at_bats"]
LATER = [*DATA, "--successes", "remaining_hits", "--trials", "remaining_at_bats"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    hp.save(four_fits()["beta"], path)
    return str(path)


def test_predict_prints_and_writes_the_table(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "table.csv")
    assert main(["predict", saved, *AHEAD, "--prob", "0.8", "--output", table]) == 0
    printed = capsys.readouterr().out
    assert "\nSuccesses to come (lower and upper: 80% interval)\n" in printed
    assert [line for line in printed.splitlines() if line.startswith("Roberto Clemente")]
    want = hp.predict(hp.load(saved), trials=REST, prob=0.8)
    pd.testing.assert_frame_equal(
        pd.read_csv(table, index_col="group"), want, check_index_type=False
    )


def test_predict_knows_newcomers_and_saves_the_draws(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.nc")
    assert (
        main(
            [
                "predict",
                saved,
                "--trials-to-come",
                "100",
                "--new-group",
                "rookie=0/4",
                "--save",
                out,
            ]
        )
        == 0
    )
    sentence, *lines = capsys.readouterr().out.splitlines()
    assert sentence.startswith("rookie: 24.") and sentence.endswith("in 100 trials, 89% interval.")
    # The new group comes first, after the title and the header.
    rookie = lines[3]
    assert rookie.split()[1] == "100" and abs(float(rookie.split()[2]) - 24.753) < 0.5
    y = hp.load(out)["predictions"]["y"].sel(groups="rookie")
    close(y.mean(), 24.753, relative=0.03)
    # The file is a fit still.
    assert main(["predict", out, "--trials-to-come", "100"]) == 0


def test_predict_draws_by_the_seed(saved: str, tmp_path: Path) -> None:
    words = [
        "predict",
        saved,
        "--trials-to-come",
        "100",
        "--seed",
        "7",
        "--save",
        str(tmp_path / "a.nc"),
    ]
    assert main(words) == 0
    got = hp.load(tmp_path / "a.nc")["predictions"]["y"]
    tree = hp.load(saved)
    for seed, is_same in ((7, True), (0, False)):
        want = hp.add_predictions(tree, trials=100, seed=seed)["predictions"]["y"]
        assert got.equals(want) == is_same


@pytest.mark.parametrize("command", [["predict", *AHEAD], ["score", *LATER]])
def test_the_name_of_a_shipped_table_will_do(
    saved: str, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert FILE in command
    printed = []
    for name in (FILE, "efron-morris-75"):
        words = [name if word == FILE else word for word in command]
        assert main([words[0], saved, *words[1:]]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_score_prints_both_scores_and_the_coverage(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "table.parquet")
    assert main(["score", saved, *LATER, "--output", table]) == 0
    printed = capsys.readouterr().out
    for word in ("pointwise", "joint", "inside", "12"):
        assert word in printed
    groups = pd.read_parquet(table)
    assert groups["inside"].sum() == 12
    pointwise = groups["log_density"].sum()
    assert abs(pointwise - -74.106) < 5 * groups["mcse"].sum()


def test_few_draws_are_told_in_one_line(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"--new-group=outlier {i}=95/100" for i in range(4)]
    assert main(["predict", saved, "--trials-to-come", "9", *words]) == 0
    told = capsys.readouterr().err
    assert told.startswith("hierpool: 4000 draws are worth") and told.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "--trials-to-come", "-1"], "trials must not be negative"),
        (["predict", "--trials-to-come", "9", "--prob", "2"], "prob must lie between 0 and 1"),
        (["predict", "--trials", "x"], "go together"),
        (["predict", "--trials-to-come", "9", "--data", FILE], "go together"),
        (["predict", *DATA, "--trials", "x"], "has no column 'x'; it has 'player'"),
        (["predict", "--trials-to-come", "9", "--save", "nowhere/a.nc"], "does not exist"),
        (["predict", "--trials-to-come", "9", "--new-group", "Max Alvis=0/4"], "name of a group"),
        (
            ["predict", "--trials-to-come", "9", "--new-group", "a=0/4", "--new-group", "a=1/4"],
            "names 'a' twice",
        ),
        (
            ["predict", "--trials-to-come", "9", "--output", "a.csv", "--save", "a.csv"],
            "the same file",
        ),
        (["score", *LATER, "--prob", "0"], "prob must lie between 0 and 1"),
        (["score", *LATER[:-1], "remaining_hit"], "Did you mean 'remaining_hits'"),
    ],
)
def test_wrong_words_get_one_sentence(
    saved: str,
    words: list[str],
    message: str,
    refuses: Callable[[list[str], str], None],
) -> None:
    refuses([words[0], saved, *words[1:]], message)


def test_a_file_of_other_groups_is_refused(
    saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "later.csv"
    path.write_text("player,m\nMax Alvi,9\n")
    words = ["--data", str(path), "--group", "player", "--trials", "m"]
    assert main(["predict", saved, *words]) == 2
    assert "nearest name is 'Max Alvis'" in capsys.readouterr().err
    path.write_text("player,m\nMax Alvis,9 or so\n")
    assert main(["predict", saved, *words]) == 2
    assert "group 'Max Alvis' has '9 or so'" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--data", "--successes", "--trials", "--group"])
def test_score_names_the_flag_that_is_missing(
    flag: str, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = {"--data": FILE, "--successes": "y", "--trials": "n", "--group": "g"}
    words = [word for pair in held_out.items() if pair[0] != flag for word in pair]
    assert main(["score", saved, *words]) == 2
    assert flag in capsys.readouterr().err
