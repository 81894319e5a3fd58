"""``hierpool predict``: successes in further trials, of known groups and of new ones."""

import argparse
import re
from typing import TYPE_CHECKING, Any

from hierpool.cli import stopping
from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.files import say_saved
from hierpool.cli.flags import FILE, add_new_groups, add_prob, add_seed, new_groups_of
from hierpool.cli.output import add_fit, check_outputs, load_fit
from hierpool.cli.printing import show
from hierpool.cli.renamed import say_renamed
from hierpool.runtime.tables import Table

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTION = (
    "How many successes to expect in further trials of a saved fit's groups, and of groups that "
    "came after it. Nothing is fitted again."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_fit(parser)
    ahead = parser.add_argument_group("further trials")
    number = ahead.add_mutually_exclusive_group(required=True)
    number.add_argument(
        "--trials-to-come", type=int, metavar="N", help="number of further trials of every group"
    )
    number.add_argument(
        "--trials", metavar="COLUMN", help="column of --data that holds these numbers"
    )
    ahead.add_argument("--data", metavar="FILE", help=FILE)
    ahead.add_argument("--group", metavar="COLUMN", help="column of --data with the groups' names")
    add_new_groups(
        ahead,
        'a group that was not in the fit, with its data so far, as "rookie=0/4"; may be repeated',
    )
    add_prob(parser)
    add_seed(parser)
    parser.add_argument(
        "--save", metavar="OUT.nc", help="save the fit with draws of the predictions, for ArviZ"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    use_compilation_cache()
    import hierpool

    new_groups = new_groups_of(options)
    if options.data is None and re.fullmatch(r"-?\d+", options.trials or ""):
        # As it was called before: --trials names a column everywhere.
        say_renamed(f"--trials {options.trials}", f"--trials-to-come {options.trials}")
        options.trials, options.trials_to_come = None, int(options.trials)
    needs_data = options.trials is not None
    if needs_data != (options.data is not None) or needs_data != (options.group is not None):
        raise hierpool.InputError(
            "--trials, --data and --group go together: give all of them, or --trials-to-come alone."
        )
    # Checked before any work is done.
    check_outputs(options, "output", "save")
    tree = load_fit(options)
    trials = _trials(options) if needs_data else options.trials_to_come
    asked = {"trials": trials, "new_groups": new_groups, "seed": options.seed}
    table = hierpool.predict(tree, **asked, prob=options.prob)
    if options.save:
        with_draws = hierpool.add_predictions(tree, **asked)
        with stopping.finishing(options.save):
            hierpool.save(with_draws, options.save, force=options.force)
        say_saved(options.save, options)
    title = f"Successes to come (lower and upper: {100 * options.prob:g}% interval)"
    keep = ("mean", "lower", "upper", "trials", "sd")
    show(options, _sentence(table), [Table("groups", title, table, keep)], file=options.output)
    return 0


def _sentence(table: "pd.DataFrame") -> str:
    """Returns the answer: the new groups, or the group with the most successes to come."""
    from hierpool.posterior.sentences import MOST, name_of, percent, plural
    from hierpool.runtime.order import new_in

    if not len(table):
        return "No group has further trials."
    new = table[new_in(table)]
    rows = new if len(new) else table.loc[[table["mean"].idxmax()]]
    each = [
        f"{name_of(label)}: {row['mean']:.1f} ({row['lower']:.0f} to {row['upper']:.0f}) "
        f"successes in {plural(int(row['trials']), 'trial')}"
        for label, row in rows[:MOST].iterrows()
    ]
    if len(rows) > MOST:
        each.append(f"and {len(rows) - MOST} more")
    lead = "" if len(new) else f"The most of {plural(len(table), 'group')}: "
    return f"{lead}{'; '.join(each)}, {percent(table)}."


def _trials(options: argparse.Namespace) -> Any:
    """Returns a column of a file by the groups' names, as text; ``predict`` checks its values."""
    from hierpool.input.frames import read_columns
    from hierpool.input.problems import Problems

    columns = {"--trials": options.trials, "--group": options.group}
    frame, source, unread, _ = read_columns(options.data, list(columns.items()))
    Problems(source, frame.index.to_numpy(), unread).require_none()
    return frame.set_index(options.group)[options.trials]
