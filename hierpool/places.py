"""Where a bad row stands, as its reader would look for it, and the one error that says so."""

from collections.abc import Callable

import numpy as np

from hierpool.files import Source


class InputError(ValueError):
    """The data can't be what they are said to be: where, which value, which rule, what to do."""


class Places:
    """Says where a row is, as its reader would look for it."""

    def __init__(self, source: Source, labels: np.ndarray) -> None:
        self.source, self.labels = source, labels

    def __call__(self, row: int) -> str:
        """Returns where a row is: its group and, in a file, its line."""
        group = f"group {str(self.labels[row])!r}"
        line = self.source.line(row)
        return group if line is None else f"{group} (line {line})"

    def report(self, rows: np.ndarray, what: Callable[[int], str], rule: str) -> None:
        """Raises an error that names the first five bad rows, if there are any."""
        if len(rows) == 0:
            return
        shown = "; ".join(f"{self(row)} has {what(row)}" for row in rows[:5])
        more = f"; and {len(rows) - 5} more rows" if len(rows) > 5 else ""
        raise InputError(f"{rule}: {shown}{more}.")
