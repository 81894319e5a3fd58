"""Asks a fit everything that its report says; what can't be answered keeps its reason."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.comparison import compare
from hierpool.answers.contrasts import expected_loss
from hierpool.answers.exchangeability import Exchangeability, exchangeability
from hierpool.answers.new_groups import new_groups
from hierpool.answers.predictive_check import predictive_check
from hierpool.answers.ranks import MOST_GROUPS, rank
from hierpool.answers.summary import Summary, summarize
from hierpool.input.errors import InputError
from hierpool.input.labels import texts
from hierpool.models.catalogue import CATALOGUE
from hierpool.models.protocol import Model, groups_differ
from hierpool.posterior.attributes import read_problems
from hierpool.posterior.contradiction import contradiction, new_rates_of
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.verdict import Verdict, check

MOST_JUDGED = 20_000
"""Most groups whose theta are judged anew: R-hat takes about a millisecond for each."""
MOST_COUNTS = 40_000_000
"""Most replicated counts, draws times groups, whose statistics are computed."""
MOST_PAIRS = 3_000
"""Most distinct pairs of successes and trials for which models are compared."""


class Part[T](NamedTuple):
    """An answer, or the reason why there is none."""

    answer: T | None
    reason: str
    """Empty if there is an answer."""


class Asked(NamedTuple):
    """All that a report says of a fit."""

    fitted: Fitted
    verdict: Verdict
    judged: str
    """Which quantities the verdict's numbers are about, if not all; else empty."""
    summary: Summary
    highest: Part[pd.Series]
    """Probability of each group with trials that it is the highest."""
    ranks: Part[pd.DataFrame]
    """``Ranks.groups``, with the highest first."""
    top: int
    """How many groups count as the top in ``ranks``."""
    new_group: Part[pd.Series]
    """The chance of success of a group not yet seen."""
    predictive: Part[pd.DataFrame]
    exchangeable: Part[Exchangeability]
    compared: Part[pd.DataFrame]
    is_shared: bool
    """Whether the model gives all groups the same chance of success."""
    contradiction: str
    """A sentence if the population contradicts its groups; else empty."""


def ask_all(tree: xr.DataTree, prob: float) -> Asked:
    """Returns all that a report says of a fit.

    Args:
        tree: a fit.
        prob: probability of the intervals.

    Raises:
        InputError: the tree holds no fit.
        TypeError: the argument is not a tree.

    Warns:
        ConvergenceWarning: the fit did not converge.
    """
    fitted = read_fit(tree, needs_theta=False)
    with warnings.catch_warnings():
        # The page itself says what these warn of, and the user was warned of the fit above.
        warnings.simplefilter("ignore", UserWarning)
        new_rates = new_rates_of(fitted.parameters)
        contradicts = new_rates is not None and contradiction(
            fitted.successes, fitted.trials, float(new_rates.mean())
        )
        top = int(np.clip((fitted.trials > 0).sum() // 4, 1, 10))
        ranks = _ask(lambda: rank(tree, top=top, prob=prob).groups)
        highest = Part(None if ranks.answer is None else ranks.answer["best"], ranks.reason)
        if (fitted.trials > 0).sum() > MOST_GROUPS:
            highest = _ask(lambda: expected_loss(tree)["best"])
        return Asked(
            fitted,
            *_verdict(tree, fitted),
            summarize(tree, prob=prob),
            highest,
            ranks,
            top,
            _ask(lambda: _new_group(tree, fitted, prob)),
            _ask(lambda: _predictive(tree, fitted)),
            _ask(lambda: exchangeability(tree, prob=prob)),
            _ask(lambda: _compare(fitted)),
            _ask(lambda: groups_differ(fitted.model)).answer is False,
            contradicts or "",
        )


def _ask[T](question: Callable[[], T]) -> Part[T]:
    try:
        return Part(question(), "")
    except InputError as error:
        return Part(None, str(error))


def _verdict(tree: xr.DataTree, fitted: Fitted) -> tuple[Verdict, str]:
    """Returns the verdict that the fit keeps, with its numbers, and what they are about."""
    num_groups = fitted.theta.shape[1]
    is_partly_judged = not fitted.is_independent and num_groups > MOST_JUDGED
    if is_partly_judged:
        tree = tree.copy()
        tree["posterior"] = xr.DataTree(tree["posterior"].dataset.drop_vars("theta"))
    verdict = check(tree)
    if "hierpool_problems" in tree.attrs:
        # By the criteria that the user asked for when it was fitted.
        verdict = verdict._replace(problems=tuple(read_problems(tree.attrs)))
    about = f"of the population alone, without the {num_groups:,} thetas, to save time"
    return verdict, about if is_partly_judged else ""


def _new_group(tree: xr.DataTree, fitted: Fitted, prob: float) -> pd.Series:
    name = "a new group"
    while name in texts(fitted.labels):
        name += " "
    return new_groups(tree, {name: (0, 0)}, prob=prob).iloc[0]


def _predictive(tree: xr.DataTree, fitted: Fitted) -> pd.DataFrame:
    num_counts = len(fitted.theta) * len(fitted.labels)
    if num_counts > MOST_COUNTS:
        raise InputError(
            f"{num_counts:,} replicated counts take too long for a page: call predictive_check."
        )
    return predictive_check(tree).drop(index="counts", level="of")


def _compare(fitted: Fitted) -> pd.DataFrame:
    num_pairs = len(np.unique(np.stack([fitted.successes, fitted.trials]), axis=1).T)
    if num_pairs > MOST_PAIRS:
        raise InputError(
            f"{num_pairs:,} distinct pairs of successes and trials take too long for a page: call "
            "compare."
        )
    word = word_of(fitted.settings["name"])
    models: dict[str, Model | str] = {"complete": "complete", "none": "none"}
    if word in models:
        models["collapsed"] = "collapsed"
    models[word] = fitted.model
    frame = {
        "group": texts(fitted.labels),
        "successes": fitted.successes,
        "trials": fitted.trials,
    }
    return compare(frame, "successes", "trials", group="group", models=models).models


def word_of(name: str) -> str:
    """Returns the word of a model, or its class's name where it is a user's own."""
    words = {entry.name: word for word, entry in CATALOGUE.items()}
    return words.get(name, name)
