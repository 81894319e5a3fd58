"""Warnings that point at the user's own code."""

import os
import warnings
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
"""The folder of the package."""


def warn(sentence: str, category: type[Warning]) -> None:
    """Warns at the line of code outside the package that called it."""
    warnings.warn(sentence, category, skip_file_prefixes=(f"{PACKAGE}{os.sep}",))
