"""Fits that the user stopped before the last draw: how a tree is marked, and what is said of it."""

import numpy as np

from hierpool.input.errors import InputError
from hierpool.posterior.attributes import Attributes

DONE, PLANNED = "draws_done", "draws_planned"
"""The attributes of a partial fit, each a number of draws a chain; no other fit has them."""


class PartialFitWarning(UserWarning):
    """The fit was stopped by the user, and has fewer draws than were asked for.

    Its draws are as good as those of a fit that asked for so few. ``fit`` warns of it when Ctrl-C
    stops it after warm-up, and every answer from such a fit repeats it.

    Examples:
        >>> import warnings
        >>> import hierpool as hp
        >>> tree = hp.fit({"hits": [18, 7], "at_bats": [45, 45]}, "hits", "at_bats", model="none")
        >>> tree.attrs |= {"draws_done": 640, "draws_planned": 1000}  # As after Ctrl-C.
        >>> with warnings.catch_warnings(action="error", category=hp.PartialFitWarning):
        ...     hp.summarize(tree)
        Traceback (most recent call last):
        hierpool.posterior.partial.PartialFitWarning: Stopped after 640 of 1000 draws a chain: ...
    """


def marks(done: int, planned: int) -> dict[str, int]:
    """Returns the attributes that mark a fit as partial; none if all planned draws are done."""
    return {DONE: done, PLANNED: planned} if done < planned else {}


def stopped_after(attributes: Attributes) -> str:
    """Returns "Stopped after 640 of 1000 draws a chain" for a partial fit, else an empty text.

    Raises:
        InputError: the attributes can't be read.
    """
    done, planned = (attributes.get(name) for name in (DONE, PLANNED))
    if done is planned is None:
        return ""
    if not all(isinstance(number, int | np.integer) for number in (done, planned)):
        raise InputError(
            f"{DONE} and {PLANNED} must be whole numbers, not {done!r} and {planned!r}."
        )
    return f"Stopped after {done} of {planned} draws a chain"


def mark(attributes: Attributes) -> str:
    """Returns the sentence that marks a partial fit, else an empty text.

    Raises:
        InputError: the attributes can't be read.
    """
    stopped = stopped_after(attributes)
    return f"{stopped}: the fit is partial." if stopped else ""
