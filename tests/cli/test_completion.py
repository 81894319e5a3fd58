"""The scripts that complete the command's words in a shell."""

import shutil
import subprocess
import sys

import pytest
from shell import Run

from hierpool.cli.main import COMMANDS

shtab = pytest.importorskip("shtab", reason="shtab writes the scripts")
FLAGS = {
    "fit": "--hyperparameters-only",
    "estimate": "--by",
    "summary": "--interval",
    "events": "--above",
    "ranks": "--best",
    "contrasts": "--pair",
    "predict": "--new-group",
    "score": "--data",
    "predictive-check": "--seed",
    "compare": "--nodes",
    "sensitivity": "--kappa-log-rate",
}
"""A flag of each command; other commands need none here."""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    run = Run(["--print-completion", shell], capsys)
    assert (run.code, run.err) == (0, "")
    return run.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_script_names_every_command_and_its_flags(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = script(shell, capsys)
    assert [name for name in COMMANDS if name not in written] == []
    # tcsh writes flags without their dashes in places.
    assert [flag for flag in FLAGS.values() if flag[2:] not in written] == []


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["hierpool", "summ"], "summary"),
        (["hierpool", "fit", "--hyper"], "--hyperparameters-only"),
        (["hierpool", "fit", "x.csv", "--model", "coll"], "collapsed"),
        (["hierpool", "summary", "here"], "here.nc"),
        (["hierpool", "fit", "--output", "here"], "here.nc"),
    ],
)
def test_bash_completes_commands_flags_choices_and_files(
    words: list[str],
    offered: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("here")
    (folder / "here.nc").touch()
    (folder / "script").write_text(script("bash", capsys))
    asked = f"""
        source ./script
        COMP_WORDS=({" ".join(words)})
        COMP_CWORD={len(words) - 1}
        $(complete -p hierpool | sed 's/.*-F \\([^ ]*\\).*/\\1/') hierpool {words[-1]} {words[-2]}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and offered in done.stdout.split()


def test_without_shtab_the_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    run = Run(["--print-completion", "bash"], capsys)
    assert (run.code, run.out) == (2, "")
    assert run.err == 'hierpool: Completion needs shtab: pip install "hierpool[completion]".\n'
