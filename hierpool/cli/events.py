"""``hierpool events``: which groups are above a threshold, how many, and which to select."""

import argparse

from hierpool.cli.output import add_fit, load_fit
from hierpool.cli.printing import show
from hierpool.runtime.tables import Table

DESCRIPTION = (
    "Probabilities that groups' chances of success are above a threshold, one by one and together."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    parser.add_argument(
        "--above",
        action="append",
        required=True,
        type=float,
        metavar="THRESHOLD",
        help="a chance of success, as .35; may be repeated",
    )
    parser.add_argument(
        "--trials-to-come",
        type=int,
        metavar="N",
        help="also: whether the rate is above the threshold after N further trials of each group",
    )
    parser.add_argument(
        "--false-discovery-rate",
        type=float,
        metavar="RATE",
        help="also: select groups, of which this share is expected to be below the threshold; "
        "the most probable come first",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    tree = load_fit(options)
    import pandas as pd

    from hierpool.answers.events import events, season
    from hierpool.answers.selection import select

    thresholds, parts = options.above, []
    if options.trials_to_come is not None:
        to_come = options.trials_to_come
        tables = [season(tree, above=threshold, trials_to_come=to_come) for threshold in thresholds]
        later = pd.concat(tables, keys=thresholds, names=["line"])
        parts.append(
            later.rename(columns={"probability": "season_probability", "mcse": "season_mcse"})
        )
    if options.false_discovery_rate is not None:
        rate = options.false_discovery_rate
        tables = [
            select(tree, above=threshold, false_discovery_rate=rate) for threshold in thresholds
        ]
        chosen = pd.concat(tables, keys=thresholds, names=["line"]).drop(
            columns=["probability", "mcse"]
        )
        parts.append(chosen)
    # Last, because it may warn: an error in the arguments is then reported alone.
    answer = events(tree, above=thresholds)
    groups = pd.concat([answer.groups, *parts], axis=1)
    if options.false_discovery_rate is not None:
        # The selection leaves out groups without trials.
        groups = groups.loc[groups["selected"].notna()].astype({"selected": bool})
    keep = ("probability", "selected", "season_probability", "expected_rate", "q_value")
    table = Table("groups", "Groups", groups, keep, sort="probability", within=1)
    together, _ = answer.tables()
    show(options, answer.sentence, [together, table], file=options.output)
    return 0
