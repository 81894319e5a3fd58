"""The three classic tables that ship with hierpool; each file cites its source at the top."""

from pathlib import Path

import pandas as pd

from hierpool.input.errors import InputError
from hierpool.input.files import read_file, shipped_tables


def dataset_path(name: str) -> Path:
    """Returns the path of a table that ships with hierpool.

    Args:
        name: "efron-morris-75", "rat-tumors" or "surgical-mortality".

    Raises:
        InputError: no table has that name.
    """
    tables = shipped_tables()
    if name not in tables:
        raise InputError(f"There is no data set {name!r}; there are {', '.join(sorted(tables))}.")
    return tables[name]


def load_dataset(name: str) -> pd.DataFrame:
    """Returns a table that ships with hierpool.

    "efron-morris-75": 18 baseball players of 1970; player, hits and at_bats of the first 45
    at-bats, remaining_hits and remaining_at_bats of the rest of the season. "rat-tumors": 71
    groups of rats; experiment, tumors, rats. "surgical-mortality": 12 hospitals; hospital,
    deaths, operations.

    Args:
        name: one of the three.

    Raises:
        InputError: there is none of that name.
    """
    frame, _ = read_file(dataset_path(name))
    return frame.astype({column: "int64" for column in frame.columns[1:]})
