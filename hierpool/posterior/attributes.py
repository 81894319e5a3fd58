"""Reads the attributes of a fitted tree: format, model, algorithm and verdict."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from hierpool.input.errors import InputError
from hierpool.models.catalogue import BY_CLASS_NAME, check_model, class_of_name

FORMAT = 1
"""Version of the tree's layout. Earlier ones can be read: format 0 did not record its number,
hashed the data in their order, and had no ``hierpool_problems``."""
QUOTED = {"NUTS": ("num_warmup", "target_accept"), "Quadrature": ("num_nodes", "tolerance")}
"""Settings of each algorithm that verdicts mention."""

Attributes = Mapping[Any, Any]


def read_format(attributes: Attributes) -> int:
    """Returns the format of a tree.

    Raises:
        InputError: it is no valid format, or a later one than this hierpool reads.
    """
    found = attributes.get("hierpool_format", 0)
    is_whole = isinstance(found, int | np.integer) and not isinstance(found, bool)
    if not is_whole or found < 0:
        raise InputError(f"hierpool_format must be a whole number, at least 0, not {found!r}.")
    if found > FORMAT:
        by = attributes.get("inference_library_version", "of a later version")
        raise InputError(
            f"The tree was written by hierpool {by}, in format {found}, and this hierpool reads "
            f"formats up to {FORMAT}: update hierpool."
        )
    return int(found)


def read_name(attributes: Attributes) -> str:
    """Returns the name of the model.

    Raises:
        InputError: the tree does not record it.
    """
    name: str = _named(attributes, "hierpool_model")["name"]
    return name


def read_model(attributes: Attributes) -> dict[str, Any]:
    """Returns the model's ``name``, and its hyperparameters.

    Raises:
        InputError: they are not those of hierpool's model of that name. Other models are not
            checked.
    """
    settings = _named(attributes, "hierpool_model")
    if settings["name"] in BY_CLASS_NAME:
        own = BY_CLASS_NAME[settings["name"]].hyperparameters
        given = {name: value for name, value in settings.items() if name != "name"}
        if set(given) != set(own):
            raise InputError(
                f"hierpool_model gives {settings['name']} the hyperparameters {sorted(given)}, and "
                f"it has {sorted(own)}: fit again."
            )
        check_model(class_of_name(settings["name"])(**given))
    return settings


def read_inference(attributes: Attributes) -> dict[str, Any]:
    """Returns the algorithm's ``name`` and settings; an empty dict if the tree has no record.

    Raises:
        InputError: the record can't be read.
    """
    for name in ("quadrature_error", "quadrature_converged"):
        if not isinstance(attributes.get(name, 1.0), int | float | np.number):
            raise InputError(f"{name} must be a number, not {attributes[name]!r}.")
    if "hierpool_inference" not in attributes:
        return {}
    settings = _named(attributes, "hierpool_inference")
    for name in QUOTED.get(settings["name"], ()):
        if not isinstance(settings.get(name), int | float):
            raise InputError(f"hierpool_inference must give the {name} of {settings['name']}.")
    return settings


def read_problems(attributes: Attributes) -> list[str]:
    """Returns sentences that say why the draws should not be trusted; none if they can be.

    A tree of format 0 records only whether a quadrature converged.

    Raises:
        InputError: the record is not a list of sentences.
    """
    if "hierpool_problems" not in attributes:
        is_fine = attributes.get("quadrature_converged", 1)
        return [] if is_fine else ["The quadrature did not converge."]
    problems = _read(attributes, "hierpool_problems")
    if not isinstance(problems, list) or not all(isinstance(one, str) for one in problems):
        raise InputError(f"hierpool_problems must be a list of sentences, not {problems!r}.")
    return problems


def new_names(attributes: Attributes) -> list[str]:
    """Returns the names of the groups that ``fit`` added to those of the table, as text.

    They only say what is printed first: a record that can't be read names none.
    """
    try:
        return [str(name) for name in json.loads(attributes["new_groups"])]
    except (KeyError, TypeError, ValueError):
        return []


def _named(attributes: Attributes, name: str) -> dict[str, Any]:
    found = _read(attributes, name)
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise InputError(f"{name} must be an object with a name, not {found!r}.")
    return found


def _read(attributes: Attributes, name: str) -> Any:
    try:
        return json.loads(attributes[name])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{name} must be JSON, not {attributes.get(name)!r}.") from None
