"""Former names of commands, flags and models, which work in this version and say what they are now.

One word means one thing: ``check`` is about convergence, ``--group`` is a column, ``--trials`` is a
column, and a model has the same name in every command and in Python.
"""

from collections.abc import Iterator, Sequence

from hierpool.cli.terminal import say

COMMANDS = {"checks": "predictive-check"}
"""Commands by their former names."""
FLAGS = {
    "contrasts": {"--group": "--only"},
    "predict": {"--trials-column": "--trials"},
}
"""Flags of commands by their former names."""


def current(words: Sequence[str]) -> list[str]:
    """Returns the words of a command line with former names replaced; each is said on stderr."""
    return list(_current(words))


def _current(words: Sequence[str]) -> Iterator[str]:
    command = last = ""
    for word in words:
        flag, equals, value = word.partition("=")
        if not command and not word.startswith("-"):
            command = COMMANDS.get(word, word)
            yield say_renamed(word, command)
        elif flag in FLAGS.get(command, {}):
            yield say_renamed(flag, FLAGS[command][flag]) + equals + value
        elif "--model" in (last, flag):
            # Imported late: --help does without the models.
            from hierpool.models.catalogue import FORMER

            model = value or word
            yield word.removesuffix(model) + say_renamed(model, FORMER.get(model, model))
        else:
            yield word
        last = word


def say_renamed(former: str, now: str) -> str:
    """Returns the name of now, and says on stderr what it was if that is another."""
    if former != now:
        say(
            f"hierpool: {former} is called {now}; the former name works in this version.",
            error=True,
        )
    return now
