"""How long exact answers take: by groups, by data sets, and for one small table.

Prints three tables and writes them to benchmarks/results/exact_speed.md. Every row is a process of
its own. Run it by `make exact-speed`; it takes some minutes.
"""

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from result_tables import circumstances, keep

ROOT = Path(__file__).parent.parent
RUNS = 5
GROUPS = [10**power for power in range(2, 8)]
POPULATIONS = {"alike, Beta(20, 60)": (20.0, 60.0), "broad, Beta(1.5, 3.45)": (1.5, 3.45)}
DATA_SETS = [10**power for power in range(5)]
INTERVALS = {"with": 0.89, "without": None}


def timed(function: Callable[[], object], runs: int = RUNS) -> list[float]:
    """Returns the seconds of each run."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return times


def memory() -> float:
    """Returns the megabytes that the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def simulated(
    num_groups: int, population: tuple[float, float], mean_trials: int = 60
) -> pd.DataFrame:
    """Returns groups with negative-binomial trials, and chances from a Beta population."""
    rng = np.random.default_rng(num_groups)
    trials = rng.negative_binomial(2, 2 / (mean_trials + 2), num_groups)
    successes = rng.binomial(trials, rng.beta(*population, num_groups))
    return pd.DataFrame({"y": successes, "n": trials})


def many_groups(path: str) -> dict[str, float]:
    """Returns the seconds and megabytes that one large table takes."""
    import jax

    import hierpool as hp
    from hierpool.exact.posterior import explore
    from hierpool.likelihood.compress import distinct, tally

    table = pd.read_parquet(path)
    model, quadrature = hp.CollapsedPartialPooling(), hp.Quadrature()
    with jax.enable_x64(True):
        y, n = table["y"].to_numpy(), table["n"].to_numpy()
        tallied = timed(lambda: tally(distinct(y, n)).histograms(), 1)
        pairs = distinct(y, n)
        data = tally(pairs).histograms()
        run = jax.jit(lambda data: explore(model, data, quadrature))
        jax.block_until_ready(run(data))
        population = timed(lambda: jax.block_until_ready(run(data)))
    num_pairs, before = len(pairs.trials), memory()
    del pairs
    columns = {"successes": "y", "trials": "n"}
    first = timed(lambda: hp.estimate(table, **columns), 1)
    warm = timed(lambda: hp.estimate(table, **columns), 3)
    return {
        "pairs": num_pairs,
        "tally": tallied[0],
        "population": statistics.median(population),
        "first": first[0],
        "warm": statistics.median(warm),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before,
    }


def many_data_sets(number: str) -> dict[str, float]:
    """Returns the seconds that many ragged data sets of about 20 groups take, warm."""
    import hierpool as hp

    rng = np.random.default_rng(1)
    data_set = np.repeat(np.arange(int(number)), rng.integers(10, 31, int(number)))
    trials = rng.integers(5, 60, len(data_set))
    successes = rng.binomial(trials, rng.beta(10, 30, len(data_set)))
    table = pd.DataFrame({"set": data_set, "y": successes, "n": trials})
    runs = RUNS if int(number) <= 1000 else 1
    result = {}
    for name, prob in INTERVALS.items():

        def run(prob: float | None = prob) -> object:
            return hp.estimate(table, successes="y", trials="n", by="set", prob=prob)

        result[f"{name}, first"] = timed(run, 1)[0]
        result[name] = statistics.median(timed(run, runs))
    return result


def one_table(_: str) -> dict[str, float]:
    """Returns the milliseconds that one table of about 20 groups takes, warm."""
    import jax

    import hierpool as hp
    from hierpool.exact import beta_mixture as mixture
    from hierpool.exact.posterior import explore
    from hierpool.likelihood.compress import compress, distinct

    frame = hp.load_dataset("efron-morris-75")
    columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
    model, quadrature = hp.CollapsedPartialPooling(), hp.Quadrature()
    y, n = frame["hits"].to_numpy(), frame["at_bats"].to_numpy()
    with jax.enable_x64(True):

        @jax.jit
        def moments(data: object, counts: hp.Counts) -> object:
            grid = explore(model, data, quadrature)
            return mixture.moments(mixture.rows_of(model, grid), counts), grid.log_evidence

        data, counts = compress(distinct(y, n)), hp.Counts(y, n)
        jax.block_until_ready(moments(data, counts))
        exact = timed(lambda: jax.block_until_ready(moments(data, counts)), 50)
    hp.estimate(frame, **columns)
    estimate = timed(lambda: hp.estimate(frame, **columns), 20)
    options = {"model": model, "inference": quadrature}
    hp.fit(frame, **columns, **options)
    trees = [hp.fit(frame, **columns, **options, seed=seed) for seed in range(1, 11)]
    drawing = [tree.attrs["sampling_time"] for tree in trees]
    fit = timed(lambda: hp.fit(frame, **columns, **options), 10)
    return {
        "all moments and the evidence, one compiled call": statistics.median(exact),
        "`estimate`, with intervals": statistics.median(estimate),
        "4 x 1000 independent draws, `fit`'s sampling_time": statistics.median(drawing),
        "`fit` with `Quadrature()`, the whole tree": statistics.median(fit),
    }


def in_a_process(task: Callable[[str], dict[str, float]], argument: str) -> dict[str, float]:
    """Returns what a task returns in a new process."""
    words = [sys.executable, __file__, task.__name__, argument]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    """Prints and writes the tables."""
    lines = [
        "One table, trials negative-binomial with mean 60. Peak memory is above the input's.",
        "",
        "| population | groups | distinct (y, n) | histograms, s | population, warm, s "
        "| estimate, first, s | estimate, warm, s | peak memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for population, number in itertools.product(POPULATIONS, GROUPS):
            path = f"{folder}/table.parquet"
            simulated(number, POPULATIONS[population]).to_parquet(path)
            row = in_a_process(many_groups, path)
            lines.append(
                f"| {population} | {number:,} | {row['pairs']:,} | {row['tally']:.3f} "
                f"| {row['population']:.4f} | {row['first']:.2f} | {row['warm']:.3f} "
                f"| {row['megabytes']:,.0f} |"
            )
            print(lines[-1], flush=True)
    lines += [
        "",
        "Ragged data sets of 10 to 30 groups, by `estimate(..., by=)`.",
        "",
        "| data sets | moments, first, s | moments, warm, s | with intervals, first, s "
        "| with intervals, warm, s | data sets a second |",
        "|---|---|---|---|---|---|",
    ]
    for number in DATA_SETS:
        row = in_a_process(many_data_sets, str(number))
        lines.append(
            f"| {number:,} | {row['without, first']:.2f} | {row['without']:.3f} "
            f"| {row['with, first']:.2f} | {row['with']:.3f} | {number / row['with']:,.0f} |"
        )
        print(lines[-1], flush=True)
    lines += ["", "The 18 players, warm.", "", "| what | median, ms |", "|---|---|"]
    for what, seconds in in_a_process(one_table, "").items():
        lines.append(f"| {what} | {1000 * seconds:.2f} |")
        print(lines[-1], flush=True)
    keep("exact_speed.md", [*lines, "", circumstances("jax", "numpy", "pandas") + "."])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        tasks = {task.__name__: task for task in (many_groups, many_data_sets, one_table)}
        print(json.dumps(tasks[sys.argv[1]](sys.argv[2])))
    else:
        main()
