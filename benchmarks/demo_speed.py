"""How long the README's demo and one `estimate` take as whole processes, and the imports.

Prints a table and writes it to benchmarks/results/demo_speed.md. Run it by `make speed`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from result_tables import circumstances, keep

ROOT = Path(__file__).parent.parent
RUNS = 5
DEMO = (
    "fit data/efron-morris-75.csv --group player --successes hits --trials at_bats "
    "--chains 2 --warmup 2000 --draws 2000 --target-accept 0.95 --max-rhat 1.03"
).split() + ["--new-group", "0 for 4=0/4"]
ESTIMATE = (
    "estimate data/efron-morris-75.csv --group player --successes hits --trials at_bats"
).split()
COMMAND = [sys.executable, "-m", "hierpool.cli"]
# In one process, after a fit that compiled everything: fit's own clock of the sampling alone.
SAMPLING = """
import json, sys, hierpool as hp
model = getattr(hp, sys.argv[1])()
columns = dict(successes="hits", trials="at_bats", group="player", new_groups={"0 for 4": (0, 4)})
nuts = hp.NUTS(num_chains=2, num_warmup=2000, num_draws=2000, target_accept=0.95)
frame = hp.load_dataset("efron-morris-75")
import warnings
warnings.simplefilter("ignore", hp.ConvergenceWarning)
trees = [hp.fit(frame, **columns, model=model, inference=nuts, seed=s) for s in range(12)][1:]
print(json.dumps([tree.attrs["sampling_time"] for tree in trees]))
"""


def seconds(words: list[str], environment: dict[str, str] | None = None) -> float:
    """Returns the wall time of a whole process, which must succeed."""
    started = time.perf_counter()
    subprocess.run(
        words, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **(environment or {})}
    )
    return time.perf_counter() - started


def row(name: str, times: list[float]) -> str:
    """Returns a row of the table: median and range, in seconds."""
    return f"| {name} | {statistics.median(times):.3f} | {min(times):.3f} to {max(times):.3f} |"


def sampling(model: str) -> list[float]:
    """Returns the seconds of sampling of eleven warm fits."""
    words = [sys.executable, "-c", SAMPLING, model]
    return json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout)


def main() -> None:
    """Prints and writes the table."""
    rows = []
    for words in (DEMO, ESTIMATE):
        cold = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(seconds([*COMMAND, *words], {"XDG_CACHE_HOME": cache}))
        name = f"`hierpool {words[0]}`, whole process"
        rows.append(row(f"{name}, nothing compiled before", cold))
        with tempfile.TemporaryDirectory() as cache:
            environment = {"XDG_CACHE_HOME": cache}
            seconds([*COMMAND, *words], environment)
            warm = [seconds([*COMMAND, *words], environment) for _ in range(RUNS)]
        rows.append(row(f"{name}, compiled before", warm))
    help_times = [seconds([*COMMAND, "--help"]) for _ in range(RUNS)]
    rows.append(row("`hierpool --help`", help_times))
    names = "import hierpool; [getattr(hierpool, name) for name in hierpool.__all__]"
    both, base = [], []
    for _ in range(RUNS):
        base.append(seconds([sys.executable, "-c", "import jax, blackjax"]))
        both.append(seconds([sys.executable, "-c", f"import jax, blackjax; {names}"]))
    rows.append(row("`import jax, blackjax`", base))
    bare = [seconds([sys.executable, "-c", "import jax, blackjax, hierpool"]) for _ in range(RUNS)]
    rows.append(row("`import jax, blackjax, hierpool`", bare))
    rows.append(row("the same, and every public name", both))
    for model in ("PartialPooling", "CollapsedPartialPooling"):
        rows.append(row(f"sampling alone, {model}, 2 chains of 2000 + 2000", sampling(model)))
    lines = [
        "| what | median, s | range, s |",
        "|---|---|---|",
        *rows,
        "",
        f"{circumstances('jax', 'blackjax', 'numpy')}; {RUNS} runs each "
        "(sampling: 11 seeds after one that compiled).",
    ]
    print(*lines, sep="\n")
    keep("demo_speed.md", lines)


if __name__ == "__main__":
    main()
