"""``hierpool contrasts``: differences between groups, and the expected loss of choosing one."""

import argparse
from typing import TYPE_CHECKING

from hierpool.cli.flags import add_best, add_prob
from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import show
from hierpool.runtime.tables import Table

if TYPE_CHECKING:
    import pandas as pd

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
    loss = expected_loss(tree, best=options.best)
    asked = options.pair or options.only
    least = f"Expected loss of choosing a group, the {options.best} being the best"
    tables = [
        Table(
            "contrasts",
            f"Contrasts of a and b (lower and upper: {100 * options.prob:g}% interval)",
            pairs,
            ("probability", "difference", "difference_lower", "difference_upper", "in_rope"),
        ),
        Table("losses", least, loss, ("expected_loss", "best"), sort="expected_loss"),
    ]
    # Asked for pairs, these come first, and the losses are of their groups alone.
    if asked:
        loss = loss[loss.index.astype(str).isin(asked)]
        tables[1] = tables[1]._replace(frame=loss)
    else:
        tables.reverse()
    show(options, _sentence(pairs, loss, options), tables, file=options.output, main="contrasts")
    return 0


def _sentence(pairs: "pd.DataFrame", loss: "pd.DataFrame", options: argparse.Namespace) -> str:
    from hierpool.posterior.sentences import name_of, plural, shown, spread

    if len(pairs) == 1:
        row = pairs.iloc[0]
        a, b = map(name_of, pairs.index[0])
        ends = (row[f"difference{end}"] for end in ("", "_lower", "_upper"))
        return (
            f"{a} is above {b} with probability {row['probability']:.2f}; the difference is "
            f"{spread(*ends)}, {100 * options.prob:g}% interval."
        )
    least = loss["expected_loss"]
    clear = int((abs(pairs["probability"] - 0.5) > 0.45).sum())
    return (
        f"The direction of the difference is known, with a probability over 0.95, for "
        f"{f'{clear:,}' if clear else 'none'} of {plural(len(pairs), 'pair')}; choosing "
        f"{name_of(least.idxmin())} loses least, {shown(least.min())[0]}."
    )
