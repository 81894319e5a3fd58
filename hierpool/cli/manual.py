"""The manual page of the command, in the language of ``man``, from the command's own parsers."""

import argparse
import re
from collections.abc import Iterator

from hierpool import __version__
from hierpool.cli.words import commands_of

CODES = {
    0: "done",
    1: "a fit or an integration did not converge",
    2: "the input, an argument or the machine does not allow the request",
    3: "an error in hierpool itself",
    130: "stopped by the user; what was saved before is complete, and a fit that was stopped after "
    "warm-up is saved with the draws so far, and marked partial",
}
EXAMPLES = {
    "Fit a table that ships with hierpool, and save the fit:": "hierpool fit efron-morris-75 "
    "--group player --successes hits --trials at_bats --output fit.nc",
    "Ask the saved fit:": "hierpool summary fit.nc",
}
VARIABLES = {
    "XDG_CACHE_HOME": "the folder under which compiled programs are kept, by default ~/.cache",
    "HIERPOOL_TRACEBACK": "if set, an error in hierpool itself prints its traceback",
}


def page(parser: argparse.ArgumentParser) -> str:
    """Returns the manual page.

    Args:
        parser: the parser of the whole command, every command's flags added.
    """
    return "\n".join(_lines(parser)) + "\n"


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f'.TH HIERPOOL 1 "" "hierpool {__version__}" "User Commands"'
    # Lines that are neither stretched nor hyphenated: flags and choices are to be typed.
    yield from (".ad l", ".nh")
    yield ".SH NAME"
    yield rf"hierpool \- {_roff(_lowered(parser.description or ''))}"
    yield ".SH SYNOPSIS"
    yield r"\fBhierpool\fR \fICOMMAND\fR [\fIflags\fR]"
    commands = commands_of(parser)
    yield ".SH COMMANDS"
    helps = {
        choice.dest: choice.help
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }
    for name in commands:
        yield from _entry(_bold(name), helps[name] or "")
    yield ".SH OPTIONS"
    yield from _flags(parser)
    for name, command in commands.items():
        yield f'.SH "HIERPOOL {name.upper()}"'
        yield _text(command.description or "")
        yield ".PP"
        yield " ".join([r"\fBhierpool\fR", _bold(name), *_given(command), r"[\fIflags\fR]"])
        yield from _flags(command)
    yield '.SH "EXIT STATUS"'
    for code, meaning in CODES.items():
        yield from _entry(_bold(str(code)), f"{meaning}.")
    yield ".SH ENVIRONMENT"
    for variable, meaning in VARIABLES.items():
        yield from _entry(_bold(variable), f"{meaning}.")
    yield ".SH EXAMPLES"
    for said, words in EXAMPLES.items():
        yield from (_text(said), ".PP", ".nf", _roff(words), ".fi", ".PP")


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yields the arguments and flags of a parser, those of a group under its title."""
    for group in parser._action_groups:
        shown = [
            action
            for action in group._group_actions
            if action.help is not argparse.SUPPRESS
            and not isinstance(action, argparse._SubParsersAction)
        ]
        if shown and group.title not in ("positional arguments", "options"):
            yield f'.SS "{_roff(group.title or "").capitalize()}"'
        for action in shown:
            # A formatter, and no text of ours, fills in the %(default)s that a help may have.
            said = parser._get_formatter()._expand_help(action) if action.help else ""
            yield from _entry(_named(action), said)


def _named(action: argparse.Action) -> str:
    """Returns the flags of an action and the name of their value, or that of an argument."""
    if action.choices is not None:
        # A line may end after a bar.
        value = r"|\:".join(_roff(str(choice)) for choice in action.choices)
    else:
        named = action.metavar or action.dest.upper()
        value = _roff(named if isinstance(named, str) else " ".join(named))
    value = rf"\fI{value}\fR"
    if not action.option_strings:
        return value
    flags = ", ".join(map(_bold, action.option_strings))
    return flags if action.nargs == 0 else f"{flags} {value}"


def _given(parser: argparse.ArgumentParser) -> list[str]:
    """Returns the names of the arguments and flags that must be given."""
    return [
        _named(action)
        for action in parser._actions
        if action.required and action.help is not argparse.SUPPRESS
    ]


def _entry(term: str, said: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield _text(said)


def _bold(text: str) -> str:
    return rf"\fB{_roff(text)}\fR"


def _text(text: str) -> str:
    r"""Returns a line of text; a dot or a quote at its start would be a request of roff's."""
    text = _roff(" ".join(text.split()))
    return rf"\&{text}" if text[:1] in (".", "'") else text


def _roff(text: str) -> str:
    r"""Returns a text in which roff finds no escapes, and hyphens are those that users type."""
    escapes = {"\\": r"\e", "-": r"\-", "~": r"\(ti", "^": r"\(ha", "`": r"\(ga", '"': r"\(dq"}
    text = re.sub(r"[\\\-~^`\"]", lambda found: escapes[found[0]], text)
    return "".join(one if ord(one) < 128 else rf"\[u{ord(one):04X}]" for one in text)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
