"""Writes tables to files, in the format that the end of a name says."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierpool.cli import stopping
from hierpool.cli.terminal import say, status
from hierpool.runtime.text import printable

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {".csv": "", ".parquet": "parquet", ".xlsx": "excel"}
"""Ends of names, and the extra that each needs."""
MOST_ROWS_OF_A_SHEET = 1_048_576
"""Most rows that a spreadsheet holds."""


def check_table_path(path: str) -> None:
    """Raises an error if a table can't be written in the format that its path names."""
    from hierpool.input.errors import InputError

    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path} must end in .csv, .parquet or .xlsx: its end is its format.")
    try:
        # Imported here, because pandas' own errors do not name the extra.
        if suffix == ".parquet":
            import pyarrow  # noqa: F401
        if suffix == ".xlsx":
            import openpyxl  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'Writing {suffix} needs {error.name}: pip install "hierpool[{FORMATS[suffix]}]".'
        ) from None


def write_table(table: "pd.DataFrame", path: str, options: argparse.Namespace) -> None:
    """Writes a table to a file, completely or not at all, and says so.

    Args:
        table: the table.
        path: the file, checked by ``check_table_path``; any other end than .parquet and .xlsx is
            CSV.
        options: parsed options, with ``quiet``.
    """
    from hierpool.runtime.writing import whole_file

    status.phase(f"writing {path}")
    suffix = Path(path).suffix.lower()
    with stopping.finishing(path), whole_file(path) as file:
        if suffix == ".parquet":
            table.to_parquet(file)
        elif suffix == ".xlsx":
            _write_sheet(table, file, path)
        else:
            table.to_csv(file, mode="wb")
    say_saved(path, options)


def say_saved(path: str, options: argparse.Namespace) -> None:
    """Says on standard error that a file was written, unless ``--quiet``."""
    if not options.quiet:
        say(f"hierpool: saved {path}", error=True)


def _write_sheet(table: "pd.DataFrame", file: Any, path: str) -> None:
    """Writes a table as the one sheet of a workbook. Text stays text, also where it begins by =."""
    # Not by pandas, which writes such a text as a formula. openpyxl comes with an extra.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    from hierpool.input.errors import InputError

    if len(table) >= MOST_ROWS_OF_A_SHEET:
        raise InputError(
            f"{path} would have {len(table):,} rows, and a spreadsheet holds "
            f"{MOST_ROWS_OF_A_SHEET:,}: write .csv or .parquet."
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("hierpool")

    def cells(values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            cell = WriteOnlyCell(sheet, value=_in_a_cell(value))
            if isinstance(cell.value, str):
                cell.data_type = "s"
            yield cell

    flat = table.reset_index()
    sheet.append(cells(map(str, flat.columns)))
    for row in flat.itertuples(index=False, name=None):
        sheet.append(cells(row))
    book.save(file)


def _in_a_cell(value: Any) -> Any:
    """Returns a value that a cell of a spreadsheet can hold; none for NaN, and text for inf."""
    import numpy as np
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return None if np.isnan(value) else value if np.isfinite(value) else str(value)
    if isinstance(value, pd.Timestamp) and value.tz is None:
        return value.to_pydatetime()
    # A workbook can't hold control characters.
    return printable(str(value))
