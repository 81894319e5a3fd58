"""``hierpool contrasts``: differences between groups, and the expected loss of choosing one."""

import argparse

from hierpool.cli.flags import add_best, add_prob
from hierpool.cli.output import add_fit, load_fit, show

DESCRIPTION = (
    "Differences, ratios and odds ratios of all pairs of groups, and the expected loss of "
    "choosing each group."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    parser.add_argument("--pair", nargs=2, metavar=("A", "B"), help="compare only these two")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a group to compare; may be repeated"
    )
    parser.add_argument(
        "--rope",
        nargs="+",
        type=float,
        metavar="NUMBER",
        help="differences without practical importance: half a width, or low and high",
    )
    parser.add_argument("--most-pairs", type=int, help="refuse more pairs than this (10000)")
    add_best(parser)
    add_prob(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    from hierpool.input.errors import InputError

    if options.pair and options.only:
        raise InputError("--pair and --only both say what to compare: give one of them.")
    tree = load_fit(options)
    from hierpool.answers.contrasts import MOST_PAIRS, contrasts, expected_loss

    rope = options.rope and (options.rope[0] if len(options.rope) == 1 else tuple(options.rope))
    pairs = contrasts(
        tree,
        groups=options.pair or options.only,
        prob=options.prob,
        rope=rope,
        most_pairs=MOST_PAIRS if options.most_pairs is None else options.most_pairs,
    )
    loss = expected_loss(tree, best=options.best).sort_values("expected_loss")
    show(options, {"Expected loss of choosing a group": loss, "Contrasts, a and b": pairs})
    return 0
