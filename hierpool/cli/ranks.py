"""``hierpool ranks``: which group is best, and with what probability."""

import argparse

from hierpool.cli.flags import add_best, add_prob
from hierpool.cli.output import add_fit, load_fit, show, write_table
from hierpool.cli.terminal import say

DESCRIPTION = (
    "The rank of each group, the best first, and the probabilities that it is the best and "
    "among the top."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    parser.add_argument(
        "--top", type=int, default=1, metavar="K", help="number of groups that count as the top (1)"
    )
    add_best(parser)
    add_prob(parser)
    parser.add_argument(
        "--distribution",
        metavar="FILE",
        help="write the probability of every rank of every group: .csv or .parquet",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    tree = load_fit(options, "distribution")
    from hierpool.answers.ranks import rank
    from hierpool.posterior.fitted import read_fit

    ranks = rank(tree, top=options.top, best=options.best, prob=options.prob)
    if options.distribution:
        # Parquet requires column names that are text.
        write_table(ranks.distribution.rename(columns=str), options.distribution)
    show(options, {f"Ranks, the {options.best} first": ranks.groups.sort_values("rank")})
    left_out = len(read_fit(tree).labels) - len(ranks.groups)
    if left_out:
        say(f"Groups without trials that are left out: {left_out}.")
    return 0
