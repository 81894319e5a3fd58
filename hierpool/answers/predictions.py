"""Predicts successes in further trials, of known and of new groups: a table, or draws in the tree.

Given theta the successes are binomial; given the population, beta-binomial. Their mean and sd
follow from those of theta: with E and V its posterior mean and variance, the successes z in m
trials have mean m E and variance m (E (1 - E) - V) + m^2 V.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import gammaln

from hierpool.answers.by_group import ByLabel, Further, read_further
from hierpool.answers.new_groups import draw_theta, weighted_new_groups
from hierpool.inference import memory
from hierpool.input.arguments import check_prob, check_seed, tails
from hierpool.input.labels import append_names, coordinate, find
from hierpool.input.new_groups import NewGroups, as_json
from hierpool.input.table import InputError
from hierpool.likelihood.beta_binomial import log_beta_binomial
from hierpool.models.protocol import GROUPS
from hierpool.posterior.conditional import Betas, Points, alike, fit_of, rows_of
from hierpool.posterior.fitted import Fitted
from hierpool.posterior.random import binomials, stream
from hierpool.posterior.weights import effective_draws, moments, of_rows, resampled
from hierpool.runtime.order import noted

MOST_TERMS = 3e7
"""Most probabilities that are summed for the quantiles of one table: about a second."""
FEWEST_ROWS = 1000
"""Fewest rows to sum over; where even these exceed the budget, z is drawn instead."""
BLOCK = 2**18
"""Largest number of probabilities held in memory at a time."""
MOST_DRAWS_HELD = 2**22
"""Largest number of draws of z held in memory at a time."""


class Quantiles(NamedTuple):
    """Quantiles of future successes, and the probability of the interval between them."""

    values: np.ndarray
    """(level, group) quantiles: the smallest k for which Pr(z <= k) is at least the level."""
    probability: np.ndarray
    """(group,) probability of the interval from the first to the last quantile, both included."""


def predict(
    tree: xr.DataTree,
    *,
    trials: ByLabel,
    new_groups: NewGroups | None = None,
    prob: float = 0.89,
    seed: int = 0,
) -> pd.DataFrame:
    """Returns the predictive distribution of each group's successes in further trials.

        z_i ~ Binomial(trials_i, theta_i), averaged over the posterior of theta_i

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        trials: number of further trials: one number for every group; a mapping or a Series by name,
            for the groups that it names; or an array in the order of the groups.
        new_groups: groups that were not in the fit, {name: (successes, trials)} so far, as
            ``new_groups`` takes them. All rows are then also conditional on the data of these
            groups.
        prob: probability of the equal-tailed interval from ``lower`` to ``upper``.
        seed: seed of the draws of z. They are used for the interval only where it would take too
            long to sum the probabilities of z over the posterior: for many groups, or many trials.

    Returns:
        One row per group (index ``group``). Columns:

        - ``trials``: number of further trials.
        - ``mean``, ``sd``: predictive mean and standard deviation of the successes z.
        - ``lower``, ``upper``: the smallest k with Pr(z <= k) >= (1 - prob) / 2, and the smallest
          with Pr(z <= k) >= (1 + prob) / 2: whole numbers of successes.
        - ``mcse``: Monte Carlo standard error of the mean.

    Raises:
        InputError: a name or a value breaks a rule, or the fit can't answer.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        FewDrawsWarning: the data of ``new_groups`` leave fewer than 100 effective draws.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.predict(tree, trials={"Roberto Clemente": 100, "Max Alvis": 100})
        >>> print(table[["trials", "mean", "sd"]].round(0))
                          trials  mean   sd
        group
        Roberto Clemente     100  32.0  7.0
        Max Alvis            100  22.0  6.0
    """
    check_prob(prob)
    fitted, weight = _joined(tree, new_groups, seed, needs_theta=False)
    further = _read_trials(fitted, trials, new_groups)
    fitted, m = fitted.of(further.indices), further.trials
    rows = rows_of(fitted)
    mean, variance, error = moments(rows, of_rows(weight, rows))
    spread = m * (mean * (1 - mean) - variance) + m.astype(float) ** 2 * variance
    levels = np.array(tails(prob))
    lower, upper = quantiles(fitted, weight, m, levels, seed).values
    columns = {"trials": m, "mean": m * mean, "sd": np.sqrt(spread)}
    columns |= {"lower": lower, "upper": upper, "mcse": m * error}
    new = list(map(str, as_json(new_groups))) or None
    return noted(pd.DataFrame(columns, index=fitted.names), prob=prob, new_groups=new)


def add_predictions(
    tree: xr.DataTree,
    *,
    trials: ByLabel,
    new_groups: NewGroups | None = None,
    seed: int = 0,
) -> xr.DataTree:
    """Returns a copy of the tree with draws of successes in further trials, in ArviZ's groups.

    ``predictions`` holds ``y`` (chain, draw, groups), the successes, and
    ``predictions_constant_data`` holds ``n`` (groups), the trials; both carry the names of the
    groups. Each draw of ``y`` is given theta of the same posterior draw, so statements about
    several groups, or about theta too, are joint.

    The data of new groups weight the draws. The posterior draws are then resampled, in order, in
    proportion to their weights, so that draws of ``predictions`` no longer match those of
    ``posterior`` one by one.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read. It is not changed.
        trials: number of further trials, as ``predict`` takes them.
        new_groups: groups that were not in the fit, {name: (successes, trials)} so far.
        seed: seed of the draws.

    Returns:
        The tree with the two further groups. The attributes of ``predictions`` are ``seed``,
        ``new_groups`` (as JSON) and ``effective_draws``, the effective number of equally weighted
        draws.

    Raises:
        InputError: a name or a value breaks a rule, the fit can't answer, or the draws would not
            fit in memory.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        FewDrawsWarning: the data of ``new_groups`` leave fewer than 100 effective draws.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> predicted = hp.add_predictions(tree, trials=100)
        >>> print(predicted["predictions"]["y"].shape)
        (4, 1000, 18)
    """
    # Only arviz_base: importing arviz itself would also load its plotting.
    from arviz_base import from_dict

    fitted, weight = _joined(tree, new_groups, seed, needs_theta=True)
    further = _read_trials(fitted, trials, new_groups)
    _require_room(len(further.indices), len(weight))
    z = _draws(fitted.of(further.indices), weight, further.trials, seed)
    added = from_dict(
        {
            "predictions": {"y": z.reshape(fitted.num_chains, -1, z.shape[1])},
            "predictions_constant_data": {"n": further.trials},
        },
        pred_coords={GROUPS: coordinate(fitted.of(further.indices).labels)},
        pred_dims={"y": [GROUPS], "n": [GROUPS]},
    )
    added["predictions"].attrs |= {
        "seed": seed,
        "new_groups": json.dumps(as_json(new_groups)),
        "effective_draws": float(effective_draws(weight)),
    }
    whole = tree.copy()
    for name, group in added.children.items():
        whole[name] = group
    return whole


def quantiles(
    fitted: Fitted, weight: np.ndarray, trials: np.ndarray, levels: np.ndarray, seed: int
) -> Quantiles:
    """Returns quantiles of the successes in further trials, and the probability between them.

    Args:
        fitted: a fit.
        weight: (draw,) weights that add up to 1.
        trials: (group,) future trials.
        levels: (level,) probabilities of the quantiles.
        seed: seed of the draws of z, where they are needed.
    """
    rows = rows_of(fitted)
    weight_of_row = of_rows(weight, rows)
    groups = alike(fitted, trials)
    terms = len(weight_of_row) * float(np.sum(trials[groups.first] + 1.0))
    every = max(1, int(np.ceil(terms / MOST_TERMS)))
    if every > 1 and len(weight_of_row) < FEWEST_ROWS * every:
        return _drawn_quantiles(fitted, weight, trials, levels, seed)
    if every > 1:
        rows, weight_of_row = rows_of(fitted.thinned(every)), weight_of_row[fitted.kept(every)]
    ends, probability = (
        np.empty((len(levels), len(groups.first)), np.int64),
        np.empty(len(groups.first)),
    )
    for column, index in enumerate(groups.first):
        each = _probabilities(rows, weight_of_row, index, int(trials[index]))
        below = np.cumsum(each)
        at = np.searchsorted(below, levels * below[-1])
        ends[:, column] = at
        probability[column] = each[at[0] : at[-1] + 1].sum() / below[-1]
    return Quantiles(ends[:, groups.inverse], probability[groups.inverse])


def _probabilities(rows: Betas | Points, weight: np.ndarray, group: int, trials: int) -> np.ndarray:
    """Returns (trials + 1,) probabilities of 0, 1, ... successes, averaged over rows by weight."""
    total = np.zeros(trials + 1)
    z = np.arange(trials + 1)
    height = max(1, BLOCK // (trials + 1))
    for start in range(0, len(weight), height):
        some = slice(start, start + height)
        if isinstance(rows, Betas):
            a = rows.alpha[some] + rows.successes[group]
            b = rows.beta[some] + rows.failures[group]
            logs = log_beta_binomial(a, b, trials)
        else:
            # Kept away from 0 and 1, where 0 * log(0) would be NaN.
            theta = np.clip(rows.theta[some, group], 1e-300, 1 - 1e-16)[:, None]
            logs = z * np.log(theta) + z[::-1] * np.log1p(-theta)
            logs += gammaln(trials + 1) - gammaln(z + 1) - gammaln(z[::-1] + 1)
        total += weight[some] @ np.exp(logs)
    return total


def _drawn_quantiles(
    fitted: Fitted, weight: np.ndarray, trials: np.ndarray, levels: np.ndarray, seed: int
) -> Quantiles:
    """Returns quantiles of draws of the successes, and the share of draws between them.

    The groups are drawn in parts, which bounds the memory.
    """
    width = max(1, MOST_DRAWS_HELD // len(weight))
    ends, probability = np.empty((len(levels), len(trials))), np.empty(len(trials))
    for part, start in enumerate(range(0, len(trials), width)):
        some = np.arange(start, min(start + width, len(trials)))
        z = _draws(fitted.of(some), weight, trials[some], seed, part)
        at = np.quantile(z, levels, axis=0, method="inverted_cdf")
        ends[:, some] = at
        probability[some] = np.mean((at[0] <= z) & (z <= at[-1]), axis=0)
    return Quantiles(ends, probability)


def _draws(
    fitted: Fitted, weight: np.ndarray, trials: np.ndarray, seed: int, part: int = 0
) -> np.ndarray:
    """Returns (draw, group) successes in further trials, as draws of equal weight."""
    theta = fitted.theta
    if theta.shape[1] < len(trials):
        theta = draw_theta(fitted, seed, part)
    if weight.min() < weight.max():
        # Every part takes the same posterior draws, so that predictions of all groups stay joint.
        theta = theta[resampled(weight, np.random.default_rng(stream(seed, "weights")))]
    return binomials(stream(seed, "predictions", part), trials, theta)


def _read_trials(fitted: Fitted, trials: ByLabel, new_groups: NewGroups | None) -> Further:
    further = read_further(fitted, trials)
    for index in find(fitted.labels, list(new_groups or {})):
        if index not in further.indices:
            raise InputError(
                f"trials has no entry for the new group {str(fitted.labels[index])!r}: give its "
                "number of further trials, or leave it out of new_groups."
            )
    return further


def _joined(
    tree: xr.DataTree, new_groups: NewGroups | None, seed: int, *, needs_theta: bool
) -> tuple[Fitted, np.ndarray]:
    """Returns a fit with new groups among its groups, and (draw,) weights given their data.

    Theta of the new groups is drawn if it is needed, or if the model gives theta only by draws.
    """
    seed = check_seed(seed)
    fitted = fit_of(tree)
    num_draws = len(fitted.theta)
    if not new_groups:
        return fitted, np.full(num_draws, 1 / num_draws)
    new, weight = weighted_new_groups(fitted, new_groups)
    joined = fitted._replace(
        labels=append_names(fitted.labels, new.labels.tolist()),
        successes=np.append(fitted.successes, new.successes),
        trials=np.append(fitted.trials, new.trials),
    )
    theta = fitted.theta[:, :0]
    if fitted.theta.shape[1] and (needs_theta or isinstance(rows_of(fitted), Points)):
        _require_room(len(joined.labels), num_draws)
        theta = np.concatenate([fitted.theta, draw_theta(new, seed)], axis=1)
    return joined._replace(theta=theta), weight


def _require_room(num_groups: int, num_draws: int) -> None:
    """Raises ``InputError`` if theta and its predictions do not fit in memory."""
    # theta, z, and a temporary copy of each.
    needed = 4 * memory.NUMBER * num_groups * num_draws
    memory.require(needed, num_groups, num_draws, "ask for fewer groups at a time.")
