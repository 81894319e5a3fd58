"""Groups that come after the fit, with data or without: what the fit says of them, not refitted.

The draws of the population are weighted by the probability of the newcomers' data, theta
integrated out; given a draw, a newcomer's chance is known as any other group's is.
"""

from collections.abc import Mapping

import jax
import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import brentq
from scipy.special import betainc

from hierpool import thetas
from hierpool.arguments import check_prob, check_seed
from hierpool.bulk import betas
from hierpool.chances import Betas, rows_of
from hierpool.counts import Counts
from hierpool.fitted import Fitted, read_fit
from hierpool.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling
from hierpool.models import CompletePooling
from hierpool.scope import scope
from hierpool.table import InputError, read_table
from hierpool.weights import (
    effective_draws,
    log_probability,
    moments,
    of_rows,
    warn_of_few,
    weights_of,
)

NewGroups = Mapping[str, tuple[int, int]]
SOLVED = 400_000
"""Betas, of all newcomers and rows, of which the intervals are solved: about a second."""


def newcomers(
    tree: xr.DataTree, new_groups: NewGroups, *, prob: float = 0.89, seed: int = 0
) -> pd.DataFrame:
    """Returns the chances of success of groups that were not in the fit, a row a newcomer.

        weight of a draw ~ product over the newcomers of p(y_j | n_j, population of the draw)
        theta_j | draw ~ Beta(phi kappa + y_j, (1 - phi) kappa + n_j - y_j), independently

    (or, on log-odds, the conditional under the normal population). All newcomers together weigh
    the draws, so each also learns from the others, and the answer is that of
    ``fit(..., new_groups=)``; a newcomer by itself is asked for by a call of its own. One with
    data (0, 0) weighs nothing. Under no pooling nothing is learnt from the fit, and the answer is
    exact; under complete pooling theta_j is phi.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        new_groups: successes and trials so far by name: ``{"rookie": (0, 4), "unseen": (0, 0)}``.
        prob: probability of the interval from ``lower`` to ``upper``, equal-tailed.
        seed: of the draws of theta, from which the interval is taken where it is not solved:
            for normal log-odds, and for very many newcomers.

    Returns:
        ``successes``, ``trials``; ``mean``, ``sd``, ``lower`` and ``upper`` of theta; ``mcse``,
        the Monte Carlo error of the mean; and ``effective_draws``, how many draws of equal
        weight the weighted ones are worth.

    Raises:
        InputError: a newcomer's data or name break a rule, or the fit can't answer.
        TypeError: an argument has the wrong type.

    Warns:
        FewDrawsWarning: the weights are worth fewer than 100 draws: the newcomers' data move the
            population to where the fit has few draws. Fit again with ``new_groups=``.
    """
    check_prob(prob)
    fitted, weight = arrivals(read_fit(tree, needs_theta=False), new_groups, seed)
    if not len(fitted.labels):
        raise InputError('new_groups are empty: name one at least, as {"rookie": (0, 4)}.')
    rows = rows_of(fitted)
    weight_of_row = of_rows(weight, rows)
    mean, variance, error = moments(rows, weight_of_row)
    levels = np.array([(1 - prob) / 2, (1 + prob) / 2])
    pairs = np.unique(np.stack([fitted.successes, fitted.trials]), axis=1).shape[1]
    if isinstance(rows, Betas) and pairs * len(rows.alpha) <= SOLVED:
        lower, upper = _solved(rows, weight_of_row, levels)
    else:
        lower, upper = np.quantile(
            fitted.theta, levels, axis=0, weights=weight, method="inverted_cdf"
        )
    columns = {"successes": fitted.successes, "trials": fitted.trials, "mean": mean}
    columns |= {"sd": np.sqrt(variance), "lower": lower, "upper": upper, "mcse": error}
    columns["effective_draws"] = np.full(len(mean), effective_draws(weight))
    return pd.DataFrame(columns, index=fitted.names)


def arrivals(fitted: Fitted, new_groups: NewGroups | None, seed: int) -> tuple[Fitted, np.ndarray]:
    """Returns the newcomers alone, as groups of the fit, and (draw,) weights given their data.

    Their theta is drawn from its conditional given each draw of the population.

    Raises:
        InputError: a newcomer's data or name break a rule.
        TypeError: ``new_groups`` is no mapping.

    Warns:
        FewDrawsWarning: the weights are worth few draws.
    """
    check_seed(seed)
    table = read_table(
        {"group": fitted.labels, "y": fitted.successes, "n": fitted.trials},
        successes="y",
        trials="n",
        group="group",
        new_groups=new_groups,
    )
    new = slice(len(fitted.labels), None)
    num_draws = len(fitted.theta)
    fitted = fitted._replace(
        labels=table.labels[new].astype(object),
        successes=table.successes[new],
        trials=table.trials[new],
    )
    weight = np.full(num_draws, 1 / num_draws)
    # Data of no trials weigh nothing: exactly, and not but for rounding.
    if fitted.trials.any():
        logs = log_probability(fitted, fitted.successes, fitted.trials).sum(axis=1)
        weight = weights_of(np.broadcast_to(logs, num_draws))
        warn_of_few(
            float(effective_draws(weight)),
            num_draws,
            "fit again with the newcomers' data, by new_groups= (--new-group).",
        )
    return fitted._replace(theta=draw_theta(fitted, seed)), weight


def draw_theta(fitted: Fitted, seed: int) -> np.ndarray:
    """Returns (draw, group) chances of success, drawn given each draw of the population."""
    model, num_draws = fitted.model, len(fitted.theta)
    if isinstance(model, CompletePooling):
        return np.repeat(fitted.parameters["phi"][:, None], len(fitted.labels), axis=1)
    # Not the seed's own stream: ``fit`` may have drawn from it.
    numpy_seed = np.random.SeedSequence(seed, spawn_key=(2,))
    if isinstance(model, LogitPartialPooling | CollapsedLogitPartialPooling):
        collapsed = CollapsedLogitPartialPooling(**vars(model))
        mu, sigma = fitted.parameters["mu"], fitted.parameters["sigma"]
        with scope():
            key = jax.random.fold_in(jax.random.key(seed), 2)
            counts = Counts(fitted.successes, fitted.trials)
            positions = {"log_sigma": np.log(sigma), "mu": mu}
            return thetas.theta(key, numpy_seed, collapsed, counts, positions, num_draws)
    rows = rows_of(fitted)
    assert isinstance(rows, Betas)
    alpha, beta = (np.broadcast_to(x, num_draws) for x in (rows.alpha, rows.beta))
    return betas(numpy_seed, alpha, beta, rows.successes, rows.failures)


def _solved(rows: Betas, weight: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Returns (level, group) quantiles of the weighted mixtures of Betas."""
    pairs = np.stack([rows.successes, rows.failures], axis=1)
    found, inverse = np.unique(pairs, axis=0, return_inverse=True)
    # A row of no weight changes nothing, and costs as much as others.
    heavy = weight > weight.max() * 1e-12
    weight = weight[heavy] / weight[heavy].sum()
    ends = np.empty((len(levels), len(found)))
    for column, (y, failures) in enumerate(found):
        a, b = rows.alpha[heavy] + y, rows.beta[heavy] + failures
        for row, level in enumerate(levels):
            ends[row, column] = brentq(_excess, 0, 1, args=(a, b, weight, level), xtol=1e-10)
    return ends[:, inverse.ravel()]


def _excess(x: float, a: np.ndarray, b: np.ndarray, weight: np.ndarray, level: float) -> float:
    return float(weight @ betainc(a, b, x)) - level
