"""Ctrl-C in the command: it prints one sentence, and ends the process with exit code 130.

While NUTS draws, it ends the sampling instead, and the command saves what there is.

No exception is raised. It could start anywhere, pass through libraries that are being imported and
through C++ callbacks, and end as a traceback, as another error, or as an abort.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STOPPED = 130
"""The exit code: 128 plus the number of SIGINT, as in shells."""

_busy = threading.RLock()
_written: list[str] = []
_early: list[Callable[[], bool]] = []


def leave_on_interrupt() -> None:
    """Makes Ctrl-C end the process from now on; call it before anything that takes time."""
    if os.name != "posix" or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores SIGINT in a background process. Off POSIX, KeyboardInterrupt is used.
        return
    # A handler in Python runs only when the main thread returns from C, where XLA may compile for
    # seconds. A thread that reads the signal's number from a pipe need not wait.
    numbers, pipe = os.pipe()
    os.set_blocking(pipe, False)
    threading.Thread(target=_watch, args=(numbers,), daemon=True).start()
    signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, lambda *_: None)


@contextmanager
def finishing(path: str) -> Iterator[None]:
    """Delays Ctrl-C until a file is complete, and records that it was written."""
    with _busy:
        yield
        _written.append(path)


@contextmanager
def ending_early(stop: Callable[[], bool]) -> Iterator[None]:
    """Lets Ctrl-C end a run that has something to keep, and not the process.

    Args:
        stop: asks the run to end if it has something to keep, and returns whether it has.
    """
    _early.append(stop)
    try:
        yield
    finally:
        _early.clear()


def begin() -> None:
    """Clears the list of files that were written."""
    _written.clear()


def stopped() -> str:
    """Returns the message for a user who stopped the command."""
    return f"Stopped; {written() or 'nothing was written.'}"


def written() -> str:
    """Returns a sentence that names the complete files; an empty text if there are none."""
    if not _written:
        return ""
    return f"{' and '.join(_written)} {'was' if len(_written) == 1 else 'were'} written."


def _watch(numbers: int) -> None:
    os.read(numbers, 1)
    if any([stop() for stop in _early]):
        os.read(numbers, 1)
    threading.Thread(target=_leave_when_whole, daemon=True).start()
    # Another Ctrl-C, as when a disk does not respond, ends the process at once.
    os.read(numbers, 1)
    _leave()


def _leave_when_whole() -> None:
    with _busy:
        _leave()


def _leave() -> None:
    # Imported late, so that the signal is watched for as early as possible.
    from hierpool.cli.terminal import status
    from hierpool.runtime.text import printable

    with suppress(OSError, ValueError):
        status.clear()
        # Not with print, which the main thread may be using.
        os.write(2, f"hierpool: {printable(stopped())}\n".encode(errors="backslashreplace"))
    os._exit(STOPPED)
