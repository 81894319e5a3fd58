"""``InputError``, and the collector of problems with rows that writes its message."""

from collections.abc import Callable, Sequence

import numpy as np

from hierpool.input.files import Source


class InputError(ValueError):
    """Invalid input. The message names the row or argument, its value, the rule and the remedy.

    It is a subclass of ``ValueError``.

    Examples:
        >>> import hierpool as hp
        >>> try:
        ...     hp.estimate({"hits": [18, 46], "at_bats": [45, 45]}, "hits", "at_bats")
        ... except hp.InputError as error:
        ...     print(error)
        hits must not exceed at_bats: group '1' has 46 of 45.
    """


class Places:
    """Collects problems with rows: one sentence for each kind, which locates the rows."""

    def __init__(self, source: Source, labels: np.ndarray, problems: Sequence[str] = ()) -> None:
        self.source, self.labels, self.problems = source, labels, list(problems)

    def __call__(self, row: int) -> str:
        """Returns the location of a row: its group and, in a file, its line number."""
        group = f"group {str(self.labels[row])!r}"
        line = self.source.line(row)
        return group if line is None else f"{group} (line {line})"

    def report(self, rows: np.ndarray, what: Callable[[int], str], rule: str) -> None:
        """Adds a sentence that names the first five of the bad ``rows``, if there are any."""
        if len(rows) == 0:
            return
        shown = "; ".join(f"{self(row)} has {what(row)}" for row in rows[:5])
        more = f"; and {len(rows) - 5} more rows" if len(rows) > 5 else ""
        self.problems.append(f"{rule}: {shown}{more}.")

    def require_none(self) -> None:
        """Raises one ``InputError`` with every problem that was reported, if there are any."""
        if self.problems:
            raise InputError(" ".join(self.problems))
