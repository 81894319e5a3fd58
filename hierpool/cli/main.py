"""The ``hierpool`` command.

Exit codes: 0, done; 1, a fit or an integration did not converge; 2, the input, an argument or the
machine does not allow the request; 3, an error in hierpool itself; 130, stopped by the user.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from hierpool import __version__
from hierpool.cli import stopping
from hierpool.cli.renamed import current
from hierpool.cli.terminal import flush, put, say, status
from hierpool.cli.words import commands_of, nearest, unknown_flag

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
    "report": "one page for a browser: answer, pictures, table, checks",
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
        # Imported late, as all that --help does without: users wait for it.
        from hierpool.cli.failures import explain

        if os.environ.get("HIERPOOL_TRACEBACK"):
            import traceback

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
    if options.print_completion or options.print_manual:
        return _print_about(parser, options)
    if not hasattr(options, "run"):
        say(parser.format_help())
        return 2
    from hierpool.cli.output import phases_shown, warnings_printed

    with phases_shown(quiet=options.quiet), warnings_printed() as missed:
        code = int(options.run(options))
    return code or int(bool(missed))


def _print_about(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Prints what is made of all parsers: a script for a shell, or the manual page."""
    for command in commands_of(parser).values():
        if isinstance(command, _Command):
            command.fill()
    if options.print_completion:
        from hierpool.cli.completion import script

        put(script(parser, options.print_completion))
        return 0
    from hierpool.cli.manual import page

    put(page(parser))
    return 0


def _fail(sentence: str, code: int) -> int:
    # The exit code must be right even where the sentence can't be written.
    with suppress(OSError):
        # In one line, even if the message of the error has several.
        say(f"hierpool: {' '.join(sentence.split())}", error=True)
    return code


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses a flag that there is not, then parses as argparse does."""
        unknown = unknown_flag(self, args)
        if unknown:
            self.error(unknown)
        return super().parse_known_args(args, namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse itself ignores an output that could not be written.
        put(message, error=file is not sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Prints the error in one line, and exits with code 2."""
        say(f"{self.prog}: {self._plain(message)} (see {self.prog} --help)", error=True)
        self.exit(2)

    def _plain(self, message: str) -> str:
        """Returns argparse's message, in plainer words where it speaks of itself."""
        if unknown := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
            near = nearest(unknown[1], commands_of(self))
            return f"there is no command {unknown[1]}{near}"
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            word = unknown[1]
            return f"there is no flag {word}" if word[0] == "-" else f"{word!r} is a word too many"
        if wrong := re.match(r"argument (\S+): invalid (int|float) value: (.*)", message):
            kind = "whole number" if wrong[2] == "int" else "number"
            return f"{wrong[1]} must be a {kind}, not {wrong[3]}"
        return message


class _Command(_Parser):
    """The parser of one command, which imports the command's module only when it is used."""

    is_filled = False

    def fill(self) -> None:
        """Adds the command's own flags."""
        if self.is_filled:
            return
        command = import_module(f"hierpool.cli.{self.prog.split()[-1].replace('-', '_')}")
        from hierpool.cli.flags import EXIT_CODES, Once

        # The default actions of argparse for a flag with one value, also in groups.
        for name in (None, "store"):
            self.register("action", name, Once)
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
    parser.add_argument(
        "--print-completion",
        choices=("bash", "zsh", "tcsh"),
        help="print a script that completes commands, flags and files in a shell",
    )
    parser.add_argument(
        "--print-manual", action="store_true", help="print the manual page, for man"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Command)
    for word, text in COMMANDS.items():
        commands.add_parser(word, help=text)
    return parser
