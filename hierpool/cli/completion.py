"""Completion of the command's words in a shell: commands, flags, choices and files."""

import argparse

from hierpool.cli.words import commands_of

FILES = ("FILE", "FIT", "CSV", "OUTPUT", "PATH")
"""What the name of a value that is a file holds."""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Returns the script that a shell sources.

    Args:
        parser: the parser of the whole command, every command's flags added.
        shell: bash, zsh or tcsh.

    Raises:
        ImportError: shtab, which writes the scripts, is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise ImportError('Completion needs shtab: pip install "hierpool[completion]".') from None
    for command in commands_of(parser).values():
        for action in command._actions:
            named = str(action.metavar or action.dest).upper()
            if action.nargs != 0 and any(word in named for word in FILES):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))
