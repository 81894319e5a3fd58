"""Shared by the answering commands: loading a fit, and printing and writing tables."""

import argparse
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierpool.cli import flags, stopping
from hierpool.cli.cache import explained
from hierpool.cli.flags import add_data, add_nodes, add_quiet, quadrature_of
from hierpool.cli.terminal import printable_table, say, status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hierpool.answers.summary import Summary

WIDE = 8
"""Most columns of a single row that are printed side by side."""
INPUTS = ("file", "fit", "data", "new_groups")
"""Names of the options that hold the paths of input files."""


def add_fit(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of a command that answers from a saved fit."""
    parser.add_argument("fit", metavar="FIT.nc", help="a fit saved by hierpool fit --output")
    add_table_flags(parser)


def add_data_answer(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of a command that answers from a file of counts."""
    add_data(parser)
    add_nodes(parser)
    add_table_flags(parser)


def data_of(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the function arguments for the flags of ``add_data_answer``, except the file."""
    return flags.data_of(options) | {"inference": quadrature_of(options)}


def add_table_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how an answer is printed and written."""
    output = parser.add_argument_group("result")
    output.add_argument("--output", metavar="FILE", help="write the table: .csv or .parquet")
    output.add_argument("--force", action="store_true", help="replace FILE if it exists")
    output.add_argument("--rows", type=int, default=100, help="most rows to print; 0 for all (100)")
    add_quiet(output)


def load_fit(options: argparse.Namespace, *tables: str) -> "xr.DataTree":
    """Returns the saved fit, after checking that the answer can be written.

    Args:
        options: parsed options, with ``fit`` and ``output``.
        tables: names of other flags that hold the path of a table to write.
    """
    from hierpool.posterior.tree import load

    check_tables(options, "output", *tables)
    status.phase(f"reading {options.fit}")
    tree = load(options.fit)
    status.phase("computing")
    return tree


def check_tables(options: argparse.Namespace, *names: str) -> None:
    """Raises an error if tables can't be written, before any work is done.

    Args:
        options: parsed options; the path of each table, or None.
        names: names of the flags that hold these paths.
    """
    for name in names:
        if getattr(options, name):
            check_table_path(getattr(options, name))
    check_outputs(options, *names)


def check_outputs(options: argparse.Namespace, *names: str) -> None:
    """Raises an error if files can't be written, before any work is done.

    Args:
        options: parsed options; the path of each file, or None.
        names: names of the flags that hold these paths.
    """
    from hierpool.runtime.writing import check_writable, require_not_read

    sources = [getattr(options, source, None) for source in INPUTS]
    for name in names:
        path = getattr(options, name)
        if path:
            require_not_read(path, filter(None, sources))
            check_writable(path, force=options.force)
    require_different(options, *names)


def require_different(options: argparse.Namespace, *names: str) -> None:
    """Raises ``InputError`` if two flags name the same file."""
    from hierpool.input.errors import InputError

    flags: dict[Path, str] = {}
    for name in names:
        path = getattr(options, name)
        if path and flags.setdefault(Path(path).resolve(), name) != name:
            other = flags[Path(path).resolve()]
            raise InputError(f"--{other} and --{name} are the same file, {path}.")


@contextmanager
def warnings_printed() -> Iterator[list[str]]:
    """Prints each warning of the library once, in one line; yields the convergence warnings."""
    printed, missed = set(), []

    def print_once(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = explained(str(message))
        if text not in printed:
            say(f"hierpool: {text}", error=True)
        printed.add(text)
        # By name, so that the module which defines the class need not be imported here.
        if any(kind.__name__ == "ConvergenceWarning" for kind in category.__mro__):
            missed.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = print_once
        yield missed


class _Phases(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Shows a log message of the library as the current phase."""
        status.phase(record.getMessage())


@contextmanager
def phases_shown(*, quiet: bool) -> Iterator[None]:
    """Shows the current phase in one line, if standard error is a terminal."""
    status.is_on = not quiet and sys.stderr is not None and sys.stderr.isatty()
    if not status.is_on:
        yield
        return
    log, phases = logging.getLogger("hierpool"), _Phases()
    log.addHandler(phases)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        status.phase("loading libraries")
        yield
    finally:
        status.is_on = False
        log.removeHandler(phases)
        log.setLevel(logging.NOTSET)
        log.propagate = True


def show(options: argparse.Namespace, tables: Mapping[str, "pd.DataFrame"]) -> None:
    """Writes the last table to the file of ``--output``, and prints all tables with their titles.

    Args:
        options: parsed options, with ``output`` and ``rows``.
        tables: tables by title; the last is the one with the most rows.
    """
    # Written first, because printing may fail if nobody reads the output.
    if options.output:
        write_table(list(tables.values())[-1], options.output)
    for title, table in tables.items():
        say(title)
        print_table(table, options.rows)
        say()


def print_summary(summary: "Summary", prob: float, most_rows: int) -> None:
    """Prints the two tables of a fit.

    Args:
        summary: the tables.
        prob: probability of the intervals.
        most_rows: most groups that are printed; 0 for all.
    """
    interval = f"{100 * prob:g}% interval"
    # Four significant digits suit kappa too, which is in trials; its mean and sd stay blank.
    population = summary.population.map("{:.4g}".format).mask(summary.population.isna(), "")
    if len(population):
        say(f"Population (lower and upper: {interval})")
        say(population.rename_axis(None).to_string() + "\n")
    shown = summary.groups if most_rows <= 0 else summary.groups.head(most_rows)
    shown = printable_table(shown)
    # Without theta the table has only counts and raw rates.
    columns = ("rate", "mean", "sd", "lower", "upper", "shrinkage")
    decimals = {name: "{:.4f}".format for name in columns if name in shown}
    say(f"Groups (lower and upper: {interval})" if "lower" in decimals else "Groups")
    say(shown.rename_axis(None).to_string(formatters=decimals, na_rep=""))
    say_more(len(summary.groups) - len(shown))
    say()


def print_table(table: "pd.DataFrame", most_rows: int) -> None:
    """Prints a table with four significant digits, and the number of rows that were left out."""
    shown = printable_table(table if most_rows <= 0 else table.head(most_rows))
    num_rows = len(shown)
    if len(table) == 1 and len(table.columns) > WIDE:
        # A single long row reads better as a column.
        shown = shown.T
    elif len(shown.index.names) == 1:
        shown = shown.rename_axis(None)
    say(shown.to_string(float_format="{:.4g}".format, na_rep=""))
    say_more(len(table) - num_rows)


def say_more(num_rows: int) -> None:
    """Prints how many rows of a table were left out, if any."""
    if num_rows:
        say(f"... and {num_rows} more (--rows 0 prints all).")


def check_table_path(path: str) -> None:
    """Raises an error if a table can't be written in the format that its path names."""
    from hierpool.input.errors import InputError

    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"{path} must end in .csv or .parquet, which says how it is written.")
    if suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401  (pandas' own error does not name the extra)
        except ImportError:
            raise ImportError(
                'Writing Parquet needs pyarrow: pip install "hierpool[parquet]".'
            ) from None


def write_table(table: "pd.DataFrame", path: str) -> None:
    """Writes a table to a CSV or Parquet file, completely or not at all."""
    from hierpool.runtime.writing import whole_file

    status.phase(f"writing {path}")
    with stopping.finishing(path):
        if Path(path).suffix.lower() != ".parquet":
            write_csv(table, path)
            return
        with whole_file(path) as file:
            table.to_parquet(file)


def write_csv(table: "pd.DataFrame", path: str) -> None:
    """Writes a table to a CSV file, completely or not at all."""
    from hierpool.runtime.writing import whole_file

    with whole_file(path) as file:
        table.to_csv(file, mode="wb")
