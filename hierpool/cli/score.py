"""``hierpool score``: how well a fit predicted held-out data."""

import argparse

from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.flags import FILE, add_prob, add_seed
from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import show
from hierpool.runtime.tables import Table

DESCRIPTION = (
    "Log predictive density of held-out successes, pointwise and joint, and how many lie in "
    "their predictive intervals."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    held_out = parser.add_argument_group("held-out data")
    held_out.add_argument("--data", required=True, metavar="FILE", help=FILE)
    for name in ("successes", "trials"):
        held_out.add_argument(
            f"--{name}", required=True, metavar="COLUMN", help=f"column of held-out {name}"
        )
    held_out.add_argument(
        "--group", required=True, metavar="COLUMN", help="column of the groups' names"
    )
    add_prob(parser, 0.5)
    add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    use_compilation_cache()
    import pandas as pd

    import hierpool
    from hierpool.input.table import read_table

    tree = load_fit(options)
    table = read_table(
        options.data, successes=options.successes, trials=options.trials, group=options.group
    )
    held_out = {
        "successes": pd.Series(table.successes, index=table.labels),
        "trials": pd.Series(table.trials, index=table.labels),
    }
    score = hierpool.score(tree, **held_out)
    coverage = hierpool.coverage(tree, **held_out, prob=options.prob, seed=options.seed)
    groups = score.groups.join(coverage.groups[["lower", "upper", "inside"]])
    title = f"Groups (lower and upper: {100 * options.prob:g}% interval)"
    keep = ("log_density", "inside", "successes", "lower", "upper", "trials")
    densities, _ = score.tables()
    intervals, _ = coverage.tables()
    tables = [
        densities._replace(name="scores"),
        intervals._replace(name="coverage"),
        Table("groups", title, groups, keep),
    ]
    show(options, f"{score.sentence} {coverage.sentence}", tables, file=options.output)
    return 0
