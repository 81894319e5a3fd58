"""Prints the summary of a fit."""

import pandas as pd

from hierpool.answers.summary import Summary
from hierpool.cli.output import say_more
from hierpool.cli.terminal import printable_table, say


def print_summary(summary: Summary, prob: float, most_rows: int) -> None:
    """Prints the two tables of a fit.

    Args:
        summary: the tables.
        prob: probability of the intervals.
        most_rows: most groups that are printed; 0 for all.
    """
    interval = f"{100 * prob:g}% interval"
    # Four significant digits suit kappa too, which is in trials; its mean and sd stay blank.
    population = summary.population.map(lambda value: "" if pd.isna(value) else f"{value:.4g}")
    if len(population):
        say(f"Population (lower and upper: {interval})")
        say(population.rename_axis(None).to_string() + "\n")
    shown = summary.groups if most_rows <= 0 else summary.groups.head(most_rows)
    shown = printable_table(shown)
    # Without theta the table has only counts and raw rates.
    told = [name for name in ("rate", "mean", "sd", "lower", "upper", "shrinkage")]
    told = [name for name in told if name in shown]
    decimals = {name: f"{{:.{4}f}}".format for name in told}
    say(f"Groups (lower and upper: {interval})" if "lower" in told else "Groups")
    say(shown.rename_axis(None).to_string(formatters=decimals, na_rep=""))
    say_more(len(summary.groups) - len(shown))
    say()
