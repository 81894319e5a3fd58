"""Writes a file under a temporary name and renames it: an interrupted write leaves the old intact.

A temporary file is ``.X.hierpool.part``, X being 16 random hexadecimal digits, in the folder of the
final file. It is locked as long as the process that writes it lives. The operating system releases
the lock of a dead process, so that the next write in the folder recognizes the abandoned file and
removes it.
"""

import io
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hierpool.input.errors import InputError

if sys.platform != "win32":
    import fcntl

PART = ".hierpool.part"
"""The suffix of a temporary file."""


def check_writable(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Checks that a file can be written, before any work is done.

    Args:
        path: the file.
        force: whether an existing file may be replaced.

    Raises:
        IsADirectoryError: the path is a folder.
        FileNotFoundError: the folder of the file does not exist.
        InputError: the path is a device or a pipe.
        FileExistsError: the file exists, and ``force`` is false.
        PermissionError: the folder can't be written to.
    """
    path = Path(path)
    folder = Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} does not exist: make it first.")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a device or a pipe: name a file.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists: --force (force=True) replaces it.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"The folder {folder} can't be written to: name a file elsewhere.")


def require_not_read(
    path: str | os.PathLike[str], sources: Iterable[str | os.PathLike[str]]
) -> None:
    """Raises ``InputError`` if the file to write is one of ``sources``, by any name or link."""
    for source in sources:
        # A file that does not exist can't be overwritten; the code that reads it reports the error.
        with suppress(OSError):
            if os.path.samefile(path, source):
                raise InputError(
                    f"{path} is the input {source} itself, which writing it would destroy: name "
                    "another file."
                )


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[io.BufferedRandom]:
    """Yields a temporary file to write, renamed to ``path`` once it is complete and on the disk.

    A link is followed: its target is replaced. The permissions of the old file are kept.

    Args:
        path: the file, checked by ``check_writable``.

    Raises:
        OSError: the file can't be written; an existing file is then unchanged.
    """
    target = Path(os.path.realpath(path))
    _sweep(target.parent)
    file, part = _make_beside(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(OSError):
                shutil.copymode(target, part)
            if sys.platform == "win32":
                file.close()
            os.replace(part, target)
    except OSError as error:
        if error.errno is None:
            raise
        # The error names the file that the user asked for, not the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        part.unlink(missing_ok=True)


def _make_beside(target: Path) -> tuple[io.BufferedRandom, Path]:
    """Returns a new file in the same folder, locked until it is closed, and its path."""
    while True:
        part = target.with_name(f".{secrets.token_hex(8)}{PART}")
        file = part.open("x+b")
        if sys.platform != "win32":
            # Some file systems have no locks: abandoned files are not removed there.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        # Another process may have removed the file before it was locked.
        if part.exists():
            return file, part
        file.close()


def _sweep(folder: Path) -> None:
    """Removes the temporary files that dead processes left in a folder."""
    for left in folder.glob(f".*{PART}"):
        # A file that a live process has locked can't be locked; on Windows, an open file can't be
        # removed. Either way an OSError keeps it.
        with suppress(OSError):
            if sys.platform == "win32":
                left.unlink()
            else:
                with left.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
