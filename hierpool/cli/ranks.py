"""``hierpool ranks``: which group is best, and with what probability."""

import argparse

from hierpool.cli.files import write_table
from hierpool.cli.flags import add_best, add_prob
from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import ENDS, show

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
        help=f"write the probability of every rank of every group to {ENDS}",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    tree = load_fit(options, "distribution")
    from hierpool.answers.ranks import rank

    ranks = rank(tree, top=options.top, best=options.best, prob=options.prob)
    if options.distribution:
        # Parquet requires column names that are text.
        distribution = ranks.distribution.rename(columns=str)
        write_table(distribution, options.distribution, options)
    show(options, ranks.sentence, ranks.tables(), file=options.output)
    return 0
