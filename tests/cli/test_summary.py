"""``hierpool summary``, as a user of the shell meets it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import hierpool as hp
from hierpool.cli.main import main

pytestmark = pytest.mark.usefixtures("jax_as_it_was")


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    players = hp.load_dataset("efron-morris-75")
    columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
    hp.save(hp.fit(players, **columns, model=hp.NoPooling()), path)
    return str(path)


def test_a_saved_fit_is_printed_and_written(
    fit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "groups.csv"
    words = ["--prob", "0.5", "--interval", "highest-density", "--output", str(written)]
    assert main(["summary", fit, *words, "--rows", "3"]) == 0
    printed = capsys.readouterr().out
    sentence, *lines = printed.splitlines()
    low, high = (f"{of(hp.summarize(hp.load(fit)).groups['mean']):.3f}" for of in (min, max))
    assert sentence == f"18 groups, from {low} (Max Alvis) to {high} (Roberto Clemente)."
    assert lines[3].startswith("Roberto Clemente ") and "Max Alvis" not in "".join(lines)
    assert "... and 15 more" in printed and "50% interval" in printed
    want = hp.summarize(hp.load(fit), prob=0.5, interval="highest-density").groups
    pd.testing.assert_frame_equal(
        pd.read_csv(written, index_col="group"), want, check_index_type=False
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.nc"], "nowhere.nc does not exist"),
        (["FIT", "--prob", "1"], "prob must lie between 0 and 1, not 1.0"),
        (["FIT", "--output", "groups.txt"], "must end in .csv, .parquet or .xlsx"),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str], message: str, fit: str, refuses: Callable[[list[str], str], None]
) -> None:
    refuses(["summary", *(fit if word == "FIT" else word for word in words)], message)
