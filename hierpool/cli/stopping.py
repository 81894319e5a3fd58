"""Ctrl-C in the command: one sentence, and the process ends with 130, whatever it is doing.

Nothing is raised. An exception that may start anywhere would pass through libraries that are being
loaded and through callbacks of C++, and end as a traceback, as another error, or as an abort.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STOPPED = 130
"""The exit code: 128 and the number of SIGINT, as shells count."""

_busy = threading.RLock()
_written: list[str] = []


def leave_on_interrupt() -> None:
    """Ends the process at Ctrl-C, from now on; call it before anything that takes time."""
    if os.name != "posix" or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # In the background a shell has it ignored. Elsewhere KeyboardInterrupt does what it can.
        return
    # A handler in Python waits until the main thread comes back from C, where XLA may compile for
    # seconds. A thread that waits for the signal's number in a pipe does not.
    numbers, pipe = os.pipe()
    os.set_blocking(pipe, False)
    threading.Thread(target=_watch, args=(numbers,), daemon=True).start()
    signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, lambda *_: None)


@contextmanager
def finishing(path: str) -> Iterator[None]:
    """Lets Ctrl-C wait until a file is whole, and remembers that it was written."""
    with _busy:
        yield
        _written.append(path)


def begin() -> None:
    """Forgets what was written before."""
    _written.clear()


def stopped() -> str:
    """Returns what to say to someone who stopped the command."""
    return f"Stopped; {written() or 'nothing was written.'}"


def written() -> str:
    """Returns which files are complete, as the end of a sentence; nothing if there are none."""
    if not _written:
        return ""
    return f"{' and '.join(_written)} {'was' if len(_written) == 1 else 'were'} written."


def _watch(numbers: int) -> None:
    os.read(numbers, 1)
    threading.Thread(target=_leave_when_whole, daemon=True).start()
    # Pressed again, as where a disk doesn't answer: at once.
    os.read(numbers, 1)
    _leave()


def _leave_when_whole() -> None:
    with _busy:
        _leave()


def _leave() -> None:
    # Not at the top: the less is loaded before the signal is watched for, the better.
    from hierpool.cli.terminal import printable, status

    with suppress(OSError, ValueError):
        status.clear()
        # Not by print: the main thread may be in the middle of one.
        os.write(2, f"hierpool: {printable(stopped())}\n".encode(errors="backslashreplace"))
    os._exit(STOPPED)
