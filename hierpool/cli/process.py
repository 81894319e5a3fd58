"""Starts the command as a process: it handles Ctrl-C before anything that takes time."""

import gc
import os
import sys

from hierpool.cli.stopping import leave_on_interrupt


def command() -> int:
    """Runs the command in a process of its own, and returns its exit code.

    The garbage collector is off: in a process of a few seconds it would find almost nothing, and
    would take a good part of the time while JAX traces and at exit.
    """
    _prepare_streams()
    _prepare_home()
    leave_on_interrupt()
    gc.disable()
    # Imported after that, because the import is slow enough for the user to press Ctrl-C.
    from hierpool.cli.main import main

    try:
        return main()
    finally:
        gc.freeze()


def _prepare_streams() -> None:
    """Makes the standard streams safe to print to.

    Characters that a stream can't encode are printed as escapes. The file descriptor of a closed
    stream is opened on the null device: otherwise the next file that is written would get its
    number, and with it the messages that libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        # None if the stream was closed.
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _prepare_home() -> None:
    """Sets HOME to the null device if none is known: libraries look there for settings."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = os.devnull
