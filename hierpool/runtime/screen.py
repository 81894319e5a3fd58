"""The size of a terminal."""

import os
from typing import TextIO


def size(stream: TextIO) -> os.terminal_size:
    """Returns the columns and lines of a terminal; 80 and 24 where they are not known."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        found = os.terminal_size((0, 0))
    return os.terminal_size((found.columns or 80, found.lines or 24))
