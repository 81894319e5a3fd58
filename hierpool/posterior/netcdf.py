"""Trees as bytes of netCDF: written without a crash, sealed by a checksum, read or refused.

HDF5, of which netCDF-4 is a kind, says in its first block where it ends, and its readers ignore
what follows. There stands the seal: the SHA-256 of all before it. HDF5 is not made for damaged
files, and most of a fit is numbers in which a changed bit shows nowhere. Whoever changes a sealed
file by a library of HDF5 cuts the seal off, and the file is read without.
"""

import hashlib
import io
import mmap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import xarray as xr

from hierpool.input.errors import InputError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
END_AT = {0: 40, 1: 44, 2: 28, 3: 28}
"""Where the first block of HDF5 says where the file ends, by the block's version."""
SEAL = b"\nhierpool sha256 "
"""What stands before the checksum."""


def write_tree(tree: xr.DataTree, file: io.BufferedRandom) -> None:
    """Writes a tree to an empty file, and seals it.

    Raises:
        OSError: the file can't be written.
    """
    patient = _Patient(file)
    # In a thread of its own: an interrupt is raised in the main one, and not in HDF5's midst.
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(tree.to_netcdf, patient, engine="h5netcdf").result()
    finally:
        # Before what the libraries say of bytes that were forgotten.
        if patient.error is not None:
            raise patient.error
    file.seek(0)
    seal = SEAL + hashlib.file_digest(file, "sha256").hexdigest().encode()
    file.seek(0, io.SEEK_END)
    file.write(seal)


def read_tree(path: Path) -> xr.DataTree:
    """Returns the tree that a file holds.

    Raises:
        InputError: the file is no netCDF, or damaged.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        if not _seal_holds(file):
            raise InputError(
                f"{path} is damaged: its bytes are not those that were saved; take a copy of it, "
                "or fit again."
            )
    try:
        # "access" is h5netcdf's own default, of which it would warn at an HDF5 file not of ours.
        with xr.open_datatree(path, engine="h5netcdf", phony_dims="access") as opened:
            return opened.load()
    # Whatever the libraries stumble over in a file without a seal.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no netCDF file that can be read: {reason}") from None


def _seal_holds(file: io.BufferedReader) -> bool:
    """Returns whether nothing follows an HDF5 file's end, or a seal that fits what stands before.

    What is no HDF5 file, or was cut off, is left to HDF5 to refuse.
    """
    head = file.read(64)
    if len(head) < 64 or not head.startswith(SIGNATURE) or head[8] not in END_AT:
        return True
    start = END_AT[head[8]]
    end = int.from_bytes(head[start : start + 8], "little")
    if file.seek(0, io.SEEK_END) <= end:
        return True
    file.seek(end)
    # A byte more than a seal has: nothing may follow it.
    seal = file.read(len(SEAL) + 65)
    with mmap.mmap(file.fileno(), end, access=mmap.ACCESS_READ) as content:
        return seal == SEAL + hashlib.sha256(content).hexdigest().encode()


class _Patient(io.RawIOBase):
    """A file of which no write fails: HDF5 crashes the process where one does.

    The first error is kept, and from then on what is written is forgotten.
    """

    def __init__(self, file: io.BufferedRandom) -> None:
        self.error: Exception | None = None
        self._file, self._at, self._end = file, 0, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Returns where the next byte is read or written."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        """Returns where the next byte is read or written."""
        return self._at

    def write(self, content: Any) -> int:
        """Returns the number of bytes taken, which is all of them."""
        size = memoryview(content).nbytes
        self._try(lambda: self._file.write(content))
        self._at += size
        self._end = max(self._end, self._at)
        return size

    def readinto(self, content: Any) -> int:
        """Returns the number of bytes read; zeros are read where nothing was written."""
        view = memoryview(content).cast("B")
        view[:] = bytes(len(view))
        self._try(lambda: self._file.readinto(view))
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Returns the size to which the file was cut, or filled with zeros."""
        self._end = self._at if size is None else size
        self._try(lambda: self._file.truncate(self._end))
        return self._end

    def _try(self, step: Callable[[], object]) -> None:
        if self.error is None:
            try:
                self._file.seek(self._at)
                step()
            except Exception as error:
                self.error = error
