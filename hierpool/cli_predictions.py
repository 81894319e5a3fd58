"""The commands that look ahead: predict, score."""

import argparse
from typing import Any

from hierpool import stopping
from hierpool.cli_tables import add_answer, check_outputs, load_fit, show
from hierpool.compilation_cache import use_compilation_cache
from hierpool.flags import FILE, add_new_groups, add_prob, new_groups_of


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
    ahead.add_argument("--data", metavar="FILE", help=FILE)
    ahead.add_argument("--group", metavar="COLUMN", help="column of --data with the groups' names")
    add_new_groups(
        ahead,
        'a group that was not in the fit, with its data so far, as "rookie=0/4"; may be repeated',
    )
    add_prob(predict)
    _add_seed(predict)
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
    held_out.add_argument("--data", required=True, metavar="FILE", help=FILE)
    for name in ("successes", "trials"):
        held_out.add_argument(
            f"--{name}", required=True, metavar="COLUMN", help=f"column of held-out {name}"
        )
    held_out.add_argument(
        "--group", required=True, metavar="COLUMN", help="column of the groups' names"
    )
    add_prob(score, 0.5)
    _add_seed(score)


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws (0)")


def _predict(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import hierpool

    new_groups = new_groups_of(options)
    needs_data = options.trials_column is not None
    if needs_data != (options.data is not None) or needs_data != (options.group is not None):
        raise hierpool.InputError(
            "--trials-column, --data and --group go together: give all of them, or --trials alone."
        )
    # Before any work is done, not after.
    check_outputs(options, "output", "save")
    tree = load_fit(options)
    trials = _trials(options) if needs_data else options.trials
    asked = {"trials": trials, "new_groups": new_groups, "seed": options.seed}
    table = hierpool.predict(tree, **asked, prob=options.prob)
    if options.save:
        with_draws = hierpool.add_predictions(tree, **asked)
        with stopping.finishing(options.save):
            hierpool.save(with_draws, options.save, force=options.force)
    show(options, {f"Successes to come (lower and upper: {100 * options.prob:g}%)": table})
    return 0


def _trials(options: argparse.Namespace) -> Any:
    """Returns a column of a file by the groups' names, as text: ``predict`` checks what it says."""
    from hierpool.frames import read_columns
    from hierpool.places import Places

    columns = {"--trials-column": options.trials_column, "--group": options.group}
    frame, source, problems = read_columns(options.data, list(columns.items()))
    Places(source, frame.index.to_numpy(), problems).require_none()
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
