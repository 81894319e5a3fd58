"""Exit codes, and the one sentence that goes with each."""

import email.message
import importlib.metadata
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pandas as pd
import pytest
from jax.experimental.compilation_cache import compilation_cache as jax_cache
from shell import COLUMNS, EXACT, PLAYERS, Run

import hierpool as hp
from hierpool.cli import stopping
from hierpool.cli.cache import explained, use_compilation_cache
from hierpool.cli.failures import _report_to, explain
from hierpool.runtime.kept_programs import keep_in

pytestmark = pytest.mark.usefixtures("jax_as_it_was")
FIT = ["fit", PLAYERS, *COLUMNS, *EXACT]
ESTIMATE = ["estimate", PLAYERS, *COLUMNS, "--no-intervals"]


@pytest.mark.usefixtures("tried_once")
def test_an_integration_that_misses_its_tolerance_leaves_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Too few nodes for an error of none.
    rough = hp.Quadrature(num_nodes=8, tolerance=1e-300)
    monkeypatch.setattr("hierpool.cli.estimate.quadrature_of", lambda options: rough)
    run = Run(ESTIMATE, capsys)
    assert run.code == 1
    assert re.fullmatch(r"hierpool: .* did not reach its tolerance.*\n", run.err)
    assert "Max Alvis" in run.out


@pytest.mark.parametrize(
    ("category", "code"), [(hp.ConvergenceWarning, 1), (UserWarning, 0), (hp.FewDrawsWarning, 0)]
)
def test_only_the_warning_of_convergence_makes_an_exit_code(
    category: type[Warning],
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = hp.estimate

    def warn(*arguments: Any, **settings: Any) -> hp.Estimate:
        for _ in range(2):
            warnings.warn("Something is the matter.", category, stacklevel=1)
        return answer(*arguments, **settings)

    monkeypatch.setattr(hp, "estimate", warn)
    run = Run(ESTIMATE, capsys)
    assert (run.code, run.err) == (code, "hierpool: Something is the matter.\n")
    assert "Max Alvis" in run.out


def broken(*_: Any, **__: Any) -> None:
    raise KeyError("the\ntheta\x1b")


@pytest.mark.parametrize("is_asked", [False, True])
def test_an_error_of_our_own_leaves_with_3_and_says_where_to_report_it(
    is_asked: bool,  # noqa: FBT001  (a parameter of the test)
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hp, "estimate", broken)
    if is_asked:
        monkeypatch.setenv("HIERPOOL_TRACEBACK", "1")
    run = Run(ESTIMATE, capsys)
    *traced, line = run.err.splitlines()
    assert (run.code, run.out) == (3, "")
    assert ("Traceback (most recent call last):" in traced) == bool(traced) == is_asked
    assert line.startswith("hierpool: This is an error of hierpool's, not yours: KeyError: ")
    assert re.search(r"\(cli/estimate\.py, line \d+\)\. Please report it .* HIERPOOL_TRACEB", line)


class OutOfMemory(RuntimeError):
    """As XLA's, which has no class of its own for it."""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (hp.InputError("hits is wrong."), 2, "hits is wrong."),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), 2, "a.csv: No such file"),
        (PermissionError(13, "Permission denied", "a.nc"), 2, "a.nc: Permission denied."),
        (OSError(28, "No space left on device"), 2, "No space left on device."),
        (FileExistsError("fit.nc exists."), 2, "fit.nc exists."),
        (ImportError("Saving needs h5netcdf."), 2, "Saving needs h5netcdf."),
        (MemoryError(), 2, "There is not enough memory"),
        (OutOfMemory("RESOURCE_EXHAUSTED: allocating 9 bytes"), 2, "There is not enough memory"),
        # What nobody in hierpool said is no sentence for a user.
        (ValueError("operands could not be broadcast"), 3, "ValueError: operands"),
        (TypeError("unsupported operand"), 3, "TypeError: unsupported operand"),
        (AssertionError(), 3, "AssertionError"),
        (RecursionError("too deep"), 3, "RecursionError: too deep"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_kind_of_error_has_its_code(error: Exception, code: int, words: str) -> None:
    said, given = explain(error)
    assert given == code and words in said


def test_what_was_written_is_named_by_whoever_fails_or_is_stopped_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.nc"
    words = [*FIT, "--output", str(path), "--force"]

    def fail(error: BaseException) -> Run:
        def printing(*_: Any, **__: Any) -> None:
            raise error

        # It comes after everything was saved.
        monkeypatch.setattr("hierpool.cli.fit.show", printing)
        return Run(words, capsys)

    stopped, full = fail(KeyboardInterrupt()), fail(OSError(28, "No space left on device"))
    saved = f"hierpool: saved {path}\nhierpool: "
    assert (stopped.code, stopped.err) == (130, f"{saved}Stopped; {path} was written.\n")
    assert (full.code, full.err) == (2, f"{saved}No space left on device. {path} was written.\n")
    assert path.exists()
    # What another run wrote is not this one's.
    Run(["--version"], capsys)
    assert stopping.stopped() == "Stopped; nothing was written."


@pytest.mark.parametrize(("rows", "shown"), [("2", 2), ("18", 18), ("0", 18)])
def test_estimate_says_how_many_rows_it_leaves_out(
    rows: str, shown: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run([*ESTIMATE, "--rows", rows], capsys)
    names = hp.load_dataset("efron-morris-75")["player"]
    sentence, *lines = run.out.splitlines()
    assert sum(line.startswith(f"{name} ") for name in names for line in lines) == shown
    more = re.findall(r"\.\.\. and (\d+) more \(--rows 0 prints all\)", run.out)
    assert sum(map(int, more)) == 18 - shown


def test_estimate_says_how_many_data_sets_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "seasons.csv"
    pd.DataFrame({"year": range(27), "y": 1, "n": 4}).to_csv(path, index=False)
    words = ["--successes", "y", "--trials", "n", "--by", "year", "--no-intervals", "--rows", "3"]
    run = Run(["estimate", str(path), *words], capsys)
    assert re.findall(r"\.\.\. and (\d+) more", run.out) == ["7", "24"]


def compile_one() -> list[str]:
    """Returns what JAX says of its cache while it compiles: each time a new function to it."""

    @jax.jit
    def program(x: jax.Array) -> jax.Array:
        return jnp.linalg.inv(x @ x + jnp.eye(3))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program(jnp.ones((3, 3))).block_until_ready()
    return [str(warning.message) for warning in caught]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    use_compilation_cache()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax_cache.reset_cache()
    yield tmp_path / "hierpool" / "jax"
    keep_in(None)


def test_a_program_that_was_kept_damaged_is_replaced(own_cache: Path) -> None:
    assert compile_one() == []
    (entry,) = own_cache.glob("jit_program-*")
    whole = entry.read_bytes()
    # As a full disk or a kill leaves it.
    entry.write_bytes(whole[:100])
    said = set(map(explained, compile_one()))
    (sentence,) = said
    assert "could not be read" in sentence and "compiled again" in sentence
    assert compile_one() == [] and entry.stat().st_size > 100
    assert compile_one() == []


def test_a_cache_that_can_not_be_written_says_what_to_do(own_cache: Path) -> None:
    compile_one()
    for entry in own_cache.iterdir():
        entry.unlink()
    own_cache.rmdir()
    own_cache.write_text("in the way")
    said = set(map(explained, compile_one()))
    assert any("can't be kept" in sentence and "JAX_COMPILATION" in sentence for sentence in said)


def test_a_damaged_program_in_a_folder_of_the_users_is_left_there(own_cache: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(own_cache.parent))
    (own_cache.parent / "jit_program-1").write_text("x")
    said = explained(
        "Error reading persistent compilation cache entry for 'jit_program': error: bad"
    )
    assert "until you remove jit_program-* there" in said
    assert (own_cache.parent / "jit_program-1").exists()
    assert explained("Any other warning.") == "Any other warning."


def test_the_place_to_report_an_error_is_the_one_that_the_package_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = email.message.Message()
    known["Project-URL"] = "Source, https://example.org/source"
    known["Project-URL"] = "Issues, https://example.org/issues"
    monkeypatch.setattr(importlib.metadata, "metadata", {"hierpool": known}.__getitem__)
    assert _report_to() == "https://example.org/issues"
    monkeypatch.setattr(importlib.metadata, "metadata", lambda _: email.message.Message())
    assert _report_to() == "the hierpool developers"


def test_what_the_command_keeps_is_the_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    use_compilation_cache()
    keep_in(None)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    own = [path for path in folders if path.name != "hierpool"]
    assert len(own) == 2 and {path.stat().st_mode & 0o777 for path in own} == {0o700}
