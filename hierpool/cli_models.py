"""The commands that judge models: checks, compare, sensitivity."""

from typing import Any


def add_models(commands: Any) -> None:
    """Adds the commands."""
