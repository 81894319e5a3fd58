"""Prints answers: a sentence first, then tables that fit the terminal; or all of it as JSON."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hierpool.cli.files import write_table
from hierpool.cli.flags import add_quiet
from hierpool.cli.terminal import put, say
from hierpool.runtime.tables import Table, Where, text_of
from hierpool.runtime.text import printable, wrapped

if TYPE_CHECKING:
    import pandas as pd

ROWS = 100
"""Most rows of a table that are printed, unless the user says otherwise."""
SMALL = 20
"""Most rows of a table beside the main one that is printed whole, whatever ``--rows`` says."""
ENDS = "FILE: .csv, .parquet or .xlsx"
"""What is said of a file that holds a table."""
TABLE = f"{ENDS}; in the order of the input, unless --sort is given"
"""The same, of the table that ``--sort`` is about."""


def add_table_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how an answer is printed and written."""
    output = parser.add_argument_group("result")
    output.add_argument("--output", metavar="FILE", help=f"write the table to {TABLE}")
    output.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_printing(output)


def add_printing(output: Any) -> None:
    """Adds the flags that say how an answer is printed."""
    output.add_argument(
        "--sort",
        metavar="COLUMN",
        help="sort the table by a column, by name, or by input (the order of the rows in the "
        "input); the large numbers come first, and the best ranks; COLUMN:asc and COLUMN:desc say "
        "which; within each data set, threshold or prior",
    )
    output.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        help=f"most rows of the table to print; 0 for all ({ROWS})",
    )
    output.add_argument(
        "--json",
        action="store_true",
        help="print JSON and nothing else: answer, a sentence, and each table by its name, a list "
        "of rows with its columns as keys; all rows, and null for what is missing or infinite",
    )
    add_quiet(output)


def show(
    options: argparse.Namespace,
    sentence: str,
    tables: Sequence[Table],
    *,
    file: str | None,
    main: str = "groups",
    lines: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes the main table to a file, if one is named, and prints an answer.

    Args:
        options: parsed options of ``add_printing``.
        sentence: the answer in a sentence.
        tables: the tables, in the order in which they are printed.
        file: the file, or None.
        main: name of the table that is written, and that ``--sort`` is about.
        lines: further sentences, printed after the answer.
        more: what JSON holds beside the answer and the tables.
    """
    by_name = {table.name: table for table in tables}
    if options.sort and main in by_name:
        by_name[main] = _sorted(by_name[main], options.sort)
    # Written first, because printing may fail if nobody reads the output.
    if file and main in by_name:
        write_table(by_name[main].frame, file, options)
    if options.json:
        put(_json({"answer": sentence, **(more or {})}, by_name.values()))
        return
    width = width_of_output()
    for line in (sentence, *lines):
        say(wrapped(str(printable(line)), width))
    flag = "--csv" if hasattr(options, "csv") else "--output"
    for table in by_name.values():
        shown = table if options.sort and table.name == main else _in_order(table)
        is_main = table.name == main
        whole = f"{flag} FILE" if is_main else "--json"
        rows = options.rows if is_main or not options.rows else max(options.rows, SMALL)
        where = Where("--rows 0 prints all", f"a wider terminal or {whole} has all")
        say()
        say(text_of(shown, width, rows, where))


def width_of_output() -> int | None:
    """Returns the columns of the terminal, or those of COLUMNS; None for a pipe or a file.

    What is piped is read by programs, or scrolls: nothing is cut or left out there.
    """
    if os.environ.get("COLUMNS", "").isdecimal() and int(os.environ["COLUMNS"]):
        return int(os.environ["COLUMNS"])
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def _in_order(table: Table) -> Table:
    # Late, because it loads pandas.
    from hierpool.runtime.answer import in_order

    return in_order(table)


def _sorted(table: Table, sort: str) -> Table:
    """Returns a table in the order that the user asked for.

    Raises:
        InputError: there is no such column.
    """
    from difflib import get_close_matches

    from hierpool.input.errors import InputError
    from hierpool.runtime.order import choices_of, ordered_by

    choices = choices_of(table.frame)
    by, _, direction = sort.rpartition(":")
    if direction not in ("asc", "desc") or not by:
        by, direction = sort, ""
    # The last level of the index goes by its own name, too.
    by = "name" if by not in choices and by == table.frame.index.names[-1] else by
    if by not in choices:
        near = get_close_matches(by, choices, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(choices)}."
        raise InputError(f"--sort {by!r} is no column of the table. {hint}")
    descending = {"asc": False, "desc": True}.get(direction)
    frame = ordered_by(table.frame, by, within=table.within, descending=descending)
    return table._replace(frame=frame)


def _json(answer: Mapping[str, Any], tables: Iterable[Table]) -> str:
    """Returns an object as JSON, a row of a table on each line.

    It is in ASCII: no terminal or pipe changes it, and no name can act on a terminal.
    """
    fields = [f'"{name}": {json.dumps(value, allow_nan=False)}' for name, value in answer.items()]
    for table in tables:
        rows = (f"\n  {json.dumps(row, allow_nan=False)}" for row in _records(table.frame))
        fields.append(f'"{table.name}": [{",".join(rows)}\n ]')
    return "{\n " + ",\n ".join(fields) + "\n}\n"


def _records(frame: "pd.DataFrame") -> Iterator[dict[str, Any]]:
    """Yields the rows of a frame by the names of its columns, after those of its index."""
    names = frame.index.names
    levels = [level for level in range(len(names)) if names[level] is not None]
    columns: dict[str, Any] = {
        str(names[level]): frame.index.get_level_values(level) for level in levels
    }
    columns |= {str(name): frame[name] for name in frame.columns}
    values = (map(in_json, column.tolist()) for column in columns.values())
    for row in zip(*values, strict=True):
        yield dict(zip(columns, row, strict=True))


def in_json(value: Any) -> Any:
    """Returns a value as JSON holds it: null for what is missing or infinite, times as text."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
