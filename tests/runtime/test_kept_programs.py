"""Programs that are kept from one run of the command to the next."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tables import PLAYERS

import hierpool as hp
from hierpool.likelihood.special import log_beta
from hierpool.posterior import theta
from hierpool.runtime import kept_programs
from hierpool.runtime.kept_programs import keep_in
from hierpool.runtime.programs import COMPILED_SOON, BySize

A, B = np.array([2.0, 3.5]), np.array([0.5, 40.0])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    keep_in(tmp_path)
    yield tmp_path
    keep_in(None)


def named(function: Callable[..., Any], of: Callable[..., Any] = log_beta) -> Callable[..., Any]:
    """Returns a function that goes by the name of another."""
    function.__module__, function.__qualname__ = of.__module__, of.__qualname__
    return function


def never(a: jax.Array, b: jax.Array) -> jax.Array:
    raise AssertionError("It was traced.")


def programs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_program_is_traced_once_and_gives_the_same_result_ever_after(
    folder: Path, double: None
) -> None:
    wanted = np.asarray(log_beta(A, B))
    np.testing.assert_allclose(BySize(log_beta)(A, B), wanted, rtol=1e-15)
    first = np.asarray(BySize(log_beta)(A, B))
    again = BySize(named(never))(A, B)
    np.testing.assert_array_equal(again, first)
    assert len(programs(folder)) == 1


def test_without_a_folder_nothing_is_kept(folder: Path, double: None) -> None:
    keep_in(None)
    BySize(log_beta)(A, B)
    with pytest.raises(AssertionError, match="traced"):
        BySize(named(never))(A, B)
    assert programs(folder) == []


def test_the_structure_of_what_is_returned_is_kept_too(folder: Path, double: None) -> None:
    model = hp.CollapsedPartialPooling()
    position = {"logit_phi": np.zeros(3), "log_kappa_log": np.ones(3)}
    alone = theta._prior_counts._function(model, position)
    for _ in range(2):
        found = BySize(theta._prior_counts._function)(model, position)
        assert isinstance(found, tuple)
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


def scaled(x: jax.Array, *, by: float = 1.0) -> jax.Array:
    return by * x


named(scaled)


def test_whatever_a_program_depends_on_gives_another(folder: Path) -> None:
    numbers = np.ones(3, np.float32)
    BySize(scaled)(numbers)
    BySize(scaled)(numbers)
    assert len(programs(folder)) == 1
    changes: list[Callable[[], Any]] = [
        lambda: BySize(scaled)(numbers[:2]),
        lambda: BySize(scaled)(numbers.astype(np.int32)),
        lambda: BySize(scaled)(1.0),
        lambda: BySize(scaled)(numbers, by=2.0),
        lambda: BySize(scaled, COMPILED_SOON)(numbers),
        lambda: BySize(named(lambda x: x, hp.fit))(numbers),
    ]
    for number, change in enumerate(changes, start=2):
        change()
        assert len(programs(folder)) == number
    with jax.enable_x64(not jax.config.jax_enable_x64):
        BySize(scaled)(numbers)
    assert len(programs(folder)) == len(changes) + 2
    assert np.all(BySize(scaled)(numbers, by=2.0) == 2)


@pytest.mark.parametrize("changed", ["source", "a new file", "settings of JAX", "version"])
def test_another_state_of_the_machine_gives_another(
    changed: str,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    double: None,
) -> None:
    package = tmp_path_factory.mktemp("package")
    (package / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(kept_programs, "_PACKAGE", package)
    kept_programs._surroundings.cache_clear()
    BySize(log_beta)(A, B)
    match changed:
        case "source":
            (package / "one.py").write_text("x = 2\n")
        case "a new file":
            (package / "two.py").write_text("")
        case "settings of JAX":
            monkeypatch.setenv("JAX_THREEFRY_PARTITIONABLE", "0")
        case "version":
            monkeypatch.setattr(kept_programs, "version", lambda name: "0")
    kept_programs._surroundings.cache_clear()
    BySize(log_beta)(A, B)
    monkeypatch.undo()
    kept_programs._surroundings.cache_clear()
    assert len(programs(folder)) == 2


@pytest.mark.parametrize("damage", ["torn", "empty", "one bit", "foreign"])
def test_a_file_that_is_not_a_whole_program_is_replaced(
    damage: str, folder: Path, double: None
) -> None:
    wanted = np.asarray(BySize(log_beta)(A, B))
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    flipped = whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
    foreign = kept_programs._HASH(b"not a program").digest() + b"not a program"
    path.write_bytes(
        {"torn": whole[: len(whole) // 2], "empty": b"", "one bit": flipped, "foreign": foreign}[
            damage
        ]
    )
    with pytest.raises(AssertionError, match="traced"):
        BySize(named(never))(A, B)
    np.testing.assert_array_equal(BySize(log_beta)(A, B), wanted)
    np.testing.assert_array_equal(BySize(named(never))(A, B), wanted)


def test_a_folder_that_is_gone_only_costs_time(folder: Path, double: None) -> None:
    keep_in(folder / "gone")
    np.testing.assert_allclose(BySize(log_beta)(A, B), log_beta(A, B), rtol=1e-15)


def test_those_not_used_for_longest_are_removed(
    folder: Path, double: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_programs, "MOST_FILES", 2)
    for size in (1, 2):
        BySize(log_beta)(np.ones(size), np.ones(size))
    for age, path in enumerate(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)):
        os.utime(path, (age, age))
    oldest = min(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    BySize(named(never))(np.ones(1), np.ones(1))  # The older one is used again.
    BySize(log_beta)(np.ones(3), np.ones(3))
    assert len(programs(folder)) == 2 and oldest.exists()


class Own(hp.CollapsedPartialPooling):
    """A model of the user's."""


def test_neither_a_users_model_nor_an_unnamed_function_is_kept(folder: Path, double: None) -> None:
    jax.tree_util.register_dataclass(Own, ["phi_alpha", "phi_beta", "kappa_log_rate"], [])
    position = {"logit_phi": np.zeros(3), "log_kappa_log": np.ones(3)}
    BySize(theta._prior_counts._function)(Own(), position)
    BySize(lambda x: 2 * x)(A)
    BySize(jax.vmap(log_beta))(A, B)
    assert programs(folder) == []


COMMAND = """
import sys
from hierpool.cli.main import main
code = main(sys.argv[1:])
print([name for name in ("blackjax", "xarray") if name in sys.modules])
sys.exit(code)
"""


# What ``estimate`` imports is what a user waits for: its work takes milliseconds.
@pytest.mark.parametrize(
    ("words", "first", "later", "are_kept"),
    [
        (["fit", "--draws", "500"], "['blackjax', 'xarray']", "['xarray']", True),
        # So few groups are computed at once: there is no program.
        (["estimate"], "[]", "[]", False),
    ],
)
def test_a_second_run_says_the_same_and_imports_no_more_than_it_needs(
    words: list[str], first: str, later: str, tmp_path: Path, *, are_kept: bool
) -> None:
    table = tmp_path / "players.csv"
    rows = zip(*map(np.asarray, PLAYERS), strict=True)
    table.write_text("y,n\n" + "".join(f"{y},{n}\n" for y, n in rows))
    words = [*words, str(table), "--successes", "y", "--trials", "n", "--quiet"]
    environment = {name: value for name, value in os.environ.items() if "JAX_" not in name}
    environment |= {"XDG_CACHE_HOME": str(tmp_path)}

    def said() -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [line for line in run.stdout.splitlines() if "Seconds" not in line]

    once, again = said(), said()
    assert once[:-1] == again[:-1]
    assert (once[-1], again[-1]) == (first, later)
    kept = list((tmp_path / "hierpool" / "programs").iterdir())
    assert len(kept) >= 2 if are_kept else not kept
