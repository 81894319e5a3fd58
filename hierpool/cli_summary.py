"""``hierpool summary``: a saved fit in two tables."""

import argparse
from typing import Any

from hierpool.cli_tables import add_answer, load_fit, write_table
from hierpool.flags import add_prob


def add_summary(commands: Any) -> None:
    """Adds the command."""
    summary = add_answer(
        commands,
        "summary",
        "the population and the groups of a saved fit",
        "Print the population's parameters and each group's mean, sd, interval and shrinkage.",
    )
    summary.set_defaults(run=_summary)
    add_prob(summary)
    summary.add_argument(
        "--interval",
        default="equal-tailed",
        choices=("equal-tailed", "highest-density"),
        help="equal tails (the default), or the shortest interval",
    )


def _summary(options: argparse.Namespace) -> int:
    tree = load_fit(options)
    from hierpool.printing import print_summary
    from hierpool.summary import summarize

    summary = summarize(tree, prob=options.prob, interval=options.interval)
    if options.output:
        write_table(summary.groups, options.output)
    print_summary(summary, options.prob, options.rows)
    return 0
