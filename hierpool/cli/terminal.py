"""What the command says: text that is safe to show, and a line that names what is being done."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import pandas as pd

# Control characters, line separators, and those that turn the direction of the text around them:
# with any of them a name could rewrite what a terminal shows. A file may name half a character.
_UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable[T](value: T) -> T | str:
    """Returns a text with its control characters escaped; what is no text, as it is."""
    if not isinstance(value, str):
        return value
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), value)


def printable_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Returns a table whose names, columns and cells hold no control characters."""
    named = table.rename(index=printable, columns=printable)
    named = named.rename_axis(index=printable, columns=printable)
    for place, kind in enumerate(named.dtypes):
        if kind.kind not in "biufc":
            named.isetitem(place, named.iloc[:, place].map(printable).array)
    return named


def say(text: str = "", *, error: bool = False) -> None:
    """Prints lines to standard output, or to standard error, without control characters."""
    put("\n".join(map(printable, text.split("\n"))) + "\n", error=error)


def put(text: str, *, error: bool = False) -> None:
    """Prints a text of our own as it is; a reader that has gone is no error.

    Raises:
        OSError: it can't be written, as where the disk is full.
    """
    stream = sys.stderr if error else sys.stdout
    status.clear()
    # None if it was closed before we began.
    if stream is not None:
        with _reader_may_go(stream):
            stream.write(text)


def flush() -> None:
    """Hands over what was printed.

    Raises:
        OSError: it can't be written, as where the disk is full.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            with _reader_may_go(stream):
                stream.flush()


@contextmanager
def _reader_may_go(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # As under `| head`. Nobody is left to tell, but files are still to be written.
        _discard(stream)
    except OSError as error:
        # Or Python would try once more at its end, and leave with a code of its own.
        _discard(stream)
        error.filename = "The output"
        raise


def _discard(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


class Status:
    """One line at the foot of the terminal that names what is being done; nothing stays of it."""

    def __init__(self) -> None:
        self.is_on = False
        """Only where standard error is a terminal: never in a file, or in the way of a pipe."""
        self._phase, self._width = "", 0

    def phase(self, text: str) -> None:
        """Names what begins now."""
        self._phase = text
        self._show(f"{text} ...")

    def steps(self, done: int, total: int, divergences: int) -> None:
        """Tells how far the chains are, as ``fit`` calls its ``progress``."""
        told = f", {divergences} divergent" if divergences else ""
        self._show(f"{self._phase}: {done} of {total} steps{told}")

    def clear(self) -> None:
        """Takes the line away."""
        if self._width:
            # Blanks, which every terminal knows, and not a code, which some print.
            self._write(f"\r{' ' * self._width}\r")
        self._width = 0

    def _show(self, text: str) -> None:
        if not self.is_on:
            return
        # A line that is wrapped could not be taken away.
        text = printable(text)[: _columns() - 1].ljust(self._width)
        # Before it is written: an interrupt in between has to take it away.
        self._width = len(text)
        self._write(f"\r{text}")

    def _write(self, text: str) -> None:
        with _reader_may_go(sys.stderr):
            print(text, end="", file=sys.stderr, flush=True)


status = Status()
"""The line of this process's terminal: there is one."""
