"""Writes trees as netCDF files with a checksum, and reads them back or refuses them.

A netCDF-4 file is an HDF5 file. The first block of an HDF5 file states where the file ends, and
readers ignore what follows. There we append a seal: the SHA-256 of all bytes before it. HDF5 does
not detect most damage, and a changed bit in the numbers of a fit would go unnoticed. A library of
HDF5 that modifies a sealed file removes the seal, and the file is then read without a check.
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
"""Byte of HDF5's first block at which the end of the file is stated, by the block's version."""
SEAL = b"\nhierpool sha256 "
"""The bytes before the checksum."""


def write_tree(tree: xr.DataTree, file: io.BufferedRandom) -> None:
    """Writes a tree to an empty file, and seals it.

    Raises:
        OSError: the file can't be written.
    """
    patient = _Patient(file)
    # In a thread of its own: Python raises an interrupt in the main thread, so that it does not
    # stop HDF5 in the middle of a write.
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(tree.to_netcdf, patient, engine="h5netcdf").result()
    finally:
        # Raised in place of the libraries' own errors, which follow from the discarded bytes.
        if patient.error is not None:
            raise patient.error
    file.seek(0)
    seal = SEAL + hashlib.file_digest(file, "sha256").hexdigest().encode()
    file.seek(0, io.SEEK_END)
    file.write(seal)


def read_tree(path: Path) -> xr.DataTree:
    """Returns the tree that a file holds.

    Raises:
        InputError: the file is not a netCDF file, or is damaged.
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        if not _seal_holds(file):
            raise InputError(
                f"{path} is damaged: its bytes are not those that were saved; take a copy of it, "
                "or fit again."
            )
    try:
        # "access" is h5netcdf's default. It is given because h5netcdf would otherwise warn when an
        # HDF5 file not written by us needs it.
        with xr.open_datatree(path, engine="h5netcdf", phony_dims="access") as opened:
            return opened.load()
    # The libraries may raise any exception on a damaged file without a seal.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no netCDF file that can be read: {reason}") from None


def _seal_holds(file: io.BufferedReader) -> bool:
    """Returns whether the end of an HDF5 file is followed by nothing, or by its correct seal.

    It is True for a file that is not HDF5 or is cut short: HDF5 itself refuses these.
    """
    head = file.read(64)
    if len(head) < 64 or not head.startswith(SIGNATURE) or head[8] not in END_AT:
        return True
    start = END_AT[head[8]]
    end = int.from_bytes(head[start : start + 8], "little")
    if file.seek(0, io.SEEK_END) <= end:
        return True
    file.seek(end)
    # One byte more than the length of a seal, since nothing may follow it.
    seal = file.read(len(SEAL) + 65)
    with mmap.mmap(file.fileno(), end, access=mmap.ACCESS_READ) as content:
        return seal == SEAL + hashlib.sha256(content).hexdigest().encode()


class _Patient(io.RawIOBase):
    """A file whose operations never raise, since HDF5 crashes the process when a write fails.

    The first error is kept, and everything written after it is discarded.
    """

    def __init__(self, file: io.BufferedRandom) -> None:
        self.error: Exception | None = None
        self._file, self._at, self._end = file, 0, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Returns the new position of the next read or write."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        """Returns the position of the next read or write."""
        return self._at

    def write(self, content: Any) -> int:
        """Returns the number of bytes accepted, which is always all of them."""
        size = memoryview(content).nbytes
        self._try(lambda: self._file.write(content))
        self._at += size
        self._end = max(self._end, self._at)
        return size

    def readinto(self, content: Any) -> int:
        """Returns the number of bytes read; bytes that were never written read as zeros."""
        view = memoryview(content).cast("B")
        view[:] = bytes(len(view))
        self._try(lambda: self._file.readinto(view))
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Returns the new size, to which the file was cut or extended with zeros."""
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
