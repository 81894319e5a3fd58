"""The command as a process: signals, a terminal, and machines that lack what others have."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from screen import screen
from shell import COLUMNS, EXACT, PLAYERS

import hierpool as hp
from hierpool.cli import cache as compilation_cache
from hierpool.cli.process import _prepare_home

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
FIT = ["fit", PLAYERS, *COLUMNS, "--model", "collapsed", "--chains", "2"]
STOPPED = "hierpool: Stopped; nothing was written."


class Terminal:
    """The command on a terminal: output apart, what it says of itself on the screen."""

    def __init__(self, cache: Path, *words: str) -> None:
        self.screen, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hierpool", *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )
        os.close(theirs)
        self.said = ""

    def wait_for(self, text: str) -> None:
        while text not in self.said and self._read():
            pass
        assert text in self.said, self.said

    def end(self) -> tuple[int, str]:
        """Returns the exit code and what was printed."""
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            printed = pipe.read().decode()
        while self._read():
            pass
        os.close(self.screen)
        return self.process.wait(), printed

    def _read(self) -> bool:
        try:
            more = os.read(self.screen, 4096)
        except OSError:
            # Linux says so where others return nothing: the process has closed it.
            return False
        self.said += more.decode()
        return bool(more)

    @property
    def left(self) -> list[str]:
        """The lines that are left on the screen."""
        return screen(self.said.replace("\r\n", "\n"))


def test_a_terminal_is_told_each_phase_and_keeps_none(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    terminal = Terminal(cache, *FIT, "--draws", "20000", "--output", str(path))
    code, printed = terminal.end()
    phases = (
        "loading libraries ...",
        "reading efron-morris-75.csv ...",
        "compiling ...",
        "sampling ...",
        "chain 1 warm-up ",
        "chain 2 warm-up ",
        "20000/20000",
        "checking convergence ...",
        "summarising ...",
        f"writing {tmp_path}"[:50],
    )
    assert code == 0 and path.exists()
    places = [terminal.said.find(phase) for phase in phases]
    assert -1 not in places and places == sorted(places)
    assert terminal.left == [f"hierpool: saved {path}"]
    assert "Converged" in printed and "\r" not in printed and "..." not in printed


@pytest.mark.parametrize("phase", ["loading", "compiling", "warm-up"])
def test_an_interrupt_leaves_with_130_one_sentence_and_no_file(
    phase: str, cache: Path, tmp_path: Path
) -> None:
    # So long that nothing but the interrupt ends it.
    words = ["--warmup", "200000", "--hyperparameters-only", "--output", str(tmp_path / "fit.nc")]
    terminal = Terminal(cache, *FIT, *words)
    terminal.wait_for(phase)
    terminal.process.send_signal(signal.SIGINT)
    code, printed = terminal.end()
    assert (code, printed) == (130, "")
    assert terminal.left == [STOPPED]
    assert not list(tmp_path.iterdir())


def test_an_interrupt_after_warmup_saves_the_draws_so_far(cache: Path, tmp_path: Path) -> None:
    path, table = tmp_path / "fit.nc", tmp_path / "groups.csv"
    files = ["--output", str(path), "--csv", str(table)]
    # So many draws that nothing but the interrupt ends it, in chunks of 1000.
    terminal = Terminal(cache, *FIT, "--draws", "200000", "--hyperparameters-only", *files)
    for chain in (1, 2):
        terminal.wait_for(f"chain {chain} draws   ")
    terminal.process.send_signal(signal.SIGINT)
    code, printed = terminal.end()
    saved, line = terminal.left
    assert saved == f"hierpool: saved {path}"
    told = re.fullmatch(
        rf"hierpool: (Stopped after (\d+) of 200000 draws a chain); the partial fit was saved to "
        rf"{path} and is marked partial; {table} was not written\.",
        line,
    )
    assert code == 130 and told and int(told[2]) % 1000 == 0
    assert f"{told[1]}: the fit is partial." in printed
    assert hp.load(path).attrs["draws_done"] == int(told[2]) and not table.exists()


WRITING = """
import os, signal, threading
from hierpool.cli.stopping import finishing, leave_on_interrupt
leave_on_interrupt()
forever = threading.Event()
with finishing("first.nc"):
    pass
with finishing("second.csv"):
    os.kill(os.getpid(), signal.SIGINT)
    {}
forever.wait()
"""


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("pass", "Stopped; first.nc and second.csv were written."),
        ("os.kill(os.getpid(), signal.SIGINT); forever.wait()", "Stopped; first.nc was written."),
    ],
    ids=["once", "twice"],
)
def test_an_interrupt_waits_for_a_file_and_a_second_one_for_nothing(then: str, said: str) -> None:
    done = _python(WRITING.format(then))
    assert (done.returncode, done.stderr) == (130, f"hierpool: {said}\n")


DRAWING = """
import os, signal, threading
from hierpool.cli.stopping import ending_early, leave_on_interrupt
leave_on_interrupt()
asked = threading.Event()
def stop():
    asked.set()
    return {}
with ending_early(stop):
    os.kill(os.getpid(), signal.SIGINT)
    asked.wait()
    {}
print("saved", flush=True)
"""


@pytest.mark.parametrize(
    ("kept", "then", "left"),
    [
        ("True", "pass", (0, "saved\n", "")),
        ("True", "os.kill(os.getpid(), signal.SIGINT); threading.Event().wait()", (130, "", None)),
        ("False", "threading.Event().wait()", (130, "", None)),
    ],
    ids=["once", "twice", "during warm-up"],
)
def test_a_run_with_draws_outlives_one_interrupt(
    kept: str, then: str, left: tuple[int, str, str | None]
) -> None:
    done = _python(DRAWING.format(kept, then))
    said = f"{STOPPED}\n" if left[2] is None else left[2]
    assert (done.returncode, done.stdout, done.stderr) == (*left[:2], said)


def test_an_interrupt_does_not_wait_for_what_runs_in_c() -> None:
    program = """
import hashlib, os, signal, threading
from hierpool.cli.stopping import leave_on_interrupt
leave_on_interrupt()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # Half an hour.
"""
    assert _python(program).returncode == 130


def test_an_interrupt_that_a_shell_has_ignored_stays_ignored() -> None:
    program = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from hierpool.cli.stopping import leave_on_interrupt
leave_on_interrupt()
signal.raise_signal(signal.SIGINT)
print("still here")
"""
    assert _python(program).stdout == "still here\n"


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_platform_without_a_device_is_one_sentence(platform: str) -> None:
    run = _command(*FIT, JAX_PLATFORMS=platform, CUDA_VISIBLE_DEVICES="")
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("hierpool")]
    assert f"JAX_PLATFORMS is '{platform}'" in line and "leave it unset" in line
    assert "Traceback" not in run.stderr


def test_a_poor_environment_prints_all_names_and_writes_all_files(tmp_path: Path) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "out.csv"
    table.write_text("g,y,n\nJosé,1,10\n山田,2,10\n", encoding="utf-8")
    words = ["--successes", "y", "--trials", "n", "--group", "g", *EXACT, "--csv", str(out)]
    run = _command("fit", str(table), *words, LC_ALL="C", PYTHONIOENCODING="ascii", HOME=None)
    assert (run.returncode, run.stderr) == (0, f"hierpool: saved {out}\n")
    assert r"Jos\xe9" in run.stdout and r"\u5c71\u7530" in run.stdout
    assert "José" in out.read_text(encoding="utf-8")


def test_an_unknown_home_keeps_nothing_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setenv("HOME", "before")
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(RuntimeError):
        Path.home()
    _prepare_home()
    assert not (Path.home() / "x").exists()
    with pytest.raises(OSError):
        compilation_cache._folder().mkdir(parents=True)


def _command(*words: str, **settings: str | None) -> subprocess.CompletedProcess[str]:
    return _python(
        "from hierpool.cli.process import command; raise SystemExit(command())", *words, **settings
    )


def _python(program: str, *words: str, **settings: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env={name: value for name, value in environment.items() if value is not None},
        check=False,
        timeout=300,
    )
