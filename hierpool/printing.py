"""What the command prints of a fit, and the line that tells how far it is."""

import sys
import time

import pandas as pd

from hierpool.summary import Summary


def print_summary(summary: Summary, prob: float, most_rows: int) -> None:
    """Prints the two tables of a fit.

    Args:
        summary: the tables.
        prob: probability of the intervals.
        most_rows: print at most so many groups; 0 for all.
    """
    interval = f"{100 * prob:g}% interval"
    # kappa counts trials; a mean it has not.
    population = summary.population.map(lambda value: "" if pd.isna(value) else f"{value:.4g}")
    if len(population):
        print(f"Population (lower and upper: {interval})")
        print(population.rename_axis(None).to_string(), end="\n\n")
    shown = summary.groups if most_rows <= 0 else summary.groups.head(most_rows)
    # Without theta only counts and raw rates.
    told = [name for name in ("rate", "mean", "sd", "lower", "upper", "shrinkage")]
    told = [name for name in told if name in shown]
    decimals = {name: f"{{:.{4}f}}".format for name in told}
    print(f"Groups (lower and upper: {interval})" if "lower" in told else "Groups")
    print(shown.rename_axis(None).to_string(formatters=decimals, na_rep=""))
    if len(shown) < len(summary.groups):
        print(f"... and {len(summary.groups) - len(shown)} more (--rows 0 prints all).")
    print()


class Bar:
    """A line on the terminal that tells how far the chains are."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def __call__(self, done: int, total: int, divergences: int) -> None:
        """Writes the line anew; at the end, nothing is left of it."""
        # Short runs need no bar.
        if time.perf_counter() - self._started < 0.5 and done < total:
            return
        end = "\r\033[K" if done >= total else ""
        told = f", {divergences} divergent" if divergences else ""
        print(f"\r{done} of {total} steps{told}", end=end, file=sys.stderr, flush=True)
