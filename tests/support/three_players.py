"""A table of three players, as a mapping, as a ``Table`` and as a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hierpool.input.table import Table, read_table

COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}


def players(**changes: Any) -> dict[str, Any]:
    return {"player": ["Ann", "Bob", "Cy"], "hits": [1, 2, 3], "at_bats": [4, 5, 6]} | changes


def read(data: Any, **arguments: Any) -> Table:
    return read_table(data, **(COLUMNS | arguments))


def written(folder: Path, data: Mapping[str, Any]) -> Path:
    path = folder / "players.csv"
    pd.DataFrame(data).to_csv(path, index=False)
    return path
