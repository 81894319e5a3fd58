"""Algorithms given by name or as an object, with their settings checked before anything runs."""

from typing import TYPE_CHECKING, Any

from hierpool.exact.quadrature import Quadrature
from hierpool.runtime.settings import check_settings

if TYPE_CHECKING:
    from hierpool.mcmc.nuts import NUTS


def inference_of_word(inference: "NUTS | Quadrature | str") -> "NUTS | Quadrature":
    """Returns an algorithm, which may be given by its name: "nuts" or "quadrature".

    Raises:
        InputError: there is no algorithm of that name.
        TypeError: the argument is not an algorithm.
    """
    from hierpool.exact.quadrature import Quadrature
    from hierpool.input.errors import InputError
    from hierpool.mcmc.nuts import NUTS

    kinds = {"nuts": NUTS, "quadrature": Quadrature}
    if isinstance(inference, str) and inference not in kinds:
        raise InputError(f"There is no algorithm {inference!r}; there are {', '.join(kinds)}.")
    if isinstance(inference, str):
        return kinds[inference]()
    if not isinstance(inference, NUTS | Quadrature):
        kind = inference.__name__ if isinstance(inference, type) else type(inference).__name__
        raise TypeError(f"inference must be NUTS(...) or Quadrature(...), not {kind}.")
    return inference


def check_inference(inference: Any) -> "NUTS | Quadrature":
    """Returns an algorithm with checked settings; it may be given by its name.

    Raises:
        InputError: a setting is out of its range, or there is no algorithm of that name.
        TypeError: the argument is not an algorithm.
    """
    return check_settings(inference_of_word(inference))


def check_quadrature(inference: Any, what: str) -> Quadrature:
    """Returns the checked settings of a function's integration.

    Args:
        inference: settings, or "quadrature"; None means ``Quadrature()``.
        what: name of the function, for the message.

    Raises:
        InputError: a setting is out of its range.
        TypeError: the settings are of another algorithm.
    """
    inference = Quadrature() if inference is None else inference_of_word(inference)
    if not isinstance(inference, Quadrature):
        raise TypeError(f"{what} needs inference=Quadrature(...), not {type(inference).__name__}.")
    return check_settings(inference)
