"""Summarizes the posterior of a fit in two tables: the population, and the groups."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.input.arguments import check_prob, tails
from hierpool.input.table import InputError
from hierpool.posterior.attributes import new_names
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import read_fit
from hierpool.posterior.group_columns import read_group_columns
from hierpool.posterior.sentences import OF_THETA, groups_in_words, percent, spread, titled
from hierpool.runtime.answer import printed
from hierpool.runtime.order import noted
from hierpool.runtime.tables import Table


@printed
class Summary(NamedTuple):
    """The posterior of a fit in two tables: what ``summarize`` returns."""

    population: pd.DataFrame
    """One row per parameter of the population (index ``parameter``): its posterior ``mean``, ``sd``
    and ``median``, and the ends ``lower`` and ``upper`` of its interval. Mean and sd are NaN where
    the posterior variance may be infinite, as that of kappa under the default prior. The table is
    empty under no pooling."""
    groups: pd.DataFrame
    """One row per group (index ``group``). If several columns name the groups, they come first.
    Then, of which a fit that holds the hyperparameters only has the first three:

    - ``successes``, ``trials``: the data.
    - ``rate``: the raw rate, successes / trials; NaN without trials.
    - ``mean``, ``sd``: posterior mean and standard deviation of theta.
    - ``lower``, ``upper``: ends of the interval of theta.
    - ``shrinkage``: posterior mean of kappa / (kappa + trials), the weight of the population in the
      group's mean, from 0 to 1; only for a model with kappa."""

    @property
    def sentence(self) -> str:
        """The answer: the new groups, or the lowest and the highest group and the population."""
        return groups_in_words(self.groups, self._population())

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        lacking = [str(name) for name in self.population.index[self.population["mean"].isna()]]
        note = (
            f"Without mean and sd: {', '.join(lacking)}, whose posterior variance may be infinite "
            "under this prior; read the median."
        )
        population = Table(
            "population",
            titled("Population", self.population),
            self.population,
            keep=("median", "lower", "upper", "mean", "sd"),
            notes=(note,) if lacking else (),
            has_scales=True,
        )
        groups = Table(
            "groups", titled("Groups", self.groups), self.groups, keep=OF_THETA, sort="mean"
        )
        return [population, groups] if len(self.population) else [groups]

    def _population(self) -> str:
        if "phi" not in self.population.index:
            return ""
        row = self.population.loc["phi"]
        mean = spread(row["mean"], row["lower"], row["upper"])
        return f"population mean {mean}, {percent(self.population)}"


def summarize(tree: xr.DataTree, *, prob: float = 0.89, interval: str = "equal-tailed") -> Summary:
    """Returns the posterior of a fit in two tables: the population and the groups.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        prob: probability of the interval from ``lower`` to ``upper``, between 0 and 1.
        interval: "equal-tailed", or "highest-density", the shortest interval of that probability.

    Returns:
        A ``Summary``:

        - ``population``: one row per parameter: ``mean``, ``sd``, ``median``, and the interval from
          ``lower`` to ``upper``. Mean and sd are NaN where the posterior variance may be
          infinite.
        - ``groups``: one row per group: the columns that name the groups, if there are several;
          ``successes``, ``trials``, the raw ``rate``, the ``mean``
          and ``sd`` of theta, its interval from ``lower`` to ``upper``, and ``shrinkage``, the
          weight of the population in the group's mean.

    Raises:
        InputError: ``prob`` does not lie between 0 and 1, ``interval`` is unknown, or the tree does
            not hold a fit.
        TypeError: ``tree`` is not a tree, or ``prob`` is not a number.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> summary = hp.summarize(tree)
        >>> print(summary.groups.loc["Max Alvis", ["rate", "mean", "shrinkage"]].round(2))
        rate         0.16
        mean         0.22
        shrinkage    0.59
        Name: Max Alvis, dtype: float64
    """
    check_prob(prob)
    if interval not in INTERVALS:
        raise InputError(f"interval must be one of {tuple(INTERVALS)}, not {interval!r}.")
    fitted, ends = read_fit(tree, needs_theta=False), INTERVALS[interval]
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    rows, without = {}, fitted.heavy_tailed
    for name, draws in fitted.parameters.items():
        lower, upper = ends(draws[:, None], prob)
        has_moments = name not in without
        rows[name] = {
            "mean": draws.mean() if has_moments else np.nan,
            "sd": draws.std(ddof=1) if has_moments else np.nan,
            "median": np.median(draws),
            "lower": lower[0],
            "upper": upper[0],
        }
    columns = ["mean", "sd", "median", "lower", "upper"]
    population = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    population.index.name = "parameter"

    trials = fitted.trials
    groups = pd.DataFrame(
        {
            **read_group_columns(tree),
            "successes": fitted.successes,
            "trials": trials,
            "rate": fitted.rate,
        },
        index=fitted.names,
    )
    if fitted.theta.shape[1]:
        theta = fitted.theta
        lower, upper = ends(theta, prob)
        groups = groups.assign(
            mean=theta.mean(axis=0), sd=theta.std(axis=0, ddof=1), lower=lower, upper=upper
        )
        if "kappa" in fitted.parameters:
            kappa = fitted.parameters["kappa"]
            sizes, of_group = np.unique(trials, return_inverse=True)
            share = np.array([np.mean(kappa / (kappa + size)) for size in sizes])
            groups["shrinkage"] = share[of_group]
    new = new_names(tree.attrs) or None
    return Summary(noted(population, prob=prob), noted(groups, prob=prob, new_groups=new))


def equal_tailed(draws: np.ndarray, prob: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (column,) lower and upper ends of intervals with equal probability in both tails.

    Args:
        draws: (draw, column) draws.
        prob: probability inside.
    """
    # Transposed, so that the draws of a column are contiguous in memory.
    lower, upper = np.quantile(draws.T, tails(prob), axis=1)
    return lower, upper


def highest_density(draws: np.ndarray, prob: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (column,) lower and upper ends of the shortest intervals of that probability.

    Args:
        draws: (draw, column) draws.
        prob: probability inside.
    """
    ordered = np.sort(draws.T, axis=1)
    inside = min(int(np.ceil(prob * len(draws))), len(draws) - 1)
    first = np.argmin(ordered[:, inside:] - ordered[:, : len(draws) - inside], axis=1)
    column = np.arange(len(ordered))
    return ordered[column, first], ordered[column, first + inside]


INTERVALS: dict[str, Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]] = {
    "equal-tailed": equal_tailed,
    "highest-density": highest_density,
}
