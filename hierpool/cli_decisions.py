"""The commands that decide between groups: events, ranks, contrasts."""

from typing import Any


def add_decisions(commands: Any) -> None:
    """Adds the commands."""
