"""The commands that decide between groups: events, ranks, contrasts."""

import argparse
from typing import Any

from hierpool.cli_tables import add_answer, load_fit, show, write_table
from hierpool.flags import add_prob
from hierpool.terminal import say


def add_decisions(commands: Any) -> None:
    """Adds the commands."""
    _add_events(commands)
    _add_ranks(commands)
    _add_contrasts(commands)


def _add_events(commands: Any) -> None:
    parser = add_answer(
        commands,
        "events",
        "which groups are above a line, how many, and which to select",
        "Probabilities that groups' chances of success are above a line, one by one and together.",
    )
    parser.set_defaults(run=_events)
    parser.add_argument(
        "--above",
        action="append",
        required=True,
        type=float,
        metavar="LINE",
        help="a chance, as .35; may be repeated",
    )
    parser.add_argument(
        "--trials-to-come",
        type=int,
        metavar="N",
        help="also: is the rate above the line after so many trials more of each group",
    )
    parser.add_argument(
        "--false-discovery-rate",
        type=float,
        metavar="RATE",
        help="also: select groups, of which this share is expected to be below the line; the "
        "surest come first",
    )


def _events(options: argparse.Namespace) -> int:
    tree = load_fit(options)
    import pandas as pd

    from hierpool.event_chances import events, season, select

    lines, parts = options.above, []
    if options.trials_to_come is not None:
        to_come = options.trials_to_come
        tables = [season(tree, above=line, trials_to_come=to_come) for line in lines]
        later = pd.concat(tables, keys=lines, names=["line"])
        parts.append(
            later.rename(columns={"probability": "season_probability", "mcse": "season_mcse"})
        )
    if options.false_discovery_rate is not None:
        rate = options.false_discovery_rate
        tables = [select(tree, above=line, false_discovery_rate=rate) for line in lines]
        chosen = pd.concat(tables, keys=lines, names=["line"]).drop(columns=["probability", "mcse"])
        parts.append(chosen)
    # Last, since it may warn: what is wrong with the words is said alone.
    told = events(tree, above=lines)
    parts.insert(0, told.groups)
    if options.false_discovery_rate is not None:
        # In the order of the selection; groups that were never tried are not in it.
        parts = [part.loc[chosen.index] for part in parts]
    show(options, {"Together": told.joint, "Groups": pd.concat(parts, axis=1)})
    return 0


def _add_ranks(commands: Any) -> None:
    parser = add_answer(
        commands,
        "ranks",
        "which group is best, and how sure that is",
        "The rank of each group, the best first, and the probabilities that it is the best and "
        "among the top.",
    )
    parser.set_defaults(run=_ranks)
    parser.add_argument(
        "--top", type=int, default=1, metavar="K", help="how many groups the top has (1)"
    )
    _add_best(parser)
    add_prob(parser)
    parser.add_argument(
        "--distribution",
        metavar="FILE",
        help="write the probability of every rank of every group: .csv or .parquet",
    )


def _ranks(options: argparse.Namespace) -> int:
    tree = load_fit(options, "distribution")
    from hierpool.fitted import read_fit
    from hierpool.ranks import rank

    ranks = rank(tree, top=options.top, best=options.best, prob=options.prob)
    if options.distribution:
        # Parquet wants text for names of columns.
        write_table(ranks.distribution.rename(columns=str), options.distribution)
    show(options, {f"Ranks, the {options.best} first": ranks.groups.sort_values("rank")})
    left_out = len(read_fit(tree).labels) - len(ranks.groups)
    if left_out:
        say(f"Groups without trials that are left out: {left_out}.")
    return 0


def _add_contrasts(commands: Any) -> None:
    parser = add_answer(
        commands,
        "contrasts",
        "whether one group beats another, and what choosing one may lose",
        "Differences, ratios and odds ratios of all pairs of groups, and the expected loss of "
        "choosing each group.",
    )
    parser.set_defaults(run=_contrasts)
    parser.add_argument("--pair", nargs=2, metavar=("A", "B"), help="compare these two alone")
    parser.add_argument(
        "--group", action="append", metavar="NAME", help="a group to compare; may be repeated"
    )
    parser.add_argument(
        "--rope",
        nargs="+",
        type=float,
        metavar="NUMBER",
        help="differences that make none in practice: half a width, or low and high",
    )
    parser.add_argument("--most-pairs", type=int, help="refuse more pairs than this (10000)")
    _add_best(parser)
    add_prob(parser)


def _contrasts(options: argparse.Namespace) -> int:
    from hierpool.places import InputError

    if options.pair and options.group:
        raise InputError("--pair and --group both say what to compare: give one of them.")
    tree = load_fit(options)
    from hierpool.pairwise import MOST_PAIRS, contrasts, expected_loss

    rope = options.rope and (options.rope[0] if len(options.rope) == 1 else tuple(options.rope))
    pairs = contrasts(
        tree,
        groups=options.pair or options.group,
        prob=options.prob,
        rope=rope,
        most_pairs=MOST_PAIRS if options.most_pairs is None else options.most_pairs,
    )
    loss = expected_loss(tree, best=options.best).sort_values("expected_loss")
    show(options, {"Expected loss of choosing a group": loss, "Contrasts, a and b": pairs})
    return 0


def _add_best(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--best",
        choices=("highest", "lowest"),
        default="highest",
        help="which chance of success is the best (highest)",
    )
