"""Files are written beside and renamed: whatever stops a write, the file that was there is whole.

A file in the making is ``.XXXXXXXX.hierpool.part`` in the folder of the one it becomes, and locked
for as long as its writer lives. The system lets the lock of a dead process go, so that the next
write in the folder knows what was left behind, and removes it.
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
"""How the name of a file in the making ends."""


def check_writable(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raises what would keep a file from being written, before any work is done."""
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
    """Raises ``InputError`` if a file to write is one that is read, by whatever name or link."""
    for source in sources:
        # What does not exist is no file to lose; whoever reads it says so.
        with suppress(OSError):
            if os.path.samefile(path, source):
                raise InputError(
                    f"{path} is the input {source} itself, which writing it would destroy: name "
                    "another file."
                )


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[io.BufferedRandom]:
    """Yields a file to fill, which takes its name once it is whole and on the disk.

    A link is followed: what it points to is replaced. Permissions stay those of the old file.

    Args:
        path: the file, as ``check_writable`` found it good.

    Raises:
        OSError: the file can't be written; then what was there is as it was.
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
        # By the name that the user knows.
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        part.unlink(missing_ok=True)


def _make_beside(target: Path) -> tuple[io.BufferedRandom, Path]:
    """Returns a new file in the same folder, locked until it is closed, and its path."""
    while True:
        part = target.with_name(f".{secrets.token_hex(8)}{PART}")
        file = part.open("x+b")
        if sys.platform != "win32":
            # Some file systems have no locks: nothing is swept there.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        # Another process may have swept it before it was locked.
        if part.exists():
            return file, part
        file.close()


def _sweep(folder: Path) -> None:
    """Removes the files in the making that dead processes left in a folder."""
    for left in folder.glob(f".*{PART}"):
        # What a live process holds can't be locked; on Windows, what is open can't be removed.
        with suppress(OSError):
            if sys.platform == "win32":
                left.unlink()
            else:
                with left.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
