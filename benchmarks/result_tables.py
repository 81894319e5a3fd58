"""How the scripts of this folder keep the tables that they print."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def circumstances(*packages: str) -> str:
    """Returns what a figure was measured with, as a sentence without its full stop."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores, no GPU, float64; Python {platform.python_version()}, {versions}"
    )


def keep(name: str, lines: list[str]) -> None:
    """Writes the lines of a table to results/."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text("\n".join(lines) + "\n")
