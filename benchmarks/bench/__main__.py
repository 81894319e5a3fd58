"""hierpool beside its peers, in one run: `make bench` (quick) and `make bench-full`.

Every measurement is a process of its own, and contenders take turns, so that the machine's drift
hits all alike. Writes benchmarks/results/bench.json after every process, then bench.md and
bench.png from it.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.bench import process
from benchmarks.bench.plan import FORMS, Form, Row, rows_of
from benchmarks.peers.contenders import ON_JAX, PACKAGES, PEERS

RESULTS = Path(__file__).parents[1] / "results"
WORKS = ("W1", "W2", "W3", "W4", "W5")
FIRST_SEED = 1975


def main() -> None:
    """Measures and reports, or does one task and prints its measurements as JSON."""
    options = _options()
    if options.worker:
        from benchmarks.bench.worker import TASKS  # Late: the parent process has no use for it.

        task = json.loads(options.worker)
        print(json.dumps(TASKS[task["task"]](task)))
        return
    form = FORMS[options.form]
    form = form._replace(
        budget=options.budget or form.budget, timeout=options.timeout or form.timeout
    )
    # Beside the results of the full form, and not over them.
    folder = options.results or (RESULTS if form.name == "full" else RESULTS / form.name)
    folder.mkdir(exist_ok=True)
    target = folder / "bench.json"
    works = options.only.split(",")
    report = earlier(target, set(WORKS) - set(works))
    others = report["rows"]
    with tempfile.TemporaryDirectory() as caches:
        rows: list[Row] = []
        for work in works:
            began = time.perf_counter()
            started = datetime.now(UTC).isoformat(timespec="seconds")
            added = rows_of(work, form)
            rows += added
            for _ in measure(added, form, Path(caches)):
                spent = time.perf_counter() - began
                told = {"form": form._asdict(), "started": started, "seconds": spent}
                report["works"][work] = told
                report["rows"] = others + [asdict(row) for row in rows]
                save(report, target)
    from benchmarks.bench.report import write  # Late: it needs matplotlib, and a worker does not.

    write(report, folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure hierpool beside its peers.")
    parser.add_argument("--form", choices=("quick", "full", "smoke"), default="quick")
    only = "works, as W1,W3; of the others the results of earlier runs are kept"
    parser.add_argument("--only", default=",".join(WORKS), help=only)
    parser.add_argument("--budget", type=int, help="seconds that a row may take, if not the form's")
    parser.add_argument("--timeout", type=int, help="and those that a process may")
    folder = "folder of the results; by default results, or a folder in it named for the form"
    parser.add_argument("--results", type=Path, help=folder)
    parser.add_argument("--worker", metavar="TASK", help=argparse.SUPPRESS)
    return parser.parse_args()


def earlier(target: Path, works: set[str]) -> dict[str, Any]:
    """Returns an empty report; with what an earlier run of some works found, if it still holds."""
    report: dict[str, Any] = {"machine": machine(), "versions": versions(), "works": {}, "rows": []}
    if works and target.exists():
        found = json.loads(target.read_text())
        if all(found.get(name) == report[name] for name in ("machine", "versions")):
            report["works"] = {work: found["works"][work] for work in works & set(found["works"])}
            report["rows"] = [row for row in found["rows"] if row["work"][:2] in works]
    return report


def measure(rows: list[Row], form: Form, folder: Path) -> Iterator[None]:
    """Runs every row's process in turn, round after round, and yields after each."""
    seeds = count(FIRST_SEED, 100_000)
    spent = [0.0] * len(rows)
    for turn in range(form.runs):
        for i, row in enumerate(rows):
            longest = max((run["wall"] for run in row.runs), default=0.0)
            if row.reason or (turn and spent[i] + longest > form.budget):
                continue
            if turn == 0 and (reason := _passed_over(row, rows)):
                row.reason = reason
                yield
                continue
            task = {**row.task, "seed": next(seeds)}
            cache = _cache_of(row, turn, folder)
            keeps_jax = row.caches == "jax"
            if keeps_jax and turn == 0 and row.contender in ON_JAX:
                # Fills JAX's cache, which a cold run leaves off.
                process.run(task, cache, keeps_jax=True)
                task["seed"] = next(seeds)
            outcome = process.run(task, cache, keeps_jax=keeps_jax)
            spent[i] += outcome.wall
            if outcome.result is None and not row.runs:
                row.reason = outcome.reason
            elif outcome.result is not None:
                row.runs.append(outcome.result)
            told = outcome.reason or f"{outcome.wall:.1f} s"
            print(f"{row.work}, {row.size:,}, {row.label}, run {turn + 1}: {told}", flush=True)
            yield


def _passed_over(row: Row, rows: list[Row]) -> str:
    """Returns why a row need not be tried, or nothing: a smaller one tells that it is too long."""
    own = [
        other
        for other in rows
        if (other.work, other.contender) == (row.work, row.contender) and other.size < row.size
    ]
    if not own:
        return ""
    other = max(own, key=lambda other: other.size)
    if not other.runs:
        return f"not tried: at {other.size:,} {other.reason.removeprefix('not tried: ')}"
    # Steps grow no fewer with groups or chains, and each takes longer.
    timeout, seconds = row.task["timeout"], other.runs[0].get("sampling", 0.0)
    if row.contender in PEERS and seconds * row.size / other.size > timeout:
        return f"not tried: {seconds:.0f} s at {other.size:,}, so > {timeout} s in proportion"
    return ""


def _cache_of(row: Row, turn: int, folder: Path) -> Path:
    """Returns the folder of a process's caches, an empty one where it must be cold."""
    kept = folder / row.contender
    if row.caches == "cold" and turn:
        return Path(tempfile.mkdtemp(dir=folder))
    # The first cold run finds it empty, and leaves it for the warm ones.
    kept.mkdir(exist_ok=True)
    return kept


def machine() -> dict[str, Any]:
    """Returns what the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "gigabytes": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Returns the version of each contender and of what it stands on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def save(report: dict[str, Any], target: Path) -> None:
    """Writes a report whole or not at all."""
    beside = target.with_suffix(".part")
    beside.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(beside, target)


if __name__ == "__main__":
    main()
