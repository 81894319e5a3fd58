"""CSV and TSV files as people have them, read as text; and where each row of one stands."""

import csv
import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """Where a table came from."""

    name: str
    """What an error calls it."""
    lines: np.ndarray | None
    """(row,) number of each row's line in the file, from 1; None if there is no file."""

    def line(self, row: int) -> int | None:
        """Returns the line a row stands on, or None."""
        return None if self.lines is None else int(self.lines[row])


def read_file(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, Source]:
    """Returns the columns of a CSV or TSV file as text, and the lines its rows stand on.

    Nothing is guessed of the values: a group named "NA" or "007" stays what it is. The separator
    is the one of comma, tab, semicolon and bar that the header has most of. Lines that start with
    ``#`` and empty lines are skipped; a byte-order mark and a missing final newline do no harm.

    Args:
        path: the file, in UTF-8.

    Raises:
        OSError: the file can't be read.
        ValueError: it is no table.
    """
    name = Path(path).name
    log.info("reading %s", name)
    content = Path(path).read_bytes()
    if content.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise ValueError(f"{name} is a workbook or an archive: save its table as CSV.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{name} is in UTF-16: save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{name} is not in UTF-8 (line {line}): save it as UTF-8.") from None
    if "\0" in text:
        raise ValueError(f"{name} is not a text file: it has NUL bytes; save it as CSV in UTF-8.")
    # Not str.splitlines, which would cut a name at any of Unicode's separators.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = [i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")]
    if not kept:
        raise ValueError(f"{name} is empty: a header and at least one row are needed.")
    header = lines[kept[0]]
    separator = max(",\t;|", key=_outside_quotes(header).count)
    reader = csv.reader((lines[i] for i in kept), delimiter=separator, strict=True)
    numbers = np.asarray(kept) + 1
    rows, starts, previous = [], [], 0
    try:
        for row in reader:
            rows.append(row)
            starts.append(numbers[previous])
            previous = reader.line_num
    except csv.Error as error:
        line = numbers[previous]
        raise ValueError(f"{name}, line {line}: {error}; is every quote closed?") from None
    names = [column.strip() for column in rows[0]]
    for row, line in zip(rows[1:], starts[1:], strict=True):
        if len(row) != len(names):
            remedy = f": quote what holds a {separator!r}" if len(row) > len(names) else ""
            raise ValueError(
                f"{name}, line {line}: {len(row)} fields where the header has {len(names)}{remedy}."
            )
    frame = pd.DataFrame(rows[1:], columns=pd.Index(names, dtype=object), dtype=object)
    return frame, Source(name, np.asarray(starts[1:]))


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
