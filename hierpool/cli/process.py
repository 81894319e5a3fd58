"""The process of the command: Ctrl-C first of all, then what takes time."""

import gc
import os
import sys

from hierpool.cli.stopping import leave_on_interrupt


def command() -> int:
    """Runs the command in a process of its own, and returns its exit code.

    It ends in seconds: looking for cycles while JAX traces, and once more at its end, would find
    next to nothing, and take a good part of them.
    """
    _prepare_streams()
    _prepare_home()
    leave_on_interrupt()
    gc.disable()
    # After that, for it takes longer than a key.
    from hierpool.cli.main import main

    try:
        return main()
    finally:
        gc.freeze()


def _prepare_streams() -> None:
    """Makes the streams fit to be printed to, whatever they are.

    What one can't encode is printed with escapes, and does not fail. One that was closed stays so,
    but its number is taken: else a file that is written would get it, and with it the messages that
    libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        # None if it was closed.
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _prepare_home() -> None:
    """Gives libraries that look into an unknown home for settings one that has none."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = os.devnull
