"""How long each answer takes on a fit of 2,000 groups and 4,000 draws: `make answers-speed`.

Prints a table and writes it to benchmarks/results/answers_speed.md. Memory is the peak of the
calls after the first above what the process had before them: Linux alone tells it.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from exact_speed import memory, timed
from result_tables import circumstances, keep

import hierpool as hp

NUM_GROUPS = 2000
RUNS = 3
COLUMNS = {"successes": "y", "trials": "n", "group": "name"}


def simulated() -> pd.DataFrame:
    """Returns groups of very unequal size, with held-out successes in 50 trials each."""
    rng = np.random.default_rng(2000)
    n = np.exp(rng.uniform(0, np.log(10_001), NUM_GROUPS)).astype(int)
    theta = rng.beta(20, 60, NUM_GROUPS)
    names = [f"group {i}" for i in range(NUM_GROUPS)]
    return pd.DataFrame(
        {"name": names, "y": rng.binomial(n, theta), "n": n, "later": rng.binomial(50, theta)}
    )


def forget_peak() -> float:
    """Starts the peak anew, and returns the megabytes that the process has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory()


def peak() -> float:
    """Returns the most megabytes that the process has had since."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Prints and writes the table."""
    frame = simulated()
    exactly = {"model": hp.CollapsedPartialPooling(), "inference": hp.Quadrature()}
    tree = hp.fit(frame, **COLUMNS, **exactly)
    later = {"successes": frame["later"].to_numpy(), "trials": 50}
    some = frame["name"][:100].tolist()
    answers: dict[str, Callable[[], object]] = {
        "`summarize`": lambda: hp.summarize(tree),
        "`summarize`, highest density": lambda: hp.summarize(tree, interval="highest-density"),
        "`events`, one line": lambda: hp.events(tree, above=0.3),
        "`season`, 50 trials": lambda: hp.season(tree, above=0.3, trials_to_come=50),
        "`select`": lambda: hp.select(tree, above=0.3),
        "`rank`": lambda: hp.rank(tree, top=10),
        "`contrast`": lambda: hp.contrast(tree, *some[:2], rope=0.02),
        "`contrasts`, 100 groups, 4,950 pairs": lambda: hp.contrasts(tree, groups=some),
        "`expected_loss`": lambda: hp.expected_loss(tree),
        "`predict`, 50 trials": lambda: hp.predict(tree, trials=50),
        "`new_groups`, one": lambda: hp.new_groups(tree, {"rookie": (0, 4)}),
        "`add_predictions`": lambda: hp.add_predictions(tree, trials=50),
        "`score`": lambda: hp.score(tree, **later),
        "`coverage`": lambda: hp.coverage(tree, **later),
        "`predictive_check`": lambda: hp.predictive_check(tree),
        "`exchangeability`": lambda: hp.exchangeability(tree),
        "`sensitivity`, 3 priors": lambda: hp.sensitivity(tree),
        "`compare`, 4 models": lambda: hp.compare(frame, **COLUMNS),
    }
    lines = [
        f"{NUM_GROUPS:,} groups of 1 to 10,000 trials, 4,000 draws.",
        "",
        "| answer | first call, s | after, s | memory, MB |",
        "|---|---|---|---|",
    ]
    for name, answer in answers.items():
        started = time.perf_counter()
        answer()
        first = time.perf_counter() - started
        before = forget_peak()
        again = np.median(timed(answer, RUNS))
        lines.append(f"| {name} | {first:.2f} | {again:.2f} | {peak() - before:,.0f} |")
        print(lines[-1], flush=True)
    keep("answers_speed.md", [*lines, "", circumstances("jax", "numpy", "scipy") + "."])


if __name__ == "__main__":
    main()
