"""Arguments that many functions take: checked here, so that they are refused in the same words.

What is returned is made of Python's own numbers, whatever scalars came in.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hierpool.model_words import MODELS, inference_of_word, kind_of, model_of_word
from hierpool.models import Model
from hierpool.places import InputError
from hierpool.quadrature import Quadrature
from hierpool.whole_numbers import is_whole, unwrapped

if TYPE_CHECKING:
    from hierpool.nuts import NUTS


def check_prob(value: Any, name: str = "prob") -> None:
    """Raises what is wrong with a probability that must lie between 0 and 1.

    Raises:
        InputError: it is out of range.
        TypeError: it is no number.
    """
    value = unwrapped(value)
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}.")
    if not 0 < value < 1:
        raise InputError(f"{name} must lie between 0 and 1, not {value}.")


def check_seed(seed: Any) -> int:
    """Returns a seed of random draws.

    Raises:
        InputError: it can't be one.
    """
    seed = unwrapped(seed)
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise InputError(f"The seed must be a whole number from 0 to 2^63 - 1, not {seed}.")
    return int(seed)


def check_model(model: Any) -> Model:
    """Returns a model, which may be given by its word.

    Of a model of the user's own nothing is known but that it has a density.

    Raises:
        InputError: a hyperparameter is out of its range, or there is no model of that word.
        TypeError: it is no model.
    """
    model = model_of_word(model)
    if not hasattr(model, "log_density"):
        raise TypeError(
            f"model must be a model, as CollapsedPartialPooling(), or its word "
            f"({', '.join(MODELS)}), not {type(model).__name__}."
        )
    if not isinstance(model, tuple(kind_of(word) for word in MODELS)):
        return model
    plain = {name: _number(value) for name, value in vars(model).items()}
    for name, value in plain.items():
        is_location = name == "mu_mean"
        if value is None or not np.isfinite(value) or (value <= 0 and not is_location):
            rule = "a finite number" if is_location else "a positive number"
            given = getattr(model, name)
            raise InputError(f"{type(model).__name__}: {name} must be {rule}, not {given}.")
    checked: Model = replace(cast(Any, model), **plain)
    return checked


def _number(value: Any) -> float | None:
    """Returns a number, or an array that is a single one, as a float; None of anything else."""
    value = np.asarray(value)
    return float(value) if value.ndim == 0 and value.dtype.kind in "iuf" else None


LEAST = {"num_chains": 1, "num_draws": 4, "num_nodes": 8, "num_warmup": 0, "max_tree_depth": 1}
"""Settings of algorithms that are whole numbers, and the least of each."""
CHAIN_METHODS = ("parallel", "vectorized", "sequential")


def check_inference(inference: Any) -> "NUTS | Quadrature":
    """Returns an algorithm, which may be given by its word.

    Raises:
        InputError: a setting is out of its range, or there is no algorithm of that word.
        TypeError: it is no algorithm.
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
        tolerance = _number(given["tolerance"])
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
    """Returns the settings by which a function integrates.

    Args:
        inference: settings, or "quadrature"; None takes those by default.
        what: the function.

    Raises:
        InputError: a setting is out of its range.
        TypeError: they are of another algorithm.
    """
    inference = Quadrature() if inference is None else inference_of_word(inference)
    if not isinstance(inference, Quadrature):
        raise TypeError(f"{what} integrates, by Quadrature, not {type(inference).__name__}.")
    return cast(Quadrature, check_inference(inference))
