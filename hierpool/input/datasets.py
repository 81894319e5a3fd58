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

    Args:
        name: "efron-morris-75", "rat-tumors" or "surgical-mortality".

    Returns:
        A frame with one row for each group. The first column is the group's name, as text; the
        others are whole numbers.

        "efron-morris-75" has 18 baseball players of 1970: ``player``; ``hits`` and ``at_bats``,
        successes and trials of the first 45 at-bats; ``remaining_hits`` and
        ``remaining_at_bats``, those of the rest of the season.

        "rat-tumors" has 71 groups of rats: ``experiment``; ``tumors``, rats with a tumour;
        ``rats``, rats in the group.

        "surgical-mortality" has 12 hospitals: ``hospital``; ``deaths``, deaths after cardiac
        surgery on infants; ``operations``, operations.

    Raises:
        InputError: no table has that name.

    Examples:
        >>> import hierpool as hp
        >>> print(hp.load_dataset("surgical-mortality").head(3))
          hospital  deaths  operations
        0        A       0          47
        1        B      18         148
        2        C       8         119
    """
    frame, _ = read_file(dataset_path(name))
    return frame.astype({column: "int64" for column in frame.columns[1:]})
