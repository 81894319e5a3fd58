"""Prints text that is safe to show on a terminal, and a status line for the current phase."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from hierpool.runtime.text import printable


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


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


class Status:
    """A line at the bottom of the terminal that names the current phase, and is erased later."""

    def __init__(self) -> None:
        self.is_on = False
        """Whether the line is shown: only if standard error is a terminal, not a file or a pipe."""
        self._phase, self._width = "", 0

    def phase(self, text: str) -> None:
        """Shows the name of the phase that begins now."""
        self._phase = text
        self._show(f"{text} ...")

    def steps(self, done: int, total: int, divergences: int) -> None:
        """Shows the progress of the chains; ``fit`` takes this method as ``progress``."""
        divergent = f", {divergences} divergent" if divergences else ""
        self._show(f"{self._phase}: {done} of {total} steps{divergent}")

    def clear(self) -> None:
        """Erases the line."""
        if self._width:
            # Spaces, because some terminals print an escape code instead of obeying it.
            self._write(f"\r{' ' * self._width}\r")
        self._width = 0

    def _show(self, text: str) -> None:
        if not self.is_on:
            return
        # Cut to the width of the terminal, because a wrapped line could not be erased.
        text = printable(text)[: _columns() - 1].ljust(self._width)
        # Set before writing, so that an interrupt in between erases the line.
        self._width = len(text)
        self._write(f"\r{text}")

    def _write(self, text: str) -> None:
        with _reader_may_go(sys.stderr):
            print(text, end="", file=sys.stderr, flush=True)


status = Status()
"""The status line of this process."""
