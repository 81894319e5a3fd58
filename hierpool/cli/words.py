"""The words of the command, as its parsers know them: commands, flags, and what is near a typo."""

import argparse
import difflib
from collections.abc import Iterable, Sequence


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Returns the parsers of the commands by their names, or an empty dict if there are none."""
    # argparse has no public way to its actions; this one is as old as subcommands are.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def unknown_flag(parser: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """Returns a sentence about the first of some words that is no flag, else an empty text."""
    if commands_of(parser):
        return ""  # The words belong to one of them, which looks itself.
    flags = list(parser._option_string_actions)
    for word in words:
        name = word.partition("=")[0]
        if name == "--":
            break
        # As argparse has it: a word with a space is a value, and a flag may be cut short.
        if name.startswith("--") and " " not in word and not any(f.startswith(name) for f in flags):
            return f"there is no flag {name}{nearest(name, flags)}"
    return ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns "; did you mean fit?" for a word that is nearly a known one, else an empty text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
