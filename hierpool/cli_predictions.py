"""The commands that look ahead: predict, score."""

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hierpool.cli_tables import add_answer, load_fit, show
from hierpool.compilation_cache import use_compilation_cache
from hierpool.flags import new_group_of


def add_predictions(commands: Any) -> None:
    """Adds the commands."""
    predict = add_answer(
        commands,
        "predict",
        "successes in further trials, of known groups and of new ones",
        "How many successes to expect in further trials of a saved fit's groups, and of groups "
        "that came after it. Nothing is fitted again.",
    )
    predict.set_defaults(run=_predict)
    ahead = predict.add_argument_group("what is to come")
    number = ahead.add_mutually_exclusive_group(required=True)
    number.add_argument("--trials", type=int, metavar="M", help="trials to come, of every group")
    number.add_argument(
        "--trials-column", metavar="COLUMN", help="column of --data that holds the trials to come"
    )
    ahead.add_argument("--data", metavar="FILE", help="CSV or TSV file, a row a group")
    ahead.add_argument("--group", metavar="COLUMN", help="column of --data with the groups' names")
    ahead.add_argument(
        "--new-group",
        action="append",
        default=[],
        type=new_group_of,
        metavar="NAME=Y/N",
        help='a group that was not in the fit, with its data so far, as "rookie=0/4"; may be '
        "repeated",
    )
    _add_prob(predict, 0.89)
    predict.add_argument(
        "--save", metavar="OUT.nc", help="save the fit with draws of the predictions, for ArviZ"
    )

    score = add_answer(
        commands,
        "score",
        "how well a fit predicted what came later",
        "Log predictive density of held-out successes, pointwise and joint, and how many lie in "
        "their predictive intervals.",
    )
    score.set_defaults(run=_score)
    held_out = score.add_argument_group("what was held out")
    held_out.add_argument(
        "--data", required=True, metavar="FILE", help="CSV or TSV file, a row a group"
    )
    for name in ("successes", "trials"):
        held_out.add_argument(
            f"--{name}", required=True, metavar="COLUMN", help=f"column of held-out {name}"
        )
    held_out.add_argument(
        "--group", required=True, metavar="COLUMN", help="column of the groups' names"
    )
    _add_prob(score, 0.5)


def _add_prob(parser: argparse.ArgumentParser, prob: float) -> None:
    parser.add_argument(
        "--prob", type=float, default=prob, help=f"probability of the intervals ({prob})"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws (0)")


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Tells a warning that the draws are few in one line, once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"hierpool: {message}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import hierpool
    from hierpool.inference_data import check_writable

    new_groups = dict(options.new_group)
    if len(new_groups) < len(options.new_group):
        raise hierpool.InputError("Two new groups have the same name.")
    needs_data = options.trials_column is not None
    if needs_data != (options.data is not None) or needs_data != (options.group is not None):
        raise hierpool.InputError(
            "--trials-column, --data and --group go together: give all of them, or --trials alone."
        )
    # Before any work is done, not after.
    if options.save:
        check_writable(options.save, force=options.force)
        if Path(options.save).resolve() == Path(options.output or "").resolve():
            raise hierpool.InputError(f"--output and --save are the same file, {options.save}.")
    tree = load_fit(options)
    trials = _trials(options) if needs_data else options.trials
    asked = {"trials": trials, "new_groups": new_groups, "seed": options.seed}
    with _warnings_told():
        table = hierpool.predict(tree, **asked, prob=options.prob)
        if options.save:
            with_draws = hierpool.add_predictions(tree, **asked)
            hierpool.save(with_draws, options.save, force=options.force)
    show(options, {f"Successes to come (lower and upper: {100 * options.prob:g}%)": table})
    return 0


def _trials(options: argparse.Namespace) -> Any:
    """Returns a column of a file by the groups' names, as text: ``predict`` checks what it says."""
    from hierpool.files import read_file
    from hierpool.table import InputError

    frame, source = read_file(options.data)
    for column in (options.trials_column, options.group):
        if column not in frame:
            shown = ", ".join(map(repr, frame.columns))
            raise InputError(f"{source.name} has no column {column!r}; it has {shown}.")
    return frame.set_index(options.group)[options.trials_column]


def _score(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import pandas as pd

    import hierpool
    from hierpool.table import read_table

    tree = load_fit(options)
    table = read_table(
        options.data, successes=options.successes, trials=options.trials, group=options.group
    )
    held_out = {
        "successes": pd.Series(table.successes, index=table.labels),
        "trials": pd.Series(table.trials, index=table.labels),
    }
    with _warnings_told():
        score = hierpool.score(tree, **held_out)
        coverage = hierpool.coverage(tree, **held_out, prob=options.prob, seed=options.seed)
    groups = score.groups.join(coverage.groups[["lower", "upper", "inside"]])
    show(
        options,
        {
            "Log predictive density": score.total,
            "Predictive intervals": coverage.total,
            f"Groups (lower and upper: {100 * options.prob:g}%)": groups,
        },
    )
    return 0
