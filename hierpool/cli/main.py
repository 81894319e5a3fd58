"""The ``hierpool`` command.

Exit codes: 0, done; 1, a fit or an integration did not converge; 2, the input, an argument or the
machine does not allow the request; 3, an error in hierpool itself; 130, stopped by the user.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from hierpool import __version__
from hierpool.cli import stopping
from hierpool.cli.failures import explain
from hierpool.cli.flags import EXIT_CODES, Once
from hierpool.cli.output import phases_shown, warnings_printed
from hierpool.cli.renamed import current
from hierpool.cli.terminal import flush, put, say, status

COMMANDS = {
    "fit": "fit a model to a table of successes and trials",
    "estimate": "exact posteriors of any number of groups and data sets, without draws",
    "summary": "the population and the groups of a saved fit",
    "events": "which groups are above a threshold, how many, and which to select",
    "ranks": "which group is best, and how sure that is",
    "contrasts": "differences between groups, and the expected loss of choosing one",
    "predict": "successes in further trials, of known groups and of new ones",
    "score": "how well a fit predicted what came later",
    "predictive-check": "posterior predictive p-values, and whether rates depend on trials",
    "compare": "complete, none, partial, logit: which predicts each group best from the others",
    "plot": "a picture of a saved fit: png, svg or pdf",
    "sensitivity": "the posterior under a range of hyperpriors, and the empirical-Bayes plug-in",
}
"""The commands, each named after its module in this folder, with a short help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code.

    Args:
        arguments: the words after ``hierpool``; by default the process's own.
    """
    stopping.begin()
    try:
        code = _run(arguments)
        flush()
        return code
    except KeyboardInterrupt:
        return _fail(stopping.stopped(), stopping.STOPPED)
    except Exception as error:
        if os.environ.get("HIERPOOL_TRACEBACK"):
            traceback.print_exception(error)
        sentence, code = explain(error)
        return _fail(f"{sentence} {stopping.written()}".rstrip(), code)
    finally:
        status.clear()


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(current(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as left:
        # argparse exits after --help, --version, or a message about a wrong argument.
        return int(left.code or 0)
    if not hasattr(options, "run"):
        say(parser.format_help())
        return 2
    with phases_shown(quiet=options.quiet), warnings_printed() as missed:
        code = int(options.run(options))
    return code or int(bool(missed))


def _fail(sentence: str, code: int) -> int:
    # In one line, even if the message of the error has several.
    say(f"hierpool: {' '.join(sentence.split())}", error=True)
    return code


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # The default actions of argparse for a flag with one value, also in groups and subcommands.
        for name in (None, "store"):
            self.register("action", name, Once)

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse itself ignores an output that could not be written.
        put(message, error=file is not sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Prints the error in one line, and exits with code 2."""
        say(f"{self.prog}: {message} (see {self.prog} --help)", error=True)
        self.exit(2)


class _Command(_Parser):
    """The parser of one command, which imports the command's module only when it is used."""

    is_filled = False

    def fill(self) -> None:
        """Adds the command's own flags."""
        if self.is_filled:
            return
        command = import_module(f"hierpool.cli.{self.prog.split()[-1].replace('-', '_')}")
        self.description, self.epilog = command.DESCRIPTION, EXIT_CODES
        command.add_flags(self)
        self.set_defaults(run=command.run)
        self.is_filled = True

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Adds the command's own flags, then parses as argparse does."""
        self.fill()
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hierpool",
        description="Many rates at once from small samples, by hierarchical partial pooling.",
    )
    parser.add_argument("--version", action="version", version=f"hierpool {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Command)
    for word, text in COMMANDS.items():
        commands.add_parser(word, help=text)
    return parser
