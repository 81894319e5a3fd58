"""What pictures need of a fit or of an ``Estimate``: names, counts, estimates and intervals."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from hierpool.answers.summary import equal_tailed
from hierpool.inference.results import Estimate
from hierpool.input.arguments import check_prob
from hierpool.input.errors import InputError
from hierpool.input.labels import find_name, texts
from hierpool.input.whole_numbers import is_whole
from hierpool.posterior.contradiction import new_rates_of, warn_of_contradiction
from hierpool.posterior.fitted import read_fit


class Interval(NamedTuple):
    """Intervals that contain theta with one probability."""

    lower: np.ndarray
    """(group,) lower ends."""
    upper: np.ndarray
    """(group,) upper ends."""
    name: str
    """What they are, in words, as in a legend."""


class Rates(NamedTuple):
    """The groups of a fit or of an estimate, as a picture shows them."""

    labels: np.ndarray
    """(group,) names: text, numbers or times."""
    successes: np.ndarray
    """(group,) successes."""
    trials: np.ndarray
    """(group,) trials."""
    rate: np.ndarray
    """(group,) raw rates; NaN for a group without trials."""
    mean: np.ndarray
    """(group,) posterior means of theta."""
    intervals: tuple[Interval, ...]
    """Intervals of theta, the widest first: two of a fit; one, or none, of an estimate."""
    population: float | None
    """Posterior mean of the population's mean; None without a population."""

    @property
    def pooled(self) -> float:
        """The rate of all trials together; NaN without any."""
        total = self.trials.sum()
        return float(self.successes.sum() / total) if total else np.nan

    def names(self, indices: np.ndarray) -> list[str]:
        """Returns the names of some groups as text, given their (some,) indices."""
        return texts(self.labels[indices])


def find_names(labels: np.ndarray, groups: Iterable[Any]) -> np.ndarray:
    """Returns (name,) the indices of groups, by their names, each once.

    Raises:
        InputError: there is no group of a name, or no name is given.
    """
    names = [groups] if isinstance(groups, str) else list(groups)
    if not names:
        raise InputError("groups is empty: name at least one, or leave it out.")
    return np.array(list(dict.fromkeys(find_name(labels, name) for name in names)))


def read_rates(fit: xr.DataTree | Estimate, *, prob: float = 0.89, inner: float = 0.5) -> Rates:
    """Returns the groups of a fit or of an estimate.

    Args:
        fit: a fit, or what ``estimate`` returned, of one data set.
        prob: probability of the wide intervals of a fit. An estimate has its own.
        inner: probability of the narrow intervals of a fit.

    Raises:
        InputError: the tree holds no fit, or no theta, or the estimate has several data sets.
        TypeError: the argument is neither.
    """
    check_prob(prob)
    if isinstance(fit, Estimate):
        return _of_estimate(fit)
    fitted = read_fit(fit)
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    means = new_rates_of(fitted.parameters)
    return Rates(
        fitted.labels,
        fitted.successes,
        fitted.trials,
        fitted.rate,
        fitted.theta.mean(axis=0),
        tuple(
            Interval(*equal_tailed(fitted.theta, each), _interval(each))
            for each in sorted({prob, min(inner, prob)}, reverse=True)
        ),
        None if means is None else float(means.mean()),
    )


def _interval(prob: float) -> str:
    """Returns what an interval is, in words."""
    return f"{100 * prob:g}% interval"


def _of_estimate(estimate: Estimate) -> Rates:
    groups, population = estimate
    if len(population) != 1:
        raise InputError(
            f"The estimate has {len(population)} data sets, and a picture shows one: choose it by "
            "hp.Estimate(estimate.groups.loc[NAME], estimate.population.loc[[NAME]])."
        )
    columns = {name: groups[name].to_numpy() for name in groups}
    intervals: tuple[Interval, ...] = ()
    if "lower" in columns:
        prob = groups.attrs.get("prob")
        name = "interval of the estimate" if prob is None else _interval(prob)
        intervals = (Interval(columns["lower"], columns["upper"], name),)
    return Rates(
        np.asarray(groups.index.get_level_values(-1)),
        columns["successes"],
        columns["trials"],
        columns["rate"],
        columns["mean"],
        intervals,
        float(population["phi_mean"].iloc[0]),
    )


def check_choice(groups: Iterable[Any] | None, top: Any) -> int | None:
    """Returns ``top``, the number of groups at each end, as an ``int``, or None.

    Raises:
        InputError: it is not a whole number from 1 on, or ``groups`` is given too.
    """
    if top is None:
        return None
    if groups is not None:
        raise InputError(
            "groups (--group) and top (--top) both choose what is shown: give one of them."
        )
    if not is_whole(top) or top < 1:
        raise InputError(f"top must be a whole number from 1 on, not {top}.")
    return int(top)
