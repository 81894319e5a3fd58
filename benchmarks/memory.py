"""How much memory fits and estimates of many sizes keep, and how long they compile.

Prints a table and writes it to benchmarks/results/memory.md. Every row is a process of its own,
with nothing compiled before. Run it by `make memory`; it takes some minutes. With an argument it
runs the first so many of each row's sizes, prints, and writes nothing.
"""

import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from result_tables import circumstances, keep

SHORT = {"num_chains": 2, "num_warmup": 20, "num_draws": 10}
"""Chains so short that a row's time is nearly all compiling."""
NEAR = [*range(3, 203)]
FAR = [*range(10, 2010, 10)]
ROWS = {
    "200 fits of 3 to 202 groups, defaults": ("PartialPooling", NEAR),
    "200 fits of 10 to 2,000 groups, defaults": ("PartialPooling", FAR),
    "300 fits of 19 groups, defaults": ("PartialPooling", [19] * 300),
    "200 fits of 3 to 202 groups, joint logit": ("LogitPartialPooling", NEAR),
    "200 fits of 3 to 202 groups, collapsed": ("CollapsedPartialPooling", NEAR),
    "200 fits of 3 to 202 groups, collapsed logit": ("CollapsedLogitPartialPooling", NEAR),
    "200 fits of 3 to 202 groups, Quadrature": ("Quadrature", NEAR),
    "200 estimates of 3 to 202 groups": ("estimate", NEAR),
    "200 estimates of 10 to 2,000 groups": ("estimate", FAR),
}


def memory() -> float:
    """Returns the megabytes that the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def most_memory() -> float:
    """Returns the most megabytes that the process ever had.

    Not getrusage's, which counts what the process that started this one had.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def run(what: str, sizes: list[int]) -> dict[str, float]:
    """Returns megabytes and seconds of fits, or estimates, of tables of these sizes in turn."""
    import jax

    import hierpool as hp

    # What they warn of are chains of so few draws.
    warnings.simplefilter("ignore")
    compiled: list[float] = []

    def heard(event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(heard)
    rng = np.random.default_rng(0)
    columns = {"successes": "y", "trials": "n"}
    at_first = at_half = 0.0
    started = time.perf_counter()
    for i, size in enumerate(sizes):
        trials = rng.integers(1, 60, size)
        table = {"y": rng.binomial(trials, rng.beta(10, 30, size)), "n": trials}
        if what == "estimate":
            hp.estimate(table, **columns)
        elif what == "Quadrature":
            model, quadrature = hp.CollapsedPartialPooling(), hp.Quadrature(num_draws=10)
            hp.fit(table, **columns, model=model, inference=quadrature)
        else:
            hp.fit(table, **columns, model=getattr(hp, what)(), inference=hp.NUTS(**SHORT))
        if i == 0:
            at_first = memory()
        if i == len(sizes) // 2:
            at_half = memory()
    return {
        "first": at_first,
        "half": at_half,
        "last": memory(),
        "peak": most_memory(),
        "programs": len(compiled),
        "compiling": sum(compiled),
        "seconds": time.perf_counter() - started,
    }


def main(most: int | None) -> None:
    """Prints the table, and writes it if all of it was run."""
    lines = [
        "| in one process | after the first, MB | half way, MB | at the end, MB | peak, MB | "
        "programs compiled | compiling, s | in all, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    print(*lines, sep="\n")
    for name, (what, sizes) in ROWS.items():
        words = [sys.executable, __file__, "--row", json.dumps([what, sizes[:most]])]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        row = json.loads(done.stdout)
        lines.append(
            f"| {name} | {row['first']:,.0f} | {row['half']:,.0f} | {row['last']:,.0f} | "
            f"{row['peak']:,.0f} | {row['programs']} | {row['compiling']:.1f} | "
            f"{row['seconds']:.1f} |"
        )
        print(lines[-1], flush=True)
    if most is None:
        keep("memory.md", [*lines, "", circumstances("jax", "blackjax", "numpy") + "."])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        print(json.dumps(run(*json.loads(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
