"""Bytes of a file, decompressed if they are compressed."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

DECOMPRESS: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}
"""The format and how to decompress it, by the bytes with which it starts."""
ZSTANDARD = b"\x28\xb5\x2f\xfd"


def decompressed(content: bytes, name: str) -> bytes:
    """Returns the bytes that a compressed file holds; others are returned unchanged.

    The first bytes say how a file is compressed, so that its name does not matter.

    Args:
        content: bytes of the file.
        name: the file's name in error messages.

    Raises:
        ValueError: the file is damaged, or compressed in a way that can't be read.
    """
    for start, (form, decompress) in DECOMPRESS.items():
        if content.startswith(start):
            try:
                return decompress(content)
            except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
                reason = str(error).rstrip(".")
                raise ValueError(f"{name} can't be read as a {form} file: {reason}.") from None
    if content.startswith(ZSTANDARD):
        raise ValueError(f"{name} is compressed by Zstandard: decompress it first, as by zstd -d.")
    return content
