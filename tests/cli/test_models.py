"""``predictive-check``, ``compare`` and ``sensitivity``, as a user of the shell meets them."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tables import close

import hierpool as hp
from hierpool.cli.main import main
from hierpool.cli.predictive_check import _sentence
from hierpool.input.datasets import dataset_path

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
PLAYERS, RATS = (str(dataset_path(name)) for name in ("efron-morris-75", "rat-tumors"))
COLUMNS = ["--successes", "hits", "--trials", "at_bats", "--group", "player"]
BRIEF = ["--model", "complete", "--model", "none"]


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> str:
    tree = hp.fit(RATS, successes="tumors", trials="rats", model=hp.CompletePooling())
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    hp.save(tree, path)
    return str(path)


def test_checks_prints_p_values_and_whether_rates_go_with_trials(
    fit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checks.csv"
    assert main(["predictive-check", fit, "--output", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "Replicates of the same groups" in printed and "p_mid_mcse" in printed
    # Counts and rates have scales of their own, and so have their digits.
    (line,) = [line for line in printed.splitlines() if re.match("rates +sd ", line)]
    observed = hp.predictive_check(hp.load(fit)).loc[("rates", "sd"), "observed"]
    assert f" {observed:#.4g} " in line
    assert "residuals" in printed and "Rates rise with the number of trials" in printed
    got = pd.read_csv(path, index_col=[0, 1])
    pd.testing.assert_frame_equal(got, hp.predictive_check(hp.load(fit)))


def test_checks_replicates_new_groups_with_a_seed(
    fit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checks.csv"
    words = ["--replicates", "new-groups", "--seed", "7", "--output", str(path), "--rows", "3"]
    assert main(["predictive-check", fit, *words]) == 0
    printed = capsys.readouterr().out
    assert "Replicates of the new groups" in printed and "and 9 more" in printed
    want = hp.predictive_check(hp.load(fit), replicates="new-groups", seed=7)
    pd.testing.assert_frame_equal(pd.read_csv(path, index_col=[0, 1]), want)


def test_compare_prints_four_models_and_writes_their_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models, pointwise = tmp_path / "models.csv", tmp_path / "pointwise.csv"
    words = ["--output", str(models), "--pointwise", str(pointwise)]
    assert main(["compare", PLAYERS, *COLUMNS, *words]) == 0
    printed = capsys.readouterr().out
    names = [line.split()[0] for line in printed.splitlines()[4:8]]
    assert names == ["complete", "logit", "partial", "none"] and "-46.43" in printed
    table = pd.read_csv(models, index_col="model")
    parts = pd.read_csv(pointwise, index_col="group")
    assert list(table.index) == list(parts.columns) == names and "Roberto Clemente" in parts.index
    close(parts.sum(), table["elpd"], relative=1e-12)


def test_compare_takes_hyperparameters_and_new_groups(tmp_path: Path) -> None:
    path = tmp_path / "models.csv"
    words = [*BRIEF, "--theta-alpha", "3", "--new-group", "rookie=0/4", "--output", str(path)]
    assert main(["compare", PLAYERS, *COLUMNS, *words]) == 0
    models = {"complete": hp.CompletePooling(), "none": hp.NoPooling(theta_alpha=3)}
    want = hp.compare(
        PLAYERS,
        successes="hits",
        trials="at_bats",
        group="player",
        models=models,
        new_groups={"rookie": (0, 4)},
    )
    close(pd.read_csv(path, index_col="model"), want.models, relative=1e-12)


def test_sensitivity_prints_a_row_a_prior(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups, population = tmp_path / "groups.parquet", tmp_path / "population.csv"
    words = ["--output", str(groups), "--population", str(population), "--prob", "0.5"]
    for rate in ("0.5", "1.5"):
        words += ["--kappa-log-rate", rate]
    assert main(["sensitivity", PLAYERS, *COLUMNS, *words]) == 0
    printed = capsys.readouterr().out
    assert "lower and upper: 50%" in printed
    (row,) = [
        line
        for line in printed.splitlines()
        if line.startswith("kappa_log_rate=1.5") and "64.39" in line
    ]
    assert "-54.36" in row and "empirical Bayes" in printed
    table = pd.read_csv(population, index_col="prior")
    assert list(table.index) == ["kappa_log_rate=0.5", "kappa_log_rate=1.5", "empirical Bayes"]
    assert len(pd.read_parquet(groups)) == 3 * 18


@pytest.fixture
def rows(tmp_path: Path) -> list[str]:
    """Returns the words for a file in which a name has two rows."""
    path = tmp_path / "rows.csv"
    path.write_text("who,y,n\nA,1,4\nB,2,5\nA,3,6\nC,0,9\n")
    return [str(path), "--successes", "y", "--trials", "n", "--group", "who"]


SUMMED = {"who": ["A", "B", "C"], "y": [4, 2, 0], "n": [10, 5, 9]}


def test_compare_adds_up_rows_of_one_name_on_demand(rows: list[str], tmp_path: Path) -> None:
    out = tmp_path / "models.csv"
    assert main(["compare", *rows, *BRIEF, "--output", str(out)]) == 2
    assert main(["compare", *rows, *BRIEF, "--output", str(out), "--aggregate"]) == 0
    want = hp.compare(SUMMED, "y", "n", group="who", models=["complete", "none"]).models
    close(pd.read_csv(out, index_col="model").loc[want.index], want, relative=1e-12)


def test_the_flags_of_sensitivity_are_its_priors(rows: list[str], tmp_path: Path) -> None:
    out = tmp_path / "population.csv"
    words = [*rows, "--kappa-log-rate", "1.5", "--population", str(out)]
    assert main(["sensitivity", *words]) == 2
    words += ["--phi-alpha", "2", "--phi-beta", "5", "--aggregate"]
    assert main(["sensitivity", *words]) == 0
    want = hp.sensitivity(SUMMED, "y", "n", group="who", kappa_log_rate=[1.5], phi_prior=[(2, 5)])
    close(pd.read_csv(out, index_col="prior"), want.population, relative=1e-9)


def test_compare_takes_every_word_for_a_model(tmp_path: Path) -> None:
    out = tmp_path / "models.csv"
    words = ["--model", "partial", "--model", "collapsed"]
    assert main(["compare", "efron-morris-75", *COLUMNS, *words, "--output", str(out)]) == 0
    table = pd.read_csv(out, index_col="model")
    assert set(table.index) == {"partial", "collapsed"} and table["elpd"].nunique() == 1


def test_checks_draws_new_groups_by_the_seed(fit: str, capsys: pytest.CaptureFixture[str]) -> None:
    tree = hp.load(fit)
    sentences = {seed: hp.exchangeability(tree, seed=seed).sentence for seed in range(8)}
    other = next(seed for seed in sentences if sentences[seed] != sentences[0])
    assert main(["predictive-check", fit, "--seed", str(other)]) == 0
    assert sentences[other] in capsys.readouterr().out


def test_hyperpriors_of_sensitivity_reach_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "population.csv"
    words = ["--phi-alpha", "2", "--phi-beta", "5", "--kappa-log-rate", "1.5"]
    assert main(["sensitivity", PLAYERS, *COLUMNS, *words, "--population", str(path)]) == 0
    columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
    want = hp.sensitivity(PLAYERS, **columns, kappa_log_rate=(1.5,), phi_prior=[(2, 5)]).population
    got = pd.read_csv(path, index_col="prior")
    close(got.iloc[0]["phi_mean"], want.iloc[0]["phi_mean"], relative=1e-12)
    mirrored = hp.estimate(
        hp.load_dataset("efron-morris-75"), **columns, model=hp.CollapsedPartialPooling(1.5, 2, 5)
    )
    close(got.iloc[0]["phi_mean"], mirrored.population["phi_mean"].iloc[0], relative=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["compare", PLAYERS, *COLUMNS, "--output", "t.txt"],
            "must end in .csv, .parquet or .xlsx",
        ),
        (["compare", PLAYERS, *COLUMNS, "--pointwise", "no/t.csv"], "does not exist"),
        (
            ["compare", PLAYERS, *COLUMNS, "--output", "a.csv", "--pointwise", "a.csv"],
            "--output and --pointwise are the same file",
        ),
        (
            ["compare", PLAYERS, *COLUMNS, *BRIEF, "--mu-sd", "2"],
            "--mu-sd is not a hyperparameter of --model complete or none",
        ),
        (
            ["compare", PLAYERS, *COLUMNS, *BRIEF, "--phi-alpha", "-1"],
            "phi_alpha must be a positive number, not -1",
        ),
        (
            ["compare", PLAYERS, *COLUMNS, "--new-group", "a=0/4", "--new-group", "a=1/4"],
            "names 'a' twice",
        ),
        (["compare", "absent.csv", *COLUMNS], "absent.csv"),
        (["sensitivity", PLAYERS, *COLUMNS, "--prob", "2"], "prob must lie between 0 and 1"),
        (
            ["sensitivity", PLAYERS, *COLUMNS, "--kappa-log-rate", "0"],
            "kappa_log_rate must be a positive number, not 0",
        ),
        (
            ["sensitivity", PLAYERS, *COLUMNS, "--output", "a.csv", "--population", "./a.csv"],
            "--output and --population are the same file",
        ),
        (["predictive-check", "absent.nc"], "absent.nc does not exist"),
        (
            ["predictive-check", "absent.nc", "--output", "t.txt"],
            "must end in .csv, .parquet or .xlsx",
        ),
    ],
)
def test_wrong_words_get_one_sentence(
    words: list[str],
    message: str,
    refuses: Callable[[list[str], str], None],
) -> None:
    refuses(words, message)


@pytest.mark.parametrize("command", ["predictive-check", "compare", "sensitivity"])
def test_help_tells_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out


def test_the_sentence_of_checks_names_the_p_values_beyond_5_percent_alone() -> None:
    of = pd.MultiIndex.from_product([["rates"], ["mean", "sd", "minimum"]], names=["of", "name"])
    table = pd.DataFrame({"p_mid": [0.2, 0.94, 0.06]}, index=of)
    assert _sentence(table).startswith("None of 3 statistics is extreme")
    table["p_mid"] = [0.2, 0.951, 0.049]
    told = _sentence(table)
    assert told.startswith("2 of 3 statistics are extreme")
    assert "sd of rates (0.951), minimum of rates (0.049)" in told
