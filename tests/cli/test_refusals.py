"""What the command refuses, in one sentence each, and that nothing is left behind."""

from pathlib import Path

import pytest
from shell import EXACT, PLAYERS, Run, fit, refused

pytestmark = pytest.mark.usefixtures("jax_as_it_was")

# What is wrong: the arguments after FILE and the columns, and what a user must read.
BAD = {
    "column": (["--trials", "at_bat"], r"no column 'at_bat'.* Did you mean 'at_bats'\?"),
    "swapped columns": (
        ["--successes", "at_bats", "--trials", "hits"],
        r"at_bats must not exceed hits \(are the two columns swapped\?\): group 'Roberto Clemente' "
        r"\(line 5\) has 45 of 18",
    ),
    "form of a new group": (
        ["--new-group", "rookie"],
        r"--new-group: 'rookie' is not of the form NAME=SUCCESSES/TRIALS, as in rookie=0/4",
    ),
    "new group of fractions": (["--new-group", "rookie=0.5/4"], r"not of the form"),
    "new group without a name": (
        ["--new-group", "=0/4"],
        r"The name of a new group must be text that is not blank",
    ),
    "new group above its trials": (["--new-group", "rookie=5/4"], r"'rookie' has 5 of 4"),
    "new group with an old name": (["--new-group", "Max Alvis=0/4"], r"'Max Alvis' has the name"),
    "two new groups of one name": (
        ["--new-group", "rookie=0/4", "--new-group", "rookie=1/4"],
        r"--new-group names 'rookie' twice",
    ),
    "model": (["--model", "best"], r"--model: invalid choice: 'best' \(choose from .*collapsed"),
    "hyperparameter of another model": (
        ["--theta-alpha", "2"],
        r"--theta-alpha is not a hyperparameter of --model complete, which has --phi-alpha, "
        r"--phi-beta\.",
    ),
    "hyperparameter out of range": (["--phi-alpha", "-1"], r"phi_alpha must be a positive"),
    "hyperparameter that is NaN": (["--phi-alpha", "nan"], r"phi_alpha must be a positive"),
    "hyperparameter that is text": (["--phi-alpha", "x"], r"--phi-alpha must be a number, not 'x'"),
    "prob": (["--prob", "1.5"], r"--prob must lie between 0 and 1, not 1\.5"),
    "prob that is NaN": (["--prob", "nan"], r"--prob must lie between 0 and 1, not nan"),
    "a flag of NUTS for quadrature": (
        ["--inference", "quadrature", "--target-accept", "0.9"],
        r"--target-accept is for --inference nuts, and this is quadrature: leave it out\.",
    ),
    "a flag of quadrature for NUTS": (
        ["--nodes", "64"],
        r"--nodes is for --inference quadrature, and this is nuts: leave it out\.",
    ),
    "inference": (["--inference", "best"], r"--inference: invalid choice: 'best'"),
    "nodes": (["--inference", "quadrature", "--nodes", "7"], r"num_nodes .* at least 8, not 7"),
    "tolerance": (
        ["--inference", "quadrature", "--tolerance", "0"],
        r"tolerance must be a positive number, not 0\.0",
    ),
    "more than two numbers for quadrature": (
        ["--model", "partial", "--inference", "quadrature"],
        r"Quadrature explores a position of two numbers, and PartialPooling has 20: take NUTS, or ",
    ),
    "hyperparameters of none": (
        ["--model", "none", "--hyperparameters-only"],
        r"NoPooling has no hyperparameters: fit it without",
    ),
    "R-hat": (["--max-rhat", "0.9"], r"--max-rhat must be above 1, not 0\.9"),
    "chains": (["--chains", "0"], r"chains must be a whole number, at least 1, not 0"),
    "draws": (["--draws", "3"], r"draws must be a whole number, at least 4, not 3"),
    "warm-up": (["--warmup", "-1"], r"warmup must be a whole number, at least 0, not -1"),
    "draws that are no number": (
        ["--draws", "many"],
        r"--draws must be a whole number, not 'many'",
    ),
    "target acceptance": (["--target-accept", "1.2"], r"must lie between 0 and 1, not 1\.2"),
    "tree depth": (["--max-tree-depth", "0"], r"max_tree_depth .* at least 1, not 0"),
    "seed": (["--seed", "-1"], r"seed must be a whole number from 0 to 2\^63 - 1, not -1"),
    "unknown flag": (["--fast"], r"there is no flag --fast"),
    "output that exists": (["--output", "{here}/old.nc"], r"old\.nc exists: --force .*replaces it"),
    "output in no folder": (["--output", "{here}/nowhere/fit.nc"], r"folder .* does not exist"),
    "output that is a folder": (["--output", "{here}"], r"is a folder: name a file in it"),
    "CSV that exists": (["--csv", "{here}/old.nc"], r"old\.nc exists: --force .*replaces it"),
    "CSV in no folder": (
        ["--csv", "{here}/nowhere/x.csv", "--output", "{here}/fit.nc"],
        r"folder .*nowhere does not exist: make it first",
    ),
    "CSV that is a folder": (["--csv", "{here}", "--force"], r"is a folder: name a file in it"),
    "output and CSV in one": (
        ["--output", "{here}/fit.nc", "--csv", "{here}/./fit.nc"],
        r"--output and --csv are the same file",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_argument_is_told_in_one_sentence_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "old.nc").write_text("old")
    filled = [word.format(here=tmp_path) for word in arguments]
    refused(fit(capsys, *EXACT, *filled), message)
    assert [file.name for file in tmp_path.iterdir()] == ["old.nc"]
    assert (tmp_path / "old.nc").read_text() == "old"


BAD_FILES = {
    "empty": (b"", r"table\.csv is empty"),
    "only a header": (b"player,hits,at_bats\n", r"table\.csv has no rows"),
    "text": (
        b"player,hits,at_bats\nA,one,2\n",
        r"hits must be whole numbers: group 'A' \(line 2\) has 'one'",
    ),
    "above": (b"player,hits,at_bats\nA,3,2\n", r"'A' \(line 2\) has 3 of 2"),
    "ragged": (b"player,hits,at_bats\nA,3\n", r"table\.csv, line 2: 2 fields"),
    "UTF-16": ("player,hits,at_bats\nA,1,2\n".encode("utf-16"), r"UTF-16: save it as UTF-8"),
    "Latin-1": (b"player,hits,at_bats\nJos\xe9,1,2\n", r"not in UTF-8 \(line 2\)"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_data_are_told_in_one_sentence_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    output = ["--output", f"{tmp_path}/fit.nc", "--csv", f"{tmp_path}/groups.csv"]
    refused(fit(capsys, *EXACT, *output, file=str(path)), message)
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_a_missing_file_and_a_folder_are_told_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = f"{tmp_path}/nowhere.csv"
    refused(fit(capsys, *EXACT, file=missing), f"hierpool: {missing}: No such file or directory")
    refused(fit(capsys, *EXACT, file=str(tmp_path)), f"hierpool: {tmp_path}: Is a directory")


def test_columns_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    refused(Run(["fit", PLAYERS], capsys), r"perhaps: hierpool fit .*--trials at_bats")
