"""Collects every problem with the rows of a table, so that one error reports them all."""

from collections.abc import Callable, Sequence

import numpy as np

from hierpool.input.errors import InputError
from hierpool.input.files import Source


class Problems:
    """Collects problems with rows: one sentence for each kind, which locates the rows.

    Args:
        source: the origin of the table.
        labels: (row,) the name of each row's group; a tuple if it comes from several columns.
        sentences: problems that are known already.
        are_repeated: whether several rows may have one group, whose name then does not locate one.
    """

    def __init__(
        self,
        source: Source,
        labels: np.ndarray,
        sentences: Sequence[str] = (),
        *,
        are_repeated: bool = False,
    ) -> None:
        self.source, self.labels, self.sentences = source, labels, list(sentences)
        self.are_repeated = are_repeated

    def location(self, row: int) -> str:
        """Returns the location of a row: its group, and its line in a file or its number."""
        label = self.labels[row]
        parts = label if isinstance(label, tuple) else (label,)
        group = f"group {', '.join(repr(str(part)) for part in parts)}"
        line = self.source.line(row)
        if line is not None:
            return f"{group} (line {line})"
        return f"{group} (row {row})" if self.are_repeated else group

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
