"""Prints text that is safe to show on a terminal, and a status line for the current phase."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from hierpool.runtime.screen import size
from hierpool.runtime.text import printable

if TYPE_CHECKING:
    from hierpool.mcmc.progress import Meter


def say(text: str = "", *, error: bool = False) -> None:
    """Prints lines to standard output, or to standard error, without control characters."""
    put("\n".join(map(printable, text.split("\n"))) + "\n", error=error)


def put(text: str, *, error: bool = False) -> None:
    """Prints a text of our own unchanged; a closed pipe is not an error.

    Raises:
        OSError: the text can't be written, for example because the disk is full.
    """
    stream = sys.stderr if error else sys.stdout
    status.clear()
    # None if the stream was closed before the process started.
    if stream is not None:
        with _reader_may_go(stream):
            stream.write(text)


def flush() -> None:
    """Flushes standard output and standard error.

    Raises:
        OSError: the text can't be written, for example because the disk is full.
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
        # For example under `| head`. Nobody reads the output, but files must still be written.
        _discard(stream)
    except OSError as error:
        # Otherwise Python would try again at exit, and end with its own exit code.
        _discard(stream)
        error.filename = "The output"
        raise


def _discard(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Status:
    """A line at the bottom of the terminal that names the current phase, and is erased later.

    While NUTS runs, there are bars of its chains in its place.
    """

    def __init__(self) -> None:
        self.is_on = False
        """Whether anything is shown: only if standard error is a terminal, not a file or a pipe."""
        self._width, self._has_bars = 0, False

    def phase(self, text: str) -> None:
        """Shows the name of the phase that begins now."""
        if not self.is_on:
            return
        # Cut to the width of the terminal, because a wrapped line could not be erased.
        text = printable(f"{text} ...")[: size(sys.stderr).columns - 1].ljust(self._width)
        # Set before writing, so that an interrupt in between erases the line.
        self._width = len(text)
        self._write(f"\r{text}")

    @contextmanager
    def showing(self, meter: "Meter") -> Iterator[Callable[[], None]]:
        """Shows the chains of a run within the context, by the function that it gives."""
        if not self.is_on:
            yield lambda: None
            return
        # Imported late: whoever has a meter has loaded it.
        from hierpool.mcmc.bars import Bars

        self.clear()
        self._has_bars = True
        try:
            with Bars(leave=False).showing(meter) as show:
                yield show
        finally:
            self._has_bars = False

    def clear(self) -> None:
        """Erases the line, or the bars."""
        width = size(sys.stderr).columns - 1 if self._has_bars else self._width
        if width:
            # Spaces, because some terminals print an escape code instead of obeying it.
            self._write(f"\r{' ' * width}\r")
        if self._has_bars and os.environ.get("TERM") != "dumb":
            # All lines below: the bars are drawn from the cursor's line downwards.
            self._write("\x1b[J")
        self._width = 0

    def _write(self, text: str) -> None:
        with _reader_may_go(sys.stderr):
            print(text, end="", file=sys.stderr, flush=True)


status = Status()
"""The status line of this process."""
