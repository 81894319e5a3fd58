"""Arguments of pictures that are not flag by flag those of the function that draws."""

import argparse
from typing import Any

from hierpool.cli.flags import new_groups_of


def of_new_groups(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the groups of ``plot_new_groups``: new ones with their data, or names.

    Raises:
        InputError: none is given, or some of each.
    """
    from hierpool.input.errors import InputError

    new, names = new_groups_of(options), options.groups or []
    if bool(new) == bool(names):
        raise InputError(
            "Name new groups by --new-group NAME=Y/N, or groups of the fit by --group NAME: one of "
            "the two."
        )
    return {"groups": new or names}


def of_later(options: argparse.Namespace) -> dict[str, Any]:
    """Returns what came later, from the columns of a file.

    Raises:
        InputError: the file or its values break a rule.
    """
    import pandas as pd

    from hierpool.input.table import read_table

    table = read_table(
        options.data, successes=options.successes, trials=options.trials, group=options.column
    )
    return {
        "successes": pd.Series(table.successes, index=table.labels),
        "trials": pd.Series(table.trials, index=table.labels),
    }
