"""The table of hierpool's models, used by the command line, by messages and by saved fits.

A new model needs a class in this sub-package, an entry here, and one in the package's stub. No
library is imported before a function here is called, so that ``--help`` is fast.
"""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from hierpool.models.protocol import Model


class Hyperparameter(NamedTuple):
    """A parameter of a model's prior."""

    default: float
    """The default value."""
    text: str
    """A description for ``--help``."""
    is_positive: bool = True
    """Whether it must be above 0; if not, it may be any finite number."""

    @property
    def help(self) -> str:
        """The description with the default."""
        return f"{self.text} ({self.default:g})"


HYPERPARAMETERS = {
    "kappa_log_rate": Hyperparameter(
        1.5, "rate of kappa_log's exponential prior: kappa is Pareto(1, RATE)"
    ),
    "phi_alpha": Hyperparameter(1.0, "first parameter of phi's Beta prior"),
    "phi_beta": Hyperparameter(1.0, "second parameter of phi's Beta prior"),
    "kappa_shape": Hyperparameter(1.0, "gamma model: shape of kappa's Gamma prior"),
    "kappa_rate": Hyperparameter(1.0, "gamma model: rate of kappa's Gamma prior"),
    "tau_sd": Hyperparameter(
        1.0, "spread model: scale of the half-normal prior of tau, about the sd of log-odds"
    ),
    "theta_alpha": Hyperparameter(1.0, "no pooling: first parameter of theta's Beta prior"),
    "theta_beta": Hyperparameter(1.0, "no pooling: second parameter of theta's Beta prior"),
    "mu_mean": Hyperparameter(-1.0, "logit model: prior mean of mu", is_positive=False),
    "mu_sd": Hyperparameter(1.0, "logit model: prior sd of mu"),
    "sigma_sd": Hyperparameter(1.0, "logit model: scale of sigma's half-normal prior"),
}
"""The hyperparameters of all models by name."""


class Entry(NamedTuple):
    """A model of the table."""

    name: str
    """The name of its class."""
    home: str
    """The module of this sub-package that defines it."""
    hyperparameters: tuple[str, ...]
    """The fields of its class, in their order."""
    parameters: tuple[str, ...]
    """The parameters of its population, in the order of a printed table."""
    least_kappa: float = 1.0
    """The lower bound of kappa under the prior, if the model has a kappa."""
    collapsed: str = ""
    """The name of the class of the same posterior with theta integrated out, if it is another."""
    is_explored: bool = True
    """Whether the position has coordinates; if not, every algorithm draws exactly."""


POPULATION = ("kappa", "kappa_log", "phi")
BETA = ("kappa_log_rate", "phi_alpha", "phi_beta"), POPULATION
GAMMA = ("kappa_shape", "kappa_rate", "phi_alpha", "phi_beta"), POPULATION
SPREAD = ("tau_sd", "phi_alpha", "phi_beta"), (*POPULATION, "tau")
LOGIT = ("mu_mean", "mu_sd", "sigma_sd"), ("mu", "sigma")
CATALOGUE = {
    "partial": Entry("PartialPooling", "beta", *BETA, collapsed="CollapsedPartialPooling"),
    "collapsed": Entry("CollapsedPartialPooling", "beta", *BETA),
    "gamma": Entry("GammaPartialPooling", "gamma", *GAMMA, least_kappa=0.0),
    "spread": Entry("SpreadPartialPooling", "spread", *SPREAD, least_kappa=0.0),
    "complete": Entry(
        "CompletePooling", "pooling", ("phi_alpha", "phi_beta"), ("phi",), is_explored=False
    ),
    "none": Entry("NoPooling", "pooling", ("theta_alpha", "theta_beta"), (), is_explored=False),
    "logit": Entry(
        "LogitPartialPooling", "logit_normal", *LOGIT, collapsed="CollapsedLogitPartialPooling"
    ),
    "collapsed-logit": Entry("CollapsedLogitPartialPooling", "logit_normal", *LOGIT),
}
"""The models by the words for them, the same on the command line and in Python."""
MODELS = {word: entry.name for word, entry in CATALOGUE.items()}
"""The names of classes, by their words."""
FORMER = {"beta": "collapsed"}
"""Words of before, which work in this version."""
COMPARED = ("complete", "none", "partial", "logit")
"""The models that ``compare`` compares by default."""
BY_CLASS_NAME = {entry.name: entry for entry in CATALOGUE.values()}
"""The entries, by the names of classes."""


USER_CLASSES: dict[str, type] = {}
"""The user's own classes that were fitted or named in this process, by name."""


def remember(kind: type) -> None:
    """Stores a user's own class, so that functions that take its fit find it by name."""
    if kind.__name__ not in BY_CLASS_NAME:
        USER_CLASSES[kind.__name__] = kind


def class_of_name(name: str) -> Any:
    """Returns the class of a model by its name.

    Raises:
        InputError: the name is neither one of hierpool's classes nor stored by ``remember``.
    """
    from hierpool.input.errors import InputError

    if name in BY_CLASS_NAME:
        return getattr(import_module(f"hierpool.models.{BY_CLASS_NAME[name].home}"), name)
    if name not in USER_CLASSES:
        raise InputError(
            f"{name} is not one of hierpool's models, and this function needs its class: give it, "
            "as in hp.load(path, model=...)."
        )
    return USER_CLASSES[name]


def class_of_word(word: str) -> Any:
    """Returns the class of a model by its word.

    Raises:
        InputError: no model has this word; the message lists the words.
    """
    from hierpool.input.errors import InputError

    if word in FORMER:
        from hierpool.runtime.warn import warn

        now = FORMER[word]
        warn(f"Model {word!r} is called {now!r}; the former name works here.", FutureWarning)
        word = now
    if word not in MODELS:
        raise InputError(f"There is no model {word!r}; there are {', '.join(MODELS)}.")
    return class_of_name(MODELS[word])


def model_of_word(model: "Model | str") -> "Model":
    """Returns a model, which may be given as a word.

    Raises:
        InputError: no model has this word.
        TypeError: ``model`` is a class, not an instance.
    """
    if isinstance(model, type):
        raise TypeError(f"model must be a model, and is a class: write {model.__name__}().")
    found: Model = class_of_word(model)() if isinstance(model, str) else model
    return found


def is_own(model: object) -> bool:
    """Returns whether a model's class is hierpool's own, rather than a user's or derived from it.

    Only these are written for NumPy too (``hierpool.arrays``), if their groups come from a Beta
    population.
    """
    return type(model) in map(class_of_name, BY_CLASS_NAME)


def check_model(model: Any) -> "Model":
    """Returns a checked model, which may be given as a word.

    The class of a user's own model is stored by its name, so that functions that take its fit find
    it.

    Raises:
        InputError: a hyperparameter is out of its range, no model has this word, a method is
            missing, or the model is not a pytree.
        TypeError: ``model`` is not a model.
    """
    import jax
    import numpy as np

    from hierpool.input.arguments import number_of
    from hierpool.input.errors import InputError
    from hierpool.models.beta_population import BetaPopulation
    from hierpool.models.joint import Joint
    from hierpool.models.protocol import Model, require

    model = model_of_word(model)
    if not hasattr(model, "log_density"):
        raise TypeError(
            f"model must be a model, as CollapsedPartialPooling(), or its word "
            f"({', '.join(MODELS)}), not {type(model).__name__}."
        )
    if type(model) is Joint:
        return Joint(require(check_model(model.population), BetaPopulation))
    require(model, Model)
    if jax.tree_util.all_leaves([model]):
        raise InputError(
            f"{type(model).__name__} is not a pytree: decorate the class with @hp.model, or "
            "register it with JAX."
        )
    remember(type(model))
    if not isinstance(model, tuple(map(class_of_name, BY_CLASS_NAME))):
        return model
    # A derived class may have fields of its own, of which nothing is known.
    known = {name: value for name, value in vars(model).items() if name in HYPERPARAMETERS}
    plain = {name: number_of(value) for name, value in known.items()}
    for name, value in plain.items():
        is_positive = HYPERPARAMETERS[name].is_positive
        if value is None or not np.isfinite(value) or (value <= 0 and is_positive):
            rule = "a positive number" if is_positive else "a finite number"
            given = getattr(model, name)
            raise InputError(f"{type(model).__name__}: {name} must be {rule}, not {given}.")
    checked: Model = replace(cast(Any, model), **plain)
    return checked
