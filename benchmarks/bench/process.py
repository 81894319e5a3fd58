"""Runs one task in a process of its own, with the caches that it may use, and a time limit."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
CACHES = ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "PYTENSOR_FLAGS", "NUMBA_CACHE_DIR")


class Outcome(NamedTuple):
    """What became of a task."""

    result: dict[str, Any] | None
    """Its measurements, with ``wall``, the seconds of the whole process; None if it failed."""
    reason: str
    """Why it failed."""
    wall: float
    """Seconds until it ended, or was ended."""


def run(task: dict[str, Any], cache: Path, *, keeps_jax: bool = False) -> Outcome:
    """Returns the outcome of a task.

    Args:
        task: what to do; ``timeout`` in seconds. A task with ``command`` runs hierpool's command.
        cache: folder of everything that the process may keep for the next one.
        keeps_jax: whether JAX's own compilation cache is on.
    """
    if "command" in task:
        words = [sys.executable, "-m", "hierpool.cli", *task["command"]]
    else:
        words = [sys.executable, "-m", "benchmarks.bench", "--worker", json.dumps(task)]
    started = time.perf_counter()
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment(cache, keeps_jax=keeps_jax),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that a sampler's own processes end with it.
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=task["timeout"])
    except subprocess.TimeoutExpired:
        _end(process)
        wall = time.perf_counter() - started
        return Outcome(None, f"> {task['timeout']:.0f} s, stopped", wall)
    except BaseException:
        _end(process)
        raise
    wall = time.perf_counter() - started
    if "command" in task:
        # 1 says that the draws did not converge, and the table was printed all the same.
        if process.returncode in (0, 1):
            return Outcome({"wall": wall}, "", wall)
    elif process.returncode == 0:
        return Outcome({**json.loads(output.splitlines()[-1]), "wall": wall}, "", wall)
    return Outcome(None, reason_of(errors, process.returncode), wall)


def environment(cache: Path, *, keeps_jax: bool) -> dict[str, str]:
    """Returns the environment of a process whose caches all lie in one folder."""
    kept = {name: value for name, value in os.environ.items() if name not in CACHES}
    kept["XDG_CACHE_HOME"] = str(cache)
    kept["PYTENSOR_FLAGS"] = f"base_compiledir={cache / 'pytensor'}"
    kept["NUMBA_CACHE_DIR"] = str(cache / "numba")
    if keeps_jax:
        kept["JAX_COMPILATION_CACHE_DIR"] = str(cache / "jax")
        kept["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return kept


def reason_of(errors: str, returncode: int) -> str:
    """Returns one line that tells why a process failed, without this machine's paths."""
    if returncode == -signal.SIGKILL:
        return "killed by the system, which may have run out of memory"
    lines = [line for line in errors.splitlines() if line.strip()] or [f"exit code {returncode}"]
    # What could not be imported is the cause of what follows.
    imports = [line for line in lines if re.match(r"(Import|ModuleNotFound)Error", line)]
    line = re.sub(r"(?:/[\w.+-]+)+/", "", (imports or lines)[-1]).strip()
    if line.startswith("ModuleNotFoundError"):
        return f"not installed ({line.partition(': ')[2]})"
    return line[:200]


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process with all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
