"""Empirical Bayes: the population of maximum likelihood, taken as if it were known.

Source: Efron and Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations";
Tarone (1979), "Testing the Goodness of Fit of the Binomial Distribution", for when the maximum is
at an infinite kappa.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaincinv, expit, logit, polygamma, xlogy

from hierpool.input.arguments import check_prob, tails
from hierpool.input.labels import index_of
from hierpool.input.new_groups import as_json
from hierpool.input.table import InputError, read_table
from hierpool.likelihood.compress import Distinct, compress, distinct, tally
from hierpool.likelihood.histograms import log_marginal
from hierpool.posterior.sentences import OF_THETA, groups_in_words, shown, titled
from hierpool.runtime.answer import printed
from hierpool.runtime.jax_settings import scope
from hierpool.runtime.numbers import number
from hierpool.runtime.order import noted
from hierpool.runtime.tables import Table

LOG_KAPPAS = np.linspace(-6, 18, 25)
"""Values of log kappa at which the search may start, with phi at the pooled or at the mean raw
rate; it starts at the best pair."""
BEYOND = 1e15
"""A kappa at which the population is a single point, up to rounding."""


class PlugIn(NamedTuple):
    """The population of maximum likelihood."""

    phi: float
    """Population mean of theta."""
    kappa: float
    """Population concentration. It is inf if all groups have the same theta, 0 if every theta is 0
    or 1, and NaN if no group has more than 1 trial, since the data then do not determine it."""
    log_likelihood: float
    """Log probability of the data given phi and kappa, binomial coefficients included."""


@printed
class EmpiricalBayes(NamedTuple):
    """Empirical Bayes estimates in two tables, whose columns ``empirical_bayes`` describes."""

    groups: pd.DataFrame
    """The distribution of theta given the estimated population, one row per group."""
    population: pd.DataFrame
    """The estimated population, in one row."""

    @property
    def sentence(self) -> str:
        """The answer: the new groups, or the lowest and the highest group and the population."""
        phi, kappa = self.population.iloc[0][["phi", "kappa"]]
        worth = f"worth {number(kappa, 0)} trials" if np.isfinite(kappa) else "all groups alike"
        worth = "its concentration is not known" if np.isnan(kappa) else worth
        return groups_in_words(self.groups, f"population mean {shown(phi)[0]}, {worth}")

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        title = titled("Population of maximum likelihood, taken as known", self.groups)
        population = Table("population", title, self.population, has_scales=True)
        groups = Table(
            "groups", titled("Groups", self.groups), self.groups, keep=OF_THETA, sort="mean"
        )
        return [population, groups]


def empirical_bayes(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    prob: float = 0.89,
    new_groups: Any = None,
    aggregate: bool = False,
) -> EmpiricalBayes:
    """Returns each group's theta given the maximum likelihood population, taken as known.

        phi, kappa = argmax of the product of BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)
        theta_i | y_i ~ Beta(phi kappa + y_i, (1 - phi) kappa + n_i - y_i)

    It is fast, and ignores the uncertainty of phi and kappa: sds and intervals are too small, most
    of all with few groups. If the estimate of kappa is infinite, every theta is phi, with sd 0.
    ``estimate`` accounts for that uncertainty; ``sensitivity`` shows both side by side.

    Args:
        frame: data in any form that ``fit`` accepts.
        successes: column of successes.
        trials: column of trials, one number for all, or None, as in ``fit``.
        failures: column of failures, in place of trials.
        group: column of the groups' names, or a list of columns; by default the frame's index.
        prob: probability of the equal-tailed intervals, between 0 and 1.
        new_groups: successes and trials of further groups by name, fitted with the rest:
            ``{"rookie": (0, 4)}``; or a table of them with the same columns.
        aggregate: whether to add up rows of the same group, instead of refusing them.

    Returns:
        ``EmpiricalBayes`` with two data frames.

        - ``groups``: one row per group, in the order of the input, new groups last; the index is
          the name. Several columns of ``group`` stand first. ``successes`` and ``trials``;
          ``rate``, the raw rate, NaN without trials; ``mean``, ``sd``, ``lower`` and ``upper`` of
          theta, the chance of success; ``shrinkage``, kappa / (kappa + n): 1 is full pooling.
        - ``population``: one row. ``phi``, the population mean chance; ``kappa``, the population
          concentration in trials: inf if the rates vary no more than binomial sampling explains,
          0 if every rate is 0 or 1, NaN if no group has more than 1 trial; ``log_likelihood``,
          the log probability of the data given the two; ``new_group_mean``, ``new_group_lower``
          and ``new_group_upper`` of theta of a group not yet seen.

    Raises:
        InputError: the data or a setting break a rule, or no group has trials.
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Examples:
        >>> import hierpool as hp
        >>> result = hp.empirical_bayes("rat-tumors", "tumors", "rats", group="experiment")
        >>> result.population[["phi", "kappa", "new_group_mean"]].round(2)
            phi  kappa  new_group_mean
        0  0.14  16.46            0.14
    """
    check_prob(prob)
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        failures=failures,
        group=group,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    y, n = table.successes, table.trials
    best = maximise(distinct(y, n))
    new = plug_in(best, np.zeros(1, int), np.zeros(1, int), prob)
    ends = {f"new_group_{name}": new[name] for name in ("mean", "lower", "upper")}
    population = pd.DataFrame({**best._asdict(), **ends}, index=pd.RangeIndex(1))
    rate = np.divide(y, n, out=np.full(len(n), np.nan), where=n > 0)
    columns = {**table.group_columns, "successes": y, "trials": n, "rate": rate}
    columns |= plug_in(best, y, n, prob)
    groups = pd.DataFrame(columns, index=index_of(table.labels))
    added = list(map(str, as_json(table.new_groups))) or None
    return EmpiricalBayes(noted(groups, prob=prob, new_groups=added), noted(population, prob=prob))


def maximise(pairs: Distinct) -> PlugIn:
    """Returns the maximum likelihood estimates of phi and kappa.

    Args:
        pairs: the distinct (y, n) of the data set.

    Raises:
        InputError: there are no trials.
    """
    y, n, groups = (x.astype(float) for x in pairs[:3])
    total_y, total_n = groups @ y, groups @ n
    if total_n == 0:
        raise InputError("No group has trials, so the population can't be estimated.")
    constants = tally(pairs)
    pooled = float(total_y / total_n)
    as_one = xlogy(total_y, pooled) + xlogy(total_n - total_y, 1 - pooled)
    limit = PlugIn(pooled, np.inf, float(as_one) + constants.log_coefficients)
    if pooled in (0, 1):
        return limit
    if n.max() <= 1:
        return limit._replace(kappa=np.nan)
    tried = n > 0
    if np.all((y == 0) | (y == n)):
        # Every theta is 0 or 1: each group is one Bernoulli(phi) draw.
        none, every = groups[tried & (y == 0)].sum(), groups[tried & (y == n)].sum()
        phi = float(every / (none + every))
        return PlugIn(phi, 0.0, float(xlogy(every, phi) + xlogy(none, 1 - phi)))
    mean_rate = float(groups[tried] @ (y[tried] / n[tried]) / groups[tried].sum())
    with scope(), np.errstate(all="ignore"):
        data = compress(pairs)

        def log_likelihood(x: np.ndarray) -> Any:
            """Returns (...,) log likelihoods at (..., 2) logit phi and log kappa."""
            return log_marginal(x[..., 0], x[..., 1], data)  # type: ignore[arg-type]

        starts = np.array([[logit(p), k] for p in (pooled, mean_rate) for k in LOG_KAPPAS])
        start = starts[np.argmax(log_likelihood(starts))]
        found = minimize(
            lambda x: -float(log_likelihood(x)),
            start,
            jac=lambda x: -_derivatives(x, pairs)[0],
            hess=lambda x: -_derivatives(x, pairs)[1],
            method="trust-exact",
            options={"gtol": 1e-9 * total_n**0.5, "maxiter": 200},
        )
        at_limit = float(log_likelihood(np.array([logit(pooled), np.log(BEYOND)])))
    best = -float(found.fun)
    # The rates vary no more than binomial sampling explains: the likelihood increases with kappa.
    if best <= at_limit + 1e-9 * (1 + abs(at_limit)):
        return limit
    phi, kappa = float(expit(found.x[0])), float(np.exp(found.x[1]))
    return PlugIn(phi, kappa, best + constants.reference)


def plug_in(best: PlugIn, y: np.ndarray, n: np.ndarray, prob: float) -> dict[str, np.ndarray]:
    """Returns mean, sd, lower, upper and shrinkage of each group's theta, (group,) each.

    Args:
        best: the population.
        y: (group,) successes.
        n: (group,) trials.
        prob: probability of the interval.
    """
    phi, kappa = best.phi, best.kappa
    if np.isinf(kappa):
        same, none = np.full(len(n), phi), np.zeros(len(n))
        return _columns(same, none, same, same, none + 1)
    a, b = phi * kappa + y, (1 - phi) * kappa + (n - y)
    shrinkage = np.divide(kappa, kappa + n, out=np.ones(len(n)), where=kappa + n != 0)
    mean = shrinkage * phi + np.divide(y, kappa + n, out=np.zeros(len(n)), where=n > 0)
    sd = np.sqrt(mean * (1 - mean) / (kappa + n + 1))
    lower, upper = (_quantile(a, b, phi, level) for level in tails(prob))
    return _columns(mean, sd, lower, upper, shrinkage)


def _columns(*columns: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("mean", "sd", "lower", "upper", "shrinkage"), columns, strict=True))


def _quantile(a: np.ndarray, b: np.ndarray, phi: float, level: float) -> np.ndarray:
    """Returns quantiles of Beta(a, b); if a parameter is 0, theta is 0 or 1."""
    is_proper = (a > 0) & (b > 0)
    inside = betaincinv(np.where(is_proper, a, 1), np.where(is_proper, b, 1), level)
    of_points = np.where((a == 0) & (b == 0), float(level > 1 - phi), np.where(a == 0, 0.0, 1.0))
    is_known = ~np.isnan(a)
    return np.where(is_known, np.where(is_proper, inside, of_points), np.nan)


def _derivatives(x: np.ndarray, pairs: Distinct) -> tuple[np.ndarray, np.ndarray]:
    """Returns the slope (2,) and the curvature (2, 2) of the log likelihood.

    Args:
        x: (2,) logit phi and log kappa.
        pairs: the distinct (y, n) of the data set.
    """
    y, n, groups = (counts.astype(float) for counts in pairs[:3])
    phi, kappa = expit(x[0]), np.exp(x[1])
    a, b = phi * kappa, (1 - phi) * kappa

    def rise(order: int, parameter: float, count: np.ndarray) -> float:
        """Returns the sum of differences of a derivative of log Gamma, of the given order."""
        more = polygamma(order, parameter + count) - polygamma(order, parameter)
        return float(groups @ more)

    of_a, of_b, of_kappa = (rise(0, *of) for of in ((a, y), (b, n - y), (kappa, n)))
    slope = np.array([of_a, of_b]) - of_kappa
    curved = np.diag([rise(1, a, y), rise(1, b, n - y)]) - rise(1, kappa, n)
    # The derivatives of a and b, and their second derivatives.
    width = phi * b
    first = np.array([[width, a], [-width, b]])
    bend = width * (1 - 2 * phi)
    second = np.array([[[bend, width], [width, a]], [[-bend, -width], [-width, b]]])
    return slope @ first, first.T @ curved @ first + np.tensordot(slope, second, 1)
