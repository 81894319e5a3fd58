"""Text on a terminal: characters that are safe to print, their width, names cut, lines wrapped."""

import re
import unicodedata

# Control characters, line separators, and characters that change the direction of the text: with
# any of them a name could rewrite what a terminal shows. A file may also hold lone surrogates.
_UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
CUT = "…"
"""Stands for the part of a name that is left out."""


def printable[T](value: T) -> T | str:
    """Returns a text with its control characters escaped, and any other value unchanged."""
    if not isinstance(value, str):
        return value
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), value)


def columns_of(text: str) -> int:
    """Returns the number of columns that a text takes on a terminal.

    Wide characters, as in Chinese, Japanese and Korean, take two; marks that combine with the
    character before take none.
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    # The second and third parts of a Korean syllable are drawn into the first.
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Returns a text of at most that many columns, with an ellipsis in the middle if it is cut."""
    if columns_of(text) <= width:
        return text
    tail = (width - 1) // 2
    start = _taken(text, width - 1 - tail)
    end = _taken(text[::-1], tail)
    # A mark that combines with a character that is cut would combine with the ellipsis.
    while end and not _columns(text[len(text) - end]):
        end -= 1
    return text[:start] + CUT + text[len(text) - end :]


def _taken(text: str, width: int) -> int:
    """Returns how many of the first characters fit in that many columns."""
    for index, character in enumerate(text):
        width -= _columns(character)
        if width < 0:
            return index
    return len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Returns a text filled up with spaces, at its end, or at its start to stand on the right."""
    spaces = " " * (width - columns_of(text))
    return spaces + text if right else text + spaces


def wrapped(text: str, width: int | None) -> str:
    """Returns a text in lines of at most that many columns, broken between words; None: as it is.

    A word that is longer than a line has a line of its own.
    """
    if width is None:
        return text
    lines: list[str] = []
    for word in text.split(" "):
        if lines and columns_of(lines[-1]) + 1 + columns_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)
