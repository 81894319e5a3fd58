"""What every answering command says of a fit's file that is damaged, edited, or not converged."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from damage import DAMAGED, EDITED, bit_flipped
from shell import Run, refused
from trees import NAMES, NUM_GROUPS, tree_of

import hierpool as hp

pytestmark = pytest.mark.usefixtures("jax_as_it_was")

COMMANDS = {
    "summary": [],
    "events": ["--above", ".3", "--trials-to-come", "5", "--false-discovery-rate", ".1"],
    "ranks": [],
    "contrasts": ["--pair", *NAMES[:2]],
    "predict": ["--trials-to-come", "5"],
    "score": ["--data", "{later}", "--group", "who", "--successes", "y", "--trials", "n"],
    "predictive-check": [],
}


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return tree_of(successes=np.arange(NUM_GROUPS))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("later") / "later.csv"
    path.write_text(f"who,y,n\n{NAMES[0]},1,2\n{NAMES[1]},1,2\n")
    return path


def asked(
    command: str, fit: Path, later: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> Run:
    words = [word.format(later=later) for word in COMMANDS[command]]
    return Run([command, str(fit), *words, *more], capsys)


BROKEN: dict[str, Callable[[bytes, xr.DataTree, Path], None]] = {
    "cut off": lambda content, tree, path: path.write_bytes(DAMAGED["cut in the middle"](content)),
    "a bit flipped": lambda content, tree, path: path.write_bytes(bit_flipped(content, 5)),
    "no netCDF": lambda content, tree, path: path.write_bytes(b"who,y,n\n"),
    "edited": lambda content, tree, path: _save_edited(tree, path, "posterior/theta 2"),
    "swapped": lambda content, tree, path: _save_edited(
        tree, path, "two groups' successes swapped"
    ),
    "of a later format": lambda content, tree, path: _save_edited(tree, path, "a later format"),
}


def _save_edited(tree: xr.DataTree, path: Path, edit: str) -> None:
    tree = tree.copy(deep=True)
    EDITED[edit](tree)
    tree.to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN.keys())
def test_every_command_refuses_a_broken_fit_in_one_line(
    break_it: Callable[[bytes, xr.DataTree, Path], None],
    tree: xr.DataTree,
    later: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "fit.nc"
    hp.save(tree, path)
    break_it(path.read_bytes(), tree, path)
    for command in COMMANDS:
        refused(asked(command, path, later, capsys), r"fit\.nc")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_in_one_line_that_the_fit_did_not_converge(
    command: str,
    tree: xr.DataTree,
    later: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stuck = tree.copy()
    stuck.attrs = tree.attrs | {"hierpool_problems": json.dumps(["phi is stuck.", "Wait."])}
    hp.save(tree, tmp_path / "fine.nc")
    hp.save(stuck, tmp_path / "stuck.nc")
    fine = asked(command, tmp_path / "fine.nc", later, capsys)
    told = asked(command, tmp_path / "stuck.nc", later, capsys)
    assert (fine.code, told.code) == (0, 1)
    assert fine.out == told.out
    new = set(told.err.splitlines()) - set(fine.err.splitlines())
    assert new == {
        "hierpool: The fit did not converge, and its answers should not be trusted: "
        "phi is stuck. Wait."
    }
    assert told.err.count("did not converge") == 1
