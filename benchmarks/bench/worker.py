"""What one process of the benchmark does: a task comes in, a dict of measurements comes out."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table, of_spec, padded, players, ragged, ragged_tables
from benchmarks.peers.contenders import CONTENDERS

Task = dict[str, Any]
Result = dict[str, Any]

LONG = 30
"""Seconds from which a call is made once, if it compiled nothing: waking up is little of it."""

# Stan's program alone takes tables of any size.
ANY_SIZE = ("stan", "plug-in")
# Contenders that are one function of a table.
FUNCTIONS = ("plug-in", "proportions")


def whole(task: Task) -> Result:
    """Returns where the time of a whole process went, from importing to the printed table."""
    started = time.perf_counter()
    sampler = CONTENDERS[task["contender"]].make()
    imported = time.perf_counter()
    table, names = players()
    sampler.prepare(table, Settings(*task["settings"]))
    prepared = time.perf_counter()
    run = sampler.sample(table, task["seed"])
    print_table(run.draws, names)
    return {
        "importing": imported - started,
        "compiling": prepared - imported + run.compiling,
        "sampling": run.sampling,
        "is_apart": sampler.compiles == "ahead" or run.compiling > 0,
    }


def sample(task: Task) -> Result:
    """Returns the seconds of compiling, warm-up and draws, and what the draws are worth."""
    settings = Settings(*task["settings"])
    table = of_spec(task["table"])
    sampler = CONTENDERS[task["contender"]].make()
    before = memory()
    started = time.perf_counter()
    sampler.prepare(table, settings)
    prepared = time.perf_counter() - started
    run: Run = sampler.sample(table, task["seed"])
    first_call, compiling = run.call, run.compiling
    is_apart = sampler.compiles == "ahead" or compiling > 0
    # Once more, if there is time: the first call may compile, and wakes what sleeps.
    has_time = prepared + first_call < task["timeout"] / 3
    if first_call < LONG or (sampler.compiles == "at first" and has_time):
        del run  # Or its draws would count as memory.
        run = sampler.sample(table, task["seed"] + 1)
        compiling = max(compiling, first_call - run.call)
        is_apart = is_apart or sampler.compiles == "at first"
    found: Result = {
        "compiling": prepared + compiling,
        "is_apart": is_apart,
        "warmup": run.warmup,
        "sampling": run.sampling,
        "call": run.call,
        "divergences": run.divergences,
        "megabytes": peak() - before,
    }
    if task["quality"]:
        # Late: they import JAX and ArviZ, which a peer's memory should not count.
        from benchmarks.bench.quality import quality
        from benchmarks.peers.hierpool import estimator

        draws = run.draws
        if task["population"]:
            draws = {name: leaf for name, leaf in draws.items() if name != "theta"}
        found |= quality(draws, estimator(None)(table))
    return found


def estimate(task: Task) -> Result:
    """Returns the seconds of estimating one table without draws, and the error of the means."""
    table = of_spec(task["table"])
    run = _estimator(task["contender"])
    before = memory()
    first = seconds_of(lambda: run(table))
    again = [seconds_of(lambda: run(table)) for _ in range(3 if first < LONG else 1)]
    found: Result = {
        "compiling": max(0.0, first - float(np.median(again))),
        "sampling": float(np.median(again)),
        "megabytes": peak() - before,
    }
    if task["contender"] == "proportions":
        found["effective"] = run(table)["effective"]
    if task["contender"] == "plug-in":
        from benchmarks.peers.hierpool import estimator  # Late, as above.

        exact, plug = estimator(None)(table), run(table)
        gaps = np.abs(plug["theta"] - exact["theta"]) / exact["theta_sd"]
        found["error_in_sd"] = float(gaps.max())
        found["sd_ratio"] = float(np.min(plug["theta_sd"] / exact["theta_sd"]))
    return found


def loop(task: Task) -> Result:
    """Returns the seconds a data set that a peer takes, its compiled program used again."""
    contender = task["contender"]
    tables = ragged_tables(task["number"])
    if contender in FUNCTIONS:
        run = _estimator(contender)
        run(tables[0])
        spent = [seconds_of(lambda table=table: run(table)) for table in tables]
        return {"each": sum(spent) / len(spent), "number": len(tables)}
    if contender not in ANY_SIZE:
        tables = [padded(table) for table in tables]
    settings = Settings(*task["settings"])
    sampler = CONTENDERS[contender].make()
    sampler.prepare(tables[0], settings)
    sampler.sample(tables[0], task["seed"])
    runs = [sampler.sample(table, task["seed"] + 1 + i) for i, table in enumerate(tables)]
    return {
        "each": sum(run.sampling for run in runs) / len(runs),
        "each_call": sum(run.call for run in runs) / len(runs),
        "number": len(tables),
    }


def sets(task: Task) -> Result:
    """Returns the seconds that ``estimate`` takes for many data sets in one call, warm."""
    from benchmarks.peers.hierpool import (
        estimate_sets,
    )  # Late: it imports JAX, which peers' processes need not.

    table, data_set = ragged(task["number"])
    before = memory()
    first = seconds_of(lambda: estimate_sets(table, data_set, task["prob"]))
    again = seconds_of(lambda: estimate_sets(table, data_set, task["prob"]))
    return {
        "compiling": max(0.0, first - again),
        "sampling": again,
        "each": again / task["number"],
        "number": task["number"],
        "megabytes": peak() - before,
    }


TASKS: dict[str, Callable[[Task], Result]] = {
    task.__name__: task for task in (whole, sample, estimate, loop, sets)
}


def _estimator(contender: str) -> Callable[[Table], dict[str, np.ndarray]]:
    if contender == "plug-in":
        from benchmarks.peers.plug_in import (
            plug_in,
        )  # Late: SciPy may be missing, which is then a row's reason.

        return plug_in
    if contender == "proportions":
        from benchmarks.peers.proportions import importance_sample  # Late, as above.

        return importance_sample
    from benchmarks.peers.hierpool import estimator  # Late, as above.

    return estimator(0.89 if contender == "estimate" else None)


def print_table(draws: dict[str, np.ndarray], names: list[str]) -> None:
    """Prints the population and the groups: mean, sd and 89% interval."""
    theta = draws["theta"]
    rows = {name: draws[name] for name in ("phi", "kappa_log")}
    rows |= {name: theta[:, :, i] for i, name in enumerate(names)}
    for name, values in rows.items():
        lower, upper = np.quantile(values, (0.055, 0.945))
        print(f"{name:20} {values.mean():8.4f} {values.std():8.4f} {lower:8.4f} {upper:8.4f}")


def seconds_of(function: Callable[[], object]) -> float:
    """Returns the seconds of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def memory() -> float:
    """Returns the megabytes that the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak() -> float:
    """Returns the most megabytes that the process has had. Its children's are not counted."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
