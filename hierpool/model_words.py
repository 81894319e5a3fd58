"""The words for models and algorithms, the same on the command line and in Python.

What needs a library imports it when it is called: ``--help`` waits for none.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hierpool.models import Model
    from hierpool.nuts import NUTS
    from hierpool.quadrature import Quadrature

MODELS = {
    "partial": "PartialPooling",
    "collapsed": "CollapsedPartialPooling",
    "complete": "CompletePooling",
    "none": "NoPooling",
    "logit": "LogitPartialPooling",
    "collapsed-logit": "CollapsedLogitPartialPooling",
    # As ``compare`` calls collapsed beside the others.
    "beta": "CollapsedPartialPooling",
}
"""Models by their words."""
COMPARED = ("complete", "none", "beta", "logit")
"""The models that ``compare`` compares by default."""


def kind_of(word: str) -> Any:
    """Returns the class of a model by its word.

    Raises:
        InputError: there is none; the message lists the words.
    """
    from hierpool import logit_normal, models
    from hierpool.places import InputError

    if word not in MODELS:
        raise InputError(f"There is no model {word!r}; there are {', '.join(MODELS)}.")
    name = MODELS[word]
    return getattr(models, name, None) or getattr(logit_normal, name)


def model_of_word(model: "Model | str") -> "Model":
    """Returns a model, which may be given by its word.

    Raises:
        InputError: there is none of that word.
        TypeError: it is a class, and not yet a model.
    """
    if isinstance(model, type):
        raise TypeError(f"model must be a model, and is a class: write {model.__name__}().")
    found: Model = kind_of(model)() if isinstance(model, str) else model
    return found


def inference_of_word(inference: "NUTS | Quadrature | str") -> "NUTS | Quadrature":
    """Returns an algorithm, which may be given by its word.

    Raises:
        InputError: there is none of that word.
        TypeError: it is no algorithm.
    """
    from hierpool.nuts import NUTS
    from hierpool.places import InputError
    from hierpool.quadrature import Quadrature

    kinds = {"nuts": NUTS, "quadrature": Quadrature}
    if isinstance(inference, str) and inference not in kinds:
        raise InputError(f"There is no algorithm {inference!r}; there are {', '.join(kinds)}.")
    if isinstance(inference, str):
        return kinds[inference]()
    if not isinstance(inference, NUTS | Quadrature):
        kind = inference.__name__ if isinstance(inference, type) else type(inference).__name__
        raise TypeError(f"inference must be NUTS(...) or Quadrature(...), not {kind}.")
    return inference
