"""Algorithms given by name or as an object, with their settings checked before anything runs."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hierpool.exact.quadrature import Quadrature
from hierpool.input.arguments import check_prob, number_of
from hierpool.input.errors import InputError
from hierpool.input.whole_numbers import is_whole

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


LEAST = {"num_chains": 1, "num_draws": 4, "num_nodes": 8, "num_warmup": 0, "max_tree_depth": 1}
"""The settings of algorithms that are whole numbers, and the smallest value of each."""
CHAIN_METHODS = ("parallel", "vectorized", "sequential")


def check_inference(inference: Any) -> "NUTS | Quadrature":
    """Returns an algorithm with checked settings; it may be given by its name.

    Raises:
        InputError: a setting is out of its range, or there is no algorithm of that name.
        TypeError: the argument is not an algorithm.
    """
    inference = inference_of_word(inference)
    plain: dict[str, Any] = {}
    given = vars(inference)
    for name in [name for name in LEAST if name in given]:
        if not is_whole(given[name]) or given[name] < LEAST[name]:
            raise InputError(
                f"{name} must be a whole number, at least {LEAST[name]}, not {given[name]}."
            )
        plain[name] = int(given[name])
    if "tolerance" in given:
        tolerance = number_of(given["tolerance"])
        if tolerance is None or not 0 < tolerance < np.inf:
            raise InputError(f"tolerance must be a positive number, not {given['tolerance']}.")
        plain["tolerance"] = tolerance
    if "target_accept" in given:
        check_prob(given["target_accept"], "target_accept")
        plain["target_accept"] = float(given["target_accept"])
    if given.get("chain_method") not in (None, *CHAIN_METHODS):
        raise InputError(
            f"chain_method must be one of {CHAIN_METHODS}, not {given['chain_method']!r}."
        )
    return replace(inference, **plain)


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
        raise TypeError(f"{what} integrates, by Quadrature, not {type(inference).__name__}.")
    return cast(Quadrature, check_inference(inference))
