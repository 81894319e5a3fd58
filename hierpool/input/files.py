"""Reads tables from files and from standard input: CSV and TSV as text, Parquet with its types.

The line number of each row of a text file is kept, for error messages.
"""

import csv
import difflib
import errno
import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.compression import decompressed

STANDARD_INPUT = "-"
"""The path that stands for standard input, as in many commands."""
_PACKAGE = Path(__file__).parent.parent
# An installed wheel has the tables inside the package; a source checkout, beside it.
_FOLDERS = (_PACKAGE / "data", _PACKAGE.parent / "data")
_JSON = re.compile(r"\s*(\{\s*[\"}]|\[\s*[\[{])")
SEPARATORS = ",\t;|"
"""Characters that may separate columns; the first is preferred."""
log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The origin of a table, for error messages."""

    name: str
    """The table's name in error messages."""
    lines: np.ndarray | None
    """(row,) line number of each row in the file, from 1; None if rows have no line numbers."""

    def line(self, row: int) -> int | None:
        """Returns the line number of a row, or None."""
        return None if self.lines is None else int(self.lines[row])


class Rows(NamedTuple):
    """The rows of a file that could be read, and the problems with the others."""

    frame: pd.DataFrame
    """The columns of the file."""
    source: Source
    """The file's name and the line numbers of the rows."""
    problems: list[str]
    """One sentence for each kind of row that could not be read."""


def shipped_tables() -> dict[str, Path]:
    """Returns the paths of the tables that ship with hierpool, by name."""
    return {path.stem: path for folder in _FOLDERS for path in sorted(folder.glob("*.csv"))}


def table_path(path: str | os.PathLike[str]) -> Path:
    """Returns the file that a path names, or the shipped table of that name if there is no file.

    Raises:
        FileNotFoundError: there is neither; the message suggests a shipped table of similar name.
        ValueError: ``path`` is a URL.
    """
    text = os.fspath(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise ValueError(f"{text} is a URL: download the file first, and give its path.")
    shipped = shipped_tables()
    if text in shipped and not Path(text).is_file():
        return shipped[text]
    if not Path(text).exists():
        near = difflib.get_close_matches(text, shipped, n=1)
        hint = f" (did you mean {near[0]}, which ships with hierpool?)" if near else ""
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT) + hint, text)
    return Path(text)


def read_file(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, Source]:
    """Returns the columns of a CSV, TSV or Parquet file, and the line numbers of its rows.

    Args:
        path: a path or name, as for ``read_rows``.

    Raises:
        OSError: the file can't be read.
        ValueError: the file is not a table, or some of its rows can't be read.
        ImportError: it is a Parquet file, and pyarrow is not installed.
    """
    frame, source, problems = read_rows(path)
    if problems:
        raise ValueError(" ".join(problems))
    return frame, source


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Returns the columns of a CSV, TSV or Parquet file, and the problems with its rows.

    The text of a CSV or TSV file is kept as it is: a group named "NA" or "007" keeps that name. The
    separator of a file that is called ``.tsv`` is a tab; that of others is whichever of comma, tab,
    semicolon and vertical bar occurs most often in the header. Lines that start with ``#`` and
    empty lines are skipped, except inside quotes; a byte-order mark and a missing final newline are
    accepted. A file may be compressed, by gzip, bzip2 or xz.

    Args:
        path: the file, in UTF-8 or Parquet; "-" for standard input; or the name of a table that
            ships with hierpool. A file of that name in the working folder takes precedence.

    Raises:
        OSError: the file can't be read.
        ValueError: the file is not a table.
        ImportError: it is a Parquet file, and pyarrow is not installed.
    """
    name, content = _content(path)
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if content.startswith(b"PAR1") or ".parquet" in suffixes[-1:]:
        return Rows(_read_parquet(content, name), Source(name, None), [])
    text = _decode(content, name)
    if _JSON.match(text) or {*suffixes} & {".json", ".jsonl", ".ndjson"}:
        raise ValueError(
            f"{name} is JSON: save its table as CSV, or read it by pandas.read_json and pass the "
            "frame."
        )
    rows, lines, separator = _parse(text, name, is_tsv=bool({*suffixes} & {".tsv", ".tab"}))
    names = [column.strip() for column in rows[0]]
    ragged = [row for row in range(1, len(rows)) if len(rows[row]) != len(names)]
    problems = []
    if ragged:
        first, *others = (f"line {lines[row]}: {len(rows[row])} fields" for row in ragged[:5])
        shown = "; ".join([f"{first} where the header has {len(names)}", *others])
        more = f"; and {len(ragged) - 5} more lines" if len(ragged) > 5 else ""
        longer = any(len(rows[row]) > len(names) for row in ragged)
        remedy = f": quote what holds a {separator!r}" if longer else ""
        problems.append(f"{name}, {shown}{more}{remedy}.")
    bad = {0, *ragged}
    kept = [row for row in range(len(rows)) if row not in bad]
    frame = pd.DataFrame(
        [rows[row] for row in kept], columns=pd.Index(names, dtype=object), dtype=object
    )
    return Rows(frame, Source(name, np.asarray(lines)[kept]), problems)


def _content(path: str | os.PathLike[str]) -> tuple[str, bytes]:
    """Returns the name of a file for error messages, and its bytes, decompressed."""
    if os.fspath(path) == STANDARD_INPUT:
        name = "standard input"
        log.info("reading %s", name)
        # None if the stream was closed before the process started.
        content = b"" if sys.stdin is None else sys.stdin.buffer.read()
    else:
        file = table_path(path)
        name = file.name
        log.info("reading %s", name)
        content = file.read_bytes()
    return name, decompressed(content, name)


def _read_parquet(content: bytes, name: str) -> pd.DataFrame:
    try:
        import pyarrow as pa  # The error of pandas does not name the extra to install.
    except ImportError:
        raise ImportError(
            'Reading Parquet needs pyarrow: pip install "hierpool[parquet]".'
        ) from None
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{name} can't be read as a Parquet file: {reason}.") from None


def _decode(content: bytes, name: str) -> str:
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ValueError(
            f"{name} is a workbook or an archive: save its table as CSV, or read it by "
            "pandas.read_excel and pass the frame."
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{name} is in UTF-16: save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{name} is not in UTF-8 (line {line}): save it as UTF-8.") from None
    if "\0" in text:
        raise ValueError(f"{name} is not a text file: it has NUL bytes; save it as CSV in UTF-8.")
    return text


class _Lines:
    """Iterates over the lines of a text, with their line ends, for ``csv.reader``.

    Comments and empty lines are skipped between rows. Inside a row they are part of a quoted field.
    """

    def __init__(self, text: str) -> None:
        # str.splitlines would split a name at any of Unicode's line separators.
        self.lines = enumerate(io.StringIO(text, newline=""), start=1)
        self.is_between = True
        self.first_of_row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for number, line in self.lines:
            if not self.is_between:
                return line
            if line.strip() and not line.startswith("#"):
                self.is_between, self.first_of_row = False, number
                return line
        raise StopIteration


def _parse(text: str, name: str, *, is_tsv: bool) -> tuple[list[list[str]], list[int], str]:
    """Returns the rows of a text, header first, their line numbers, and the separator."""
    header = next(_Lines(text), None)
    if header is None:
        raise ValueError(f"{name} is empty: a header and at least one row are needed.")
    header = _outside_quotes(header)
    separator = "\t" if is_tsv and "\t" in header else max(SEPARATORS, key=header.count)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    rows, starts = [], []
    try:
        for row in reader:
            rows.append(row)
            starts.append(lines.first_of_row)
            lines.is_between = True
    except csv.Error as error:
        line = lines.first_of_row
        raise ValueError(f"{name}, line {line}: {error}; is every quote closed?") from None
    return rows, starts, separator


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
