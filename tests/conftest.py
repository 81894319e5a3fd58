import gc
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import matplotlib
import mpmath
import pytest
from jax.experimental.compilation_cache import compilation_cache
from shell import Run, refused

from hierpool.exact import at_once, refining
from hierpool.runtime.kept_programs import keep_in
from hierpool.runtime.programs import BySize

matplotlib.use("agg")
# The digits of every exact value.
mpmath.mp.dps = 100
# What a shell starts in the background ignores Ctrl-C, and so do its children: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MOST_PROGRAMS = 150
"""Compiled programs that a test process keeps: XLA crashes where there are some thousand."""
programs: list[str] = []
"""Those compiled since they were last let go."""


def pytest_configure(config: pytest.Config) -> None:
    """Has each program compiled soon, and once in a run, whichever process needs it first.

    Nearly all programs of the tests take longer to compile than to run, if XLA and LLVM optimize
    them. What a test starts as a process of its own is optimized as it is for a user.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return  # A worker, or whoever keeps programs from run to run.
    folder = tempfile.mkdtemp(prefix="hierpool-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def note_program(event: str, seconds: float, **more: str) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        programs.append(more.get("fun_name", event))


jax.monitoring.register_event_duration_secs_listener(note_program)


@pytest.fixture(scope="session", autouse=True)
def no_width() -> None:
    """Lets tables be as wide as they are: the processes of pytest-xdist are given a width."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    """Closes the figures that a test opened: pyplot warns of the twentieth."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module", autouse=True)
def few_programs() -> Iterator[None]:
    """Lets compiled programs go, between modules, once there are many."""
    yield
    if len(programs) > MOST_PROGRAMS:
        for held in gc.get_objects():
            if isinstance(held, BySize):
                held.clear()
        jax.clear_caches()
        programs.clear()


@pytest.fixture(autouse=True)
def nothing_spent() -> None:
    """Each test computes at once what a new process would."""
    at_once.spent.clear()


@pytest.fixture
def nothing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is computed by compiled programs."""
    monkeypatch.setattr(at_once, "SECONDS_TO_COMPILE", 0.0)


@pytest.fixture(params=["float64", "float32"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test in either precision."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture
def double() -> Iterator[None]:
    """Runs a test in float64."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def jax_as_it_was(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command has programs kept from here on by its process, which here is pytest's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("HIERPOOL_TRACEBACK", raising=False)
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    keep_in(None)
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def no_cache(jax_as_it_was: None) -> None:
    """JAX keeps no programs, as where nobody asked for it."""
    jax.config.update("jax_compilation_cache_dir", None)


@pytest.fixture
def optimized() -> Iterator[None]:
    """Programs are compiled as for a user: draws, which differ by rounding, are then a user's."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An integration that does not converge is not tried again: each time compiles a program."""
    monkeypatch.setattr(refining, "MOST_DOUBLINGS", 0)


@pytest.fixture
def refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str], str], None]:
    """Fails unless the command refuses its words in one sentence, and leaves nothing behind."""

    def run(words: list[str], message: str) -> None:
        folder = tmp_path / "empty"
        folder.mkdir()
        monkeypatch.chdir(folder)
        refused(Run(words, capsys), re.escape(message))
        assert not list(folder.iterdir())

    return run
