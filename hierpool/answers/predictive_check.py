"""Posterior predictive checks: the data compared with replicates drawn from the fit.

Source: Gelman, Meng and Stern (1996), "Posterior Predictive Assessment of Model Fitness via
Realized Discrepancies", for the p-values.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.input.arguments import check_seed
from hierpool.input.table import InputError
from hierpool.models.protocol import BetaGroups, DrawsTheta, require
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.random import betas, binomials, stream
from hierpool.posterior.values import by_group

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function of counts (draw, group) and trials (group,) that returns (draw,), row by row."""

REPLICATES = ("same-groups", "new-groups")
BLOCK = 2**18
"""Number of counts whose statistics are computed at a time, so that they fit in the CPU cache."""
BUDGET = 4_000_000
"""Most counts drawn for new groups: about a second. Above it, the posterior draws are thinned."""


def predictive_check(
    tree: xr.DataTree,
    *,
    statistics: Mapping[str, Statistic] | None = None,
    replicates: Literal["same-groups", "new-groups"] = "same-groups",
    seed: int = 0,
) -> pd.DataFrame:
    """Returns posterior predictive p-values of statistics of the data.

    Each statistic T of the data is compared with its values T_rep in replicates of the data, drawn
    from the posterior predictive distribution. A p-value near 0 or 1 shows a feature of the data
    that the model does not reproduce. Groups without trials are left out.

    The statistics are ``min``, ``max``, ``mean`` and ``sd`` (with denominator G - 1, for G groups)
    of three quantities: ``counts`` y, ``rates`` y / n, and ``residuals``
    (y - n p) / sqrt(n p (1 - p)), where p is the pooled rate of the same replicate. If the trials
    are unequal, look at rates and residuals. The extremes of counts then only show which groups
    have the fewest and the most trials; the extremes of rates come from small groups; residuals put
    all groups on one scale.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        statistics: further statistics by name: functions of counts (draw, group) and trials
            (group,) that return (draw,), row by row. Each is called with a block of draws at a
            time, and with the data as a single row.
        replicates: "same-groups" draws successes given each group's own theta. "new-groups" first
            draws a new theta for each group from the population (under no pooling, from the prior
            of theta) and keeps its trials: a stricter test of the population. Posterior draws are
            left out at regular steps where new groups would take more than about a second.
        seed: seed of the new groups; not used for the same groups.

    Returns:
        One row per statistic. Index: ``of`` ("counts", "rates", "residuals", or "custom" for
        ``statistics``) and ``statistic`` (its name). Columns:

        - ``observed``: T, from the data.
        - ``mean`` and ``sd``: mean and standard deviation of T_rep over the replicates.
        - ``p_upper``: Pr(T_rep >= T).
        - ``p_lower``: Pr(T_rep <= T).
        - ``p_mid``: Pr(T_rep > T) + Pr(T_rep = T) / 2.
        - ``mean_mcse``, ``sd_mcse``, ``p_upper_mcse``, ``p_lower_mcse``, ``p_mid_mcse``: Monte
          Carlo standard errors. That of a p-value is at least 1 / (number of replicates).

    Raises:
        InputError: fewer than 2 groups have trials, an argument breaks a rule, or the fit holds the
            hyperparameters only and ``replicates`` is "same-groups".
        TypeError: ``tree`` is not a tree, or a statistic is not a function.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.predictive_check(tree)
        >>> print(table.loc["counts", ["observed", "mean", "p_upper"]].round(1))
                   observed  mean  p_upper
        statistic
        min             7.0   5.8      0.3
        max            18.0  19.2      0.7
        mean           11.9  12.0      0.5
        sd              3.1   3.7      0.8
    """
    return replicated(tree, statistics=statistics, replicates=replicates, seed=seed).table()


class Replicates(NamedTuple):
    """Replicates of a fit's data, with the statistics of both; groups without trials are left out.

    ``predictive_check`` returns the table; a picture shows the rest.
    """

    fitted: Fitted
    """The fit."""
    successes: np.ndarray
    """(group,) successes of the data."""
    trials: np.ndarray
    """(group,) trials."""
    drawn: np.ndarray
    """(draw, group) successes of the replicates."""
    rows: pd.MultiIndex
    """(statistic,) what each is of, and its name."""
    observed: np.ndarray
    """(statistic,) values of the data."""
    values: np.ndarray
    """(draw, statistic) values of the replicates."""

    def table(self) -> pd.DataFrame:
        """Returns the table that ``predictive_check`` describes."""
        return pd.DataFrame(_compare(self.fitted, self.values, self.observed), index=self.rows)


def replicated(
    tree: xr.DataTree,
    *,
    statistics: Mapping[str, Statistic] | None,
    replicates: str,
    seed: int,
) -> Replicates:
    """Returns replicates of a fit's data, for the arguments of ``predictive_check``."""
    if replicates not in REPLICATES:
        raise InputError(f"replicates must be one of {REPLICATES}, not {replicates!r}.")
    fitted = read_fit(tree, needs_theta=replicates == "same-groups")
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    has_trials = _has_trials(fitted)
    successes, trials = fitted.successes[has_trials], fitted.trials[has_trials]
    custom = _check_statistics(statistics)
    if replicates == "same-groups":
        y = by_group(tree, "posterior_predictive", "y", fitted.labels)
        drawn = y.reshape(len(fitted.theta), -1)[:, has_trials]
    else:
        drawn = new_replicates(fitted, trials, seed)
    (observed,) = _evaluate(successes[None], trials, custom)
    values = _evaluate(drawn, trials, custom)
    rows = [(of, name) for of in ("counts", "rates", "residuals") for name in FOUR]
    rows += [("custom", name) for name in custom]
    index = pd.MultiIndex.from_tuples(rows, names=["of", "statistic"])
    return Replicates(fitted, successes, trials, drawn, index, observed, values)


def tail_indicators(values: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each replicated statistic is at least, and at most, the observed one.

    Values that differ only by rounding count as equal, as do sums of the same numbers in another
    order.

    Args:
        values: (draw, ...) statistics of the replicates.
        observed: (...) statistics of the data.

    Returns:
        Two (draw, ...) arrays of booleans: at least, and at most, the observed statistic.
    """
    slack = 1e-12 * np.maximum(1, np.abs(observed))
    return values >= observed - slack, values <= observed + slack


def new_replicates(fitted: Fitted, trials: np.ndarray, seed: int) -> np.ndarray:
    """Returns (draw, group) successes of new groups, whose theta is drawn from the population.

    Args:
        fitted: a fit. Each draw of its population gives one row; where that would exceed
            ``BUDGET``, draws are left out at regular steps, but at least 50 per chain are kept.
        trials: (group,) trials of the new groups.
        seed: seed of the draws.
    """
    seed = check_seed(seed)
    num_draws, num_groups = len(fitted.theta), len(trials)
    in_chain = num_draws // fitted.num_chains
    every = min(-(-num_draws * num_groups // BUDGET), max(1, in_chain // 50))
    rows = fitted.kept(every)
    theta_seed, y_seed = stream(seed, "replicates").spawn(2)
    model, of = fitted.model, {name: draws[rows] for name, draws in fitted.parameters.items()}
    if isinstance(model, BetaGroups):
        none = np.zeros(num_groups)
        alpha, beta = (np.broadcast_to(x, len(rows)) for x in model.theta_prior(of))
        theta = betas(theta_seed, alpha, beta, none, none)
    else:
        rng = np.random.default_rng(theta_seed)
        theta = require(model, DrawsTheta).draw_theta_prior(rng, of, num_groups)
    return binomials(y_seed, trials, theta)


FOUR: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "min": lambda x: x.min(axis=1),
    "max": lambda x: x.max(axis=1),
    "mean": lambda x: x.mean(axis=1),
    "sd": lambda x: x.std(axis=1, ddof=1),
}


def _evaluate(
    counts: np.ndarray, trials: np.ndarray, custom: Mapping[str, Statistic]
) -> np.ndarray:
    """Returns (draw, statistic) values of all statistics."""
    height = max(1, BLOCK // len(trials))
    blocks = (counts[start : start + height] for start in range(0, len(counts), height))
    return np.concatenate([np.stack(list(_of_block(y, trials, custom)), axis=1) for y in blocks])


def _of_block(
    y: np.ndarray, trials: np.ndarray, custom: Mapping[str, Statistic]
) -> Iterator[np.ndarray]:
    pooled = y.sum(axis=1, keepdims=True) / trials.sum()
    sd = np.sqrt(trials * pooled * (1 - pooled))
    gap = y - trials * pooled
    residuals = np.divide(gap, sd, out=np.zeros(y.shape), where=sd > 0)
    for scale in (y, y / trials, residuals):
        for statistic in FOUR.values():
            yield statistic(scale)
    for name, function in custom.items():
        values = np.asarray(function(y, trials), float)
        if values.shape != (len(y),):
            raise InputError(
                f"Statistic {name!r} returned shape {values.shape} for counts of shape {y.shape}: "
                "it must return one number per row."
            )
        yield values


def _compare(fitted: Fitted, values: np.ndarray, observed: np.ndarray) -> dict[str, np.ndarray]:
    upper, lower = (part.astype(float) for part in tail_indicators(values, observed))
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    # The error of the sd follows from that of the variance by the delta method.
    of_variance = fitted.error((values - mean) ** 2)
    of_sd = np.divide(of_variance, 2 * sd, out=np.zeros_like(sd), where=sd > 0)
    columns = {
        "observed": observed,
        "mean": mean,
        "mean_mcse": fitted.error(values),
        "sd": sd,
        "sd_mcse": of_sd,
    }
    for name, part in (("upper", upper), ("lower", lower), ("mid", (1 + upper - lower) / 2)):
        columns[f"p_{name}"] = part.mean(axis=0)
        columns[f"p_{name}_mcse"] = fitted.share_error(part)
    return columns


def _has_trials(fitted: Fitted) -> np.ndarray:
    has_trials = fitted.trials > 0
    if has_trials.sum() < 2:
        raise InputError(
            f"A check needs at least 2 groups with trials, and there are {has_trials.sum()}."
        )
    return has_trials


def _check_statistics(statistics: Any) -> Mapping[str, Statistic]:
    custom = {} if statistics is None else statistics
    if not isinstance(custom, Mapping) or not all(map(callable, custom.values())):
        raise TypeError(
            "statistics must map names to functions of counts (draw, group) and trials (group,)."
        )
    return custom
