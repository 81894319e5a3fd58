import argparse
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from shell import COLUMNS, EXACT, PLAYERS, Run, fit, refused

import hierpool as hp
from hierpool.cli.main import COMMANDS, _parser
from hierpool.inference import memory
from hierpool.mcmc import kernel, turns

# Every run with these arguments but another seed or prior is of one shape: compiled once.
SAMPLED = ["--model", "collapsed", "--chains", "2", "--warmup", "300", "--draws", "1000"]
QUADRATURE = ["--inference", "quadrature"]
# kappa_log may not quite mix in so few draws: what is tested here is the gate, not the sampler.
EASY = [*SAMPLED, "--max-rhat", "1.05"]


pytestmark = pytest.mark.usefixtures("jax_as_it_was")


def test_a_command_is_given_its_flags_once() -> None:
    (subparsers,) = (
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    command = subparsers.choices["ranks"]
    command.fill()
    flags = len(command._actions)
    command.fill()
    assert len(command._actions) == flags > 5


def test_a_fit_that_converged_prints_all_and_leaves_with_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = fit(capsys, *EASY, "--new-group", "a rookie=0/4")
    assert run.err == ""
    assert run.code == 0
    first, population, groups, seconds = run.out.rstrip("\n").split("\n\n")
    sentence, verdict = first.splitlines()
    assert sentence.startswith("a rookie: 0.2") and sentence.endswith(", 89% interval.")
    assert population.startswith("Population (lower and upper: 89% interval)")
    *parameters, note = population.splitlines()[2:]
    assert [line.split()[0] for line in parameters] == ["kappa", "kappa_log", "phi"]
    assert note.startswith("Without mean and sd: kappa, ")
    # kappa has neither mean nor sd, only median, lower and upper.
    assert len(population.splitlines()[2].split()) == 4
    lines = groups.splitlines()
    assert lines[1].split() == "group successes trials rate mean sd lower upper shrinkage".split()
    names = [re.sub(r" {2,}.*", "", line) for line in lines[2:]]
    assert names[0] == "a rookie" and names[1] == "Roberto Clemente" and names[-1] == "Max Alvis"
    assert set(names) == {*hp.load_dataset("efron-morris-75")["player"], "a rookie"}
    assert re.fullmatch(
        r"Converged: R-hat at most 1\.\d{4} \(.+\), effective draws at least \d+ in the \w+ \(.+\) "
        r"and \d+ in the \w+ \(.+\) of 2000, \d+ divergent\.",
        verdict,
    )
    times = r"Seconds: [\d.]+ loading, [\d.]+ compiling, [\d.]+ sampling, [\d.]+ the rest\."
    assert re.fullmatch(times, seconds)


def test_what_is_printed_is_the_summary_of_the_fit(capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(capsys, "--model", "none", "--prob", "0.5", "--seed", "3", "--theta-alpha", "2")
    tree = hp.fit(
        PLAYERS,
        successes="hits",
        trials="at_bats",
        group="player",
        model=hp.NoPooling(theta_alpha=2.0),
        seed=3,
    )
    row = hp.summarize(tree, prob=0.5).groups.loc["Max Alvis"]
    printed = next(line for line in run.out.splitlines() if line.startswith("Max Alvis"))
    want = ["7", "45", *(f"{row[name]:.4f}" for name in ("rate", "mean", "sd", "lower", "upper"))]
    assert printed.split()[2:] == want
    assert "Groups (lower and upper: 50% interval)" in run.out
    assert "Population" not in run.out
    assert "\nExact: 4000 independent draws.\n" in run.out
    assert run.code == 0


def test_a_fit_that_did_not_converge_is_printed_and_leaves_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = ["--model", "collapsed", "--chains", "2", "--warmup", "20", "--draws", "10"]
    run = fit(capsys, *short)
    assert run.code == 1
    assert "Not converged: R-hat at most" in run.out
    assert "Max Alvis" in run.out
    lines = run.err.splitlines()
    assert all(line.startswith("hierpool: ") and line.endswith(".") for line in lines)
    few = r"effective draws in the \w+, fewer than 100 a chain: take more draws"
    assert re.search(few, run.err)


def test_strict_refuses_what_a_few_divergent_draws_are_let_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Steps that are too large, in a program that no other test runs: its trees have another depth.
    for module in (kernel, turns):
        monkeypatch.setattr(module, "LARGEST_STEP", 1.3)
    table = "surgical-mortality --group hospital --successes deaths --trials operations".split()
    risky = ["fit", *table, *"--chains 2 --warmup 300 --draws 1000 --max-rhat 2".split()]
    risky += "--max-tree-depth 9 --target-accept 0.4 --seed 3".split()
    lenient, strict = Run(risky, capsys), Run([*risky, "--strict"], capsys)
    (divergent,) = map(int, re.findall(r"(\d+) divergent", lenient.out))
    assert f" {divergent} divergent" in strict.out
    assert divergent > 0
    assert f"{divergent} of 2000 draws diverged: raise target_accept (now 0.4)" in strict.err
    assert strict.code == 1
    assert ("diverged" in lenient.err) == (divergent > 2)


def test_the_gate_of_r_hat_is_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(capsys, *SAMPLED, "--max-rhat", "1.000000001")
    assert run.code == 1
    assert "and should be below 1.000000001" in run.err


@pytest.mark.parametrize(("rows", "shown"), [("5", 5), ("18", 18), ("100", 18), ("0", 18)], ids=str)
def test_rows_limits_what_is_printed(
    capsys: pytest.CaptureFixture[str], rows: str, shown: int
) -> None:
    run = fit(capsys, *EXACT, "--rows", rows)
    names = hp.load_dataset("efron-morris-75")["player"]
    assert sum(name in run.out for name in names) == shown
    assert ("... and 13 more (--rows 0 prints all)." in run.out) == (shown < 18)


def test_rows_leaves_the_small_table_of_the_population_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = fit(capsys, "--model", "collapsed", "--inference", "quadrature", "--rows", "1")
    assert all(f"\n{name} " in run.out for name in ("phi", "kappa", "kappa_log"))
    assert run.out.count(" more (") == 1 and "... and 17 more" in run.out


def test_output_can_be_loaded_and_nothing_else_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    assert fit(capsys, *EXACT, "--output", str(path), "--seed", "5").code == 0
    assert [file.name for file in tmp_path.iterdir()] == ["fit.nc"]
    tree = hp.load(path)
    assert tree.attrs["seed"] == 5
    assert list(hp.summarize(tree).groups["successes"]) == list(
        hp.load_dataset("efron-morris-75")["hits"]
    )
    assert fit(capsys, *EXACT, "--output", str(path), "--seed", "6", "--force").code == 0
    assert hp.load(path).attrs["seed"] == 6
    assert [file.name for file in tmp_path.iterdir()] == ["fit.nc"]


def test_csv_is_the_table_of_the_groups_whole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table, saved = tmp_path / "groups.csv", tmp_path / "fit.nc"
    run = fit(capsys, *EXACT, "--rows", "2", "--csv", str(table), "--output", str(saved))
    assert run.code == 0
    pd.testing.assert_frame_equal(
        pd.read_csv(table, index_col="group"),
        hp.summarize(hp.load(saved)).groups,
        check_index_type=False,
    )


def test_quadrature_implies_the_collapsed_model_and_is_exact(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    run = fit(capsys, *QUADRATURE, "--output", str(path))
    assert (run.code, run.err) == (0, f"hierpool: saved {path}\n")
    assert "\nExact: 4000 independent draws.\n" in run.out
    tree = hp.load(path)
    assert '"name": "CollapsedPartialPooling"' in tree.attrs["hierpool_model"]
    assert '"name": "Quadrature"' in tree.attrs["hierpool_inference"]
    assert np.isfinite(tree.attrs["log_evidence"])


@pytest.mark.usefixtures("tried_once")
def test_a_quadrature_that_did_not_converge_leaves_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = fit(capsys, *QUADRATURE, "--nodes", "8", "--tolerance", "1e-300")
    assert run.code == 1
    assert "Not converged: 4000 independent draws from a rough quadrature." in run.out
    assert "Max Alvis" in run.out
    assert re.fullmatch(r"hierpool: The quadrature did not converge .* or NUTS\.\n", run.err)


def test_the_hyperparameters_alone_are_printed_with_the_raw_rates(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "groups.csv"
    run = fit(capsys, *QUADRATURE, "--hyperparameters-only", "--csv", str(path))
    assert (run.code, run.err) == (0, f"hierpool: saved {path}\n")
    sentence, population, groups, _ = run.out.rstrip("\n").split("\n\n")
    assert sentence.startswith("18 groups; population mean 0.26")
    assert len(population.splitlines()) == 6
    title, header, first = groups.splitlines()[:3]
    assert (title, header.split()) == ("Groups", ["group", "successes", "trials", "rate"])
    assert first.split()[2:] == ["18", "45", "0.4000"]
    assert list(pd.read_csv(path, index_col="group").columns) == ["successes", "trials", "rate"]


def test_a_fit_that_finds_no_room_in_memory_is_told_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1_000_000)
    refused(fit(capsys, *EXACT), r"4,000 draws of 18 groups would take .* is available: take")


def test_many_groups_in_a_joint_model_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "many.csv"
    path.write_text("hits,at_bats\n" + "1,5\n" * 2001)
    short = ["--chains", "1", "--warmup", "0", "--draws", "4", "--max-tree-depth", "1"]
    run = Run(["fit", str(path), *COLUMNS[:4], *short, "--hyperparameters-only"], capsys)
    told = [line for line in run.err.splitlines() if "CollapsedPartialPooling has the same" in line]
    assert len(told) == 1
    assert told[0].startswith("hierpool: PartialPooling explores a number for each of 2,001 groups")


def test_a_fit_that_did_not_converge_is_saved_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "fit.nc"
    run = fit(capsys, *SAMPLED, "--max-rhat", "1.000000001", "--output", str(path))
    assert run.code == 1
    assert run.err.count("should be below") == 1
    assert hp.load(path)["posterior"].sizes["draw"] == 1000
    # Answers go by the gate that was asked for.
    asked = Run(["summary", str(path)], capsys)
    assert (asked.code, len(asked.err.splitlines())) == (1, 1)
    assert "did not converge" in asked.err and "should be below 1.000000001" in asked.err
    fit(capsys, *EASY, "--output", str(path), "--force")
    assert Run(["summary", str(path)], capsys).err == ""


def test_aggregate_adds_up_the_rows_of_a_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "halves.tsv"
    path.write_text("# two halves\nplayer\thits\tat_bats\nAnn\t1\t4\nBob\t2\t4\nAnn\t2\t4\n")
    refused = fit(capsys, *EXACT, file=str(path))
    assert refused.code == 2
    assert "group 'Ann' (line 5) has the name of an earlier one" in refused.err
    assert "--aggregate" in refused.err
    run = fit(capsys, *EXACT, "--aggregate", file=str(path))
    assert run.code == 0
    assert re.search(r"^Ann +3 +8 +0\.3750", run.out, re.MULTILINE)


def test_a_shipped_name_and_a_parquet_file_are_fitted_as_the_file_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hp.load_dataset("efron-morris-75").to_parquet("players.parquet")
    tables = []
    for number, name in enumerate((PLAYERS, "efron-morris-75", "players.parquet")):
        assert fit(capsys, *EXACT, "--csv", f"{number}.csv", file=name).code == 0
        tables.append(Path(f"{number}.csv").read_text())
    assert tables[0] == tables[1] == tables[2]


def test_without_a_column_groups_are_named_by_their_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Run(["fit", PLAYERS, *COLUMNS[:4], *EXACT], capsys)
    assert run.code == 0
    assert re.search(r"^17 +7 +45 ", run.out, re.MULTILINE)


def test_a_traceback_can_be_asked_for_and_changes_no_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIERPOOL_TRACEBACK", "1")
    run = fit(capsys, "--prob", "2")
    first, *_, last = run.err.splitlines()
    assert (run.code, run.out) == (2, "")
    assert first.startswith("Traceback") and re.match("hierpool: --prob must lie", last)


@pytest.mark.usefixtures("no_cache")
def test_the_command_keeps_its_cache_to_the_user(
    capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    assert fit(capsys, *EXACT).code == 0
    folder = cache / "hierpool" / "jax"
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("no_cache")
def test_a_cache_that_can_not_be_made_stops_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert fit(capsys, *EXACT).code == 0
    assert jax.config.jax_compilation_cache_dir is None


def test_draws_do_not_depend_on_what_is_printed_or_saved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first, second = str(tmp_path / "first.nc"), str(tmp_path / "second.nc")
    fit(capsys, *SAMPLED, "--output", first)
    fit(capsys, *SAMPLED, "--output", second, "--rows", "1", "--quiet", "--prob", "0.5")
    np.testing.assert_array_equal(
        hp.load(first)["posterior"]["theta"], hp.load(second)["posterior"]["theta"]
    )


def test_version_and_help_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    version = Run(["--version"], capsys)
    assert (version.code, version.out) == (0, f"hierpool {hp.__version__}\n")
    assert Run(["--help"], capsys).code == 0
    helped = Run(["fit", "--help"], capsys)
    assert helped.code == 0
    assert "Exit codes: 0 done, 1 not converged, 2 wrong input, 3" in helped.out
    alone = Run([], capsys)
    assert alone.code == 2
    assert "fit a model" in alone.out


@pytest.mark.parametrize(
    "command", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)]
)
def test_help_waits_for_no_library(command: list[str]) -> None:
    program = f"""
import sys
from hierpool.cli.main import main
try:
    main({command!r})
except SystemExit:
    pass
late = ("jax", "jaxlib", "blackjax", "numpy", "scipy", "pandas", "xarray", "arviz", "arviz_base")
print([name for name in late if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert "hierpool" in done.stdout
