"""Collects every problem with the rows of a table, so that one error reports them all."""

from collections.abc import Callable, Sequence

import numpy as np

from hierpool.input.errors import InputError
from hierpool.input.files import Source


class Problems:
    """Collects problems with rows: one sentence for each kind, which locates the rows."""

    def __init__(self, source: Source, labels: np.ndarray, sentences: Sequence[str] = ()) -> None:
        self.source, self.labels, self.sentences = source, labels, list(sentences)

    def location(self, row: int) -> str:
        """Returns the location of a row: its group and, in a file, its line number."""
        group = f"group {str(self.labels[row])!r}"
        line = self.source.line(row)
        return group if line is None else f"{group} (line {line})"

    def report(self, rows: np.ndarray, what: Callable[[int], str], rule: str) -> None:
        """Adds a sentence that names the first five of the bad ``rows``, if there are any."""
        if len(rows) == 0:
            return
        shown = "; ".join(f"{self.location(row)} has {what(row)}" for row in rows[:5])
        more = f"; and {len(rows) - 5} more rows" if len(rows) > 5 else ""
        self.sentences.append(f"{rule}: {shown}{more}.")

    def require_none(self) -> None:
        """Raises one ``InputError`` with every problem that was reported, if there are any."""
        if self.sentences:
            raise InputError(" ".join(self.sentences))
