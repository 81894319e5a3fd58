"""``hierpool summary``: a saved fit in two tables."""

import argparse

from hierpool.cli.flags import add_prob
from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import show

DESCRIPTION = "Print the population's parameters and each group's mean, sd, interval and shrinkage."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    add_prob(parser)
    parser.add_argument(
        "--interval",
        default="equal-tailed",
        choices=("equal-tailed", "highest-density"),
        help="equal tails (the default), or the shortest interval",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    tree = load_fit(options)
    from hierpool.answers.summary import summarize

    summary = summarize(tree, prob=options.prob, interval=options.interval)
    show(options, summary.sentence, summary.tables(), file=options.output)
    return 0
