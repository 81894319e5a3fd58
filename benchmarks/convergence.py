"""How default settings fare on five tables: steps, divergences and R-hat over ten seeds.

The clicks are low rates that are nearly alike: sigma has a neck. They are made up, and so are the
2,000 groups, which the joint model alone fits, with two seeds.

Prints a table and writes it to benchmarks/results/convergence.md.
"""

import warnings

import numpy as np
import pandas as pd
from result_tables import keep

import hierpool as hp

TABLES = {
    "efron-morris-75": ("hits", "at_bats", "player"),
    "rat-tumors": ("tumors", "rats", "experiment"),
    "surgical-mortality": ("deaths", "operations", "hospital"),
}
CLICKS = {"clicks": [125, 254, 89, 89, 184, 47, 98, 147], "views": [1_000_000] * 8}
MODELS = (
    hp.PartialPooling(),
    hp.CollapsedPartialPooling(),
    hp.LogitPartialPooling(),
    hp.CollapsedLogitPartialPooling(),
)
SEEDS, NUM_MANY = range(10), 2000


def many() -> pd.DataFrame:
    """Returns many groups of 1 to 630 trials."""
    rng = np.random.default_rng(0)
    trials = rng.integers(1, 631, NUM_MANY)
    return pd.DataFrame({"y": rng.binomial(trials, rng.beta(20, 60, NUM_MANY)), "n": trials})


def main() -> None:
    """Prints and writes the table."""
    # What it counts is what the warnings would say.
    for category in (hp.ConvergenceWarning, hp.PopulationWarning):
        warnings.simplefilter("ignore", category)
    rows = [
        "| table | model | target | steps a draw | divergent draws, of 4000, by seed | "
        "worst R-hat | fewest effective draws, bulk | tails | converged |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    frames = {name: (hp.load_dataset(name), *columns) for name, columns in TABLES.items()}
    frames["clicks"] = (pd.DataFrame(CLICKS), "clicks", "views", None)
    frames["2,000 groups"] = (many(), "y", "n", None)
    for name, (frame, successes, trials, group) in frames.items():
        is_large = len(frame) == NUM_MANY
        for model in MODELS[:1] if is_large else MODELS:
            for target in (0.8, 0.95):
                trees = [
                    hp.fit(
                        frame,
                        successes=successes,
                        trials=trials,
                        group=group,
                        model=model,
                        inference=hp.NUTS(target_accept=target),
                        seed=seed,
                    )
                    for seed in SEEDS[: 2 if is_large else None]
                ]
                verdicts = [hp.check(tree) for tree in trees]
                steps = np.mean([tree["sample_stats"]["n_steps"].mean() for tree in trees])
                rhat = max(verdict.rhat for verdict in verdicts)
                effective = min(verdict.effective for verdict in verdicts)
                tails = min(verdict.tail_effective for verdict in verdicts)
                counts = " ".join(str(verdict.divergences) for verdict in verdicts)
                good = sum(not verdict.problems for verdict in verdicts)
                rows.append(
                    f"| {name} | {type(model).__name__} | {target} | {steps:.1f} | {counts} | "
                    f"{rhat:.4f} | {effective:.0f} | {tails:.0f} | {good} of {len(verdicts)} |"
                )
                print(rows[-1], flush=True)
    keep("convergence.md", rows)


if __name__ == "__main__":
    main()
