"""``hierpool predictive-check``: how the data compare with replicates under the fit."""

import argparse
from typing import TYPE_CHECKING

from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import show
from hierpool.runtime.tables import Table

if TYPE_CHECKING:
    import pandas as pd

EXTREME = 0.05
"""A p-value below it, or as far above, is called extreme."""
DESCRIPTION = (
    "Compare min, max, mean and sd of the data with those of replicates under the fit: on counts, "
    "on rates, and on standardised residuals. With unequal trials look at rates and residuals: "
    "counts say little."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    parser.add_argument(
        "--replicates",
        choices=("same-groups", "new-groups"),
        default="same-groups",
        help="of the same groups (the default), or of new groups with the same trials, whose theta "
        "is drawn from the population",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of new groups (0)")


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    tree = load_fit(options)
    import hierpool

    # The p-values with new groups do not need theta, but the test of exchangeability does.
    has_theta = "theta" in tree["posterior"]
    table = hierpool.predictive_check(tree, replicates=options.replicates, seed=options.seed)
    trend = hierpool.exchangeability(tree, seed=options.seed) if has_theta else None
    title = f"Replicates of the {options.replicates.replace('-', ' ')}"
    keep = ("p_mid", "observed", "mean", "sd", "p_upper", "p_lower")
    more = {} if trend is None else {"trend": trend.sentence}
    checks = Table("checks", title, table, keep, has_scales=True)
    show(
        options,
        _sentence(table),
        [checks],
        file=options.output,
        main="checks",
        lines=list(more.values()),
        more=more,
    )
    return 0


def _sentence(table: "pd.DataFrame") -> str:
    """Returns the answer: which p-values are extreme."""
    extreme = table[abs(table["p_mid"] - 0.5) > 0.5 - EXTREME]
    lowest, highest = table["p_mid"].min(), table["p_mid"].max()
    if not len(extreme):
        return (
            f"None of {len(table)} statistics is extreme: their p-values are from {lowest:.2f} to "
            f"{highest:.2f}."
        )
    each = [
        f"{name} of {of} ({p:.3f})"
        for of, name, p in extreme["p_mid"].reset_index().itertuples(index=False)
    ]
    verb = "is" if len(each) == 1 else "are"
    return (
        f"{len(each)} of {len(table)} statistics {verb} extreme, with p below {EXTREME:g} or above "
        f"{1 - EXTREME:g}: {', '.join(each)}."
    )
