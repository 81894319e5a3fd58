"""``hierpool predictive-check``: how the data compare with replicates under the fit."""

import argparse

from hierpool.cli.output import add_fit, load_fit, print_table, write_table
from hierpool.cli.terminal import say

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
    shown = [name for name in table if not str(name).endswith("_mcse") or str(name) == "p_mid_mcse"]
    trend = hierpool.exchangeability(tree, seed=options.seed) if has_theta else None
    if options.output:
        write_table(table, options.output)
    say(f"Replicates of the {options.replicates.replace('-', ' ')}")
    print_table(table[shown], options.rows)
    if trend:
        say(f"\n{trend.sentence}")
    return 0
