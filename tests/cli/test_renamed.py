"""Former names of commands, flags and models work, and say what they are now."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import COLUMNS, PLAYERS, four_fits
from shell import Run

import hierpool as hp
from hierpool.cli.renamed import current

TABLE = "efron-morris-75 --group player --successes hits --trials at_bats".split()
DATA = ["--data", "efron-morris-75", "--group", "player"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("renamed") / "fit.nc"
    hp.save(four_fits()["beta"], path)
    return str(path)


@pytest.mark.parametrize(
    ("former", "now", "sentence"),
    [
        (["checks"], ["predictive-check"], "checks is called predictive-check"),
        (
            ["predict", "--trials", "100"],
            ["predict", "--trials-to-come", "100"],
            "--trials 100 is called --trials-to-come 100",
        ),
        (
            ["predict", *DATA, "--trials-column", "remaining_at_bats"],
            ["predict", *DATA, "--trials", "remaining_at_bats"],
            "--trials-column is called --trials",
        ),
        (
            ["contrasts", "--group=Max Alvis", "--group", "Ken Berry"],
            ["contrasts", "--only=Max Alvis", "--only", "Ken Berry"],
            "--group is called --only",
        ),
    ],
)
def test_a_former_name_gives_the_same_and_says_so(
    former: list[str],
    now: list[str],
    sentence: str,
    saved: str,
    capsys: pytest.CaptureFixture[str],
    jax_as_it_was: None,
) -> None:
    want = Run([now[0], saved, *now[1:]], capsys)
    got = Run([former[0], saved, *former[1:]], capsys)
    assert (want.code, want.err) == (0, "") and (got.code, got.out) == (0, want.out)
    assert got.err.startswith(f"hierpool: {sentence}; the former name works in this version.\n")


def test_a_model_of_a_former_name_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], jax_as_it_was: None
) -> None:
    path = str(tmp_path / "models.csv")
    run = Run(["compare", *TABLE, "--model", "beta", "--model=none", "--output", path], capsys)
    assert run.code == 0 and "beta is called collapsed" in run.err
    assert set(pd.read_csv(path)["model"]) == {"collapsed", "none"}


def test_what_only_looks_like_a_former_name_is_left_alone() -> None:
    words = ["fit", "beta", "--group", "g", "--output", "checks", "--model", "spread"]
    assert current(words) == words


def test_python_knows_former_names() -> None:
    with pytest.warns(FutureWarning, match="newcomers is called hierpool.new_groups"):
        newcomers = hp.newcomers
    assert newcomers is hp.new_groups and "newcomers" not in hp.__all__
    with pytest.warns(FutureWarning, match="Model 'beta' is called 'collapsed'"):
        found = hp.compare(PLAYERS, **COLUMNS["efron-morris-75"], models=["beta"])
    want = hp.compare(PLAYERS, **COLUMNS["efron-morris-75"], models=["collapsed"])
    np.testing.assert_array_equal(found.models, want.models)
