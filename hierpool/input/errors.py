"""Where bad rows stand, as their reader would look for them, and the one error that says so."""

from collections.abc import Callable, Sequence

import numpy as np

from hierpool.input.files import Source


class InputError(ValueError):
    """The data can't be what they are said to be: where, which value, which rule, what to do."""


class Places:
    """Collects what is wrong with rows, each kind in a sentence that says where they are."""

    def __init__(self, source: Source, labels: np.ndarray, problems: Sequence[str] = ()) -> None:
        self.source, self.labels, self.problems = source, labels, list(problems)

    def __call__(self, row: int) -> str:
        """Returns where a row is: its group and, in a file, its line."""
        group = f"group {str(self.labels[row])!r}"
        line = self.source.line(row)
        return group if line is None else f"{group} (line {line})"

    def report(self, rows: np.ndarray, what: Callable[[int], str], rule: str) -> None:
        """Adds a sentence that names the first five bad rows, if there are any."""
        if len(rows) == 0:
            return
        shown = "; ".join(f"{self(row)} has {what(row)}" for row in rows[:5])
        more = f"; and {len(rows) - 5} more rows" if len(rows) > 5 else ""
        self.problems.append(f"{rule}: {shown}{more}.")

    def require_none(self) -> None:
        """Raises one ``InputError`` of all that was reported, if anything was."""
        if self.problems:
            raise InputError(" ".join(self.problems))
