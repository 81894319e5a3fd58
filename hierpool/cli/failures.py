"""Turns an error into one sentence and the exit code of the command."""

import sys
import traceback
from pathlib import Path

from hierpool.runtime.warn import PACKAGE

WRONG_INPUT, OURS = 2, 3
"""Exit codes: wrong input, argument or machine for the request; an error in hierpool itself."""


def explain(error: Exception) -> tuple[str, int]:
    """Returns a sentence that explains an error, and the exit code."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "There is not enough memory: take fewer groups or draws.", WRONG_INPUT
    if isinstance(error, OSError):
        return _of_system(error), WRONG_INPUT
    if isinstance(error, ImportError):
        return str(error), WRONG_INPUT
    # Imported only now because it loads pandas: a missing pandas was an ImportError above.
    from hierpool.input.errors import InputError

    if isinstance(error, InputError):
        return str(error), WRONG_INPUT
    lacking = _lacking_device()
    if lacking:
        return lacking, WRONG_INPUT
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"This is an error of hierpool's, not yours: {said} ({_where(error)}). Please report it "
        f"with your command to {_report_to()}; HIERPOOL_TRACEBACK=1 prints the traceback.",
        OURS,
    )


def _of_system(error: OSError) -> str:
    if error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return f"{error.strerror}." if error.strerror else str(error)


def _lacking_device() -> str:
    """Returns an explanation if JAX is set to a platform that it can't use; else an empty text."""
    jax = sys.modules.get("jax")
    platforms = jax and jax.config.jax_platforms
    if not jax or not platforms:
        return ""
    try:
        jax.devices()
    except Exception:
        # JAX raises several types here: without a GPU, for instance, a bare AssertionError.
        return (
            f"JAX_PLATFORMS is {platforms!r}, and JAX finds no such device: leave it unset to run "
            "on what there is, or install JAX for the device, as by "
            'pip install "hierpool[cuda13]".'
        )
    return ""


def _where(error: Exception) -> str:
    """Returns the file and line in hierpool where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown location"
    mine = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    last = (mine or frames)[-1]
    path = Path(last.filename)
    return f"{path.relative_to(PACKAGE) if mine else path.name}, line {last.lineno}"


def _report_to() -> str:
    """Returns the address for error reports from the package's metadata, or else its authors."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        urls = metadata("hierpool").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    addresses = dict(url.split(", ", 1) for url in urls)
    return addresses.get("Issues", "the hierpool developers")
