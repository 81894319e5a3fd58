"""The commands that look ahead: predict, score."""

from typing import Any


def add_predictions(commands: Any) -> None:
    """Adds the commands."""
