"""How default settings fare on the three tables: divergences and R-hat over ten seeds.

Prints a table and writes it to benchmarks/results/convergence.md.
"""

import warnings
from pathlib import Path

import hierpool as hp

TABLES = {
    "efron-morris-75": ("hits", "at_bats", "player"),
    "rat-tumors": ("tumors", "rats", "experiment"),
    "surgical-mortality": ("deaths", "operations", "hospital"),
}
MODELS = (hp.PartialPooling(), hp.CollapsedPartialPooling(), hp.LogitPartialPooling())
SEEDS = range(10)


def main() -> None:
    """Prints and writes the table."""
    # What it counts is what the warnings would say.
    warnings.simplefilter("ignore", hp.ConvergenceWarning)
    rows = [
        "| table | model | target | divergent draws, of 4000, by seed | worst R-hat | "
        "fewest effective draws | converged |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (successes, trials, group) in TABLES.items():
        frame = hp.load_dataset(name)
        for model in MODELS:
            for target in (0.8, 0.95):
                verdicts = [
                    hp.check(
                        hp.fit(
                            frame,
                            successes=successes,
                            trials=trials,
                            group=group,
                            model=model,
                            inference=hp.NUTS(target_accept=target),
                            seed=seed,
                        )
                    )
                    for seed in SEEDS
                ]
                rhat = max(verdict.rhat for verdict in verdicts)
                effective = min(verdict.effective for verdict in verdicts)
                counts = " ".join(str(verdict.divergences) for verdict in verdicts)
                good = sum(not verdict.problems for verdict in verdicts)
                rows.append(
                    f"| {name} | {type(model).__name__} | {target} | {counts} | {rhat:.4f} | "
                    f"{effective:.0f} | {good} of {len(verdicts)} |"
                )
                print(rows[-1], flush=True)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "convergence.md").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
