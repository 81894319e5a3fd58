"""Shared by the commands: loading a fit, checking where to write, warnings and phases."""

import argparse
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierpool.cli import flags
from hierpool.cli.cache import explained
from hierpool.cli.files import check_table_path
from hierpool.cli.flags import add_data, add_nodes, quadrature_of
from hierpool.cli.printing import add_table_flags
from hierpool.cli.terminal import say, status

if TYPE_CHECKING:
    import xarray as xr

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
