"""Tests whether raw rates depend on the number of trials, against exchangeability.

All models of hierpool take the groups as exchangeable. If groups with more trials have higher, or
lower, rates, shrinking all groups towards one mean misleads.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.checks import new_replicates, tail_indicators
from hierpool.input.arguments import check_prob
from hierpool.models.protocol import BetaGroups, WorthTrials, groups_differ, require
from hierpool.posterior.fitted import Fitted, read_fit

COLUMNS = [
    "correlation",
    "p_two_sided",
    "p_two_sided_mcse",
    "theta_correlation",
    "theta_correlation_mcse",
    "theta_lower",
    "theta_upper",
]


class Exchangeability(NamedTuple):
    """Whether rates go with the number of trials, and the evidence."""

    verdict: str
    """"rates go with trials", "no sign", or "not applicable"."""
    sentence: str
    """The verdict and its evidence in words."""
    table: pd.DataFrame
    """One row: ``correlation`` of raw rates with log n; ``p_two_sided``, how often replicates of
    exchangeable groups correlate as much; ``theta_correlation``, the posterior mean of the
    correlation of theta with log n over the groups, from ``theta_lower`` to ``theta_upper``; and
    Monte Carlo standard errors. theta's are NaN where all thetas are equal. All are NaN if not
    applicable."""


def exchangeability(
    tree: xr.DataTree, *, prob: float = 0.89, level: float = 0.05, seed: int = 0
) -> Exchangeability:
    """Returns whether rates go with the number of trials, so that exchangeability fails.

    The statistic is the correlation of y_i / n_i with log n_i, weighted by n_i / (n_i + kappa),
    the inverse of a rate's variance, so that the noise of small groups does not hide a trend. Its
    p-value is under groups of the same n_i with chances drawn anew from the fitted population: for
    the chances that the groups have, any trend would already be in them. kappa is its posterior
    median; under complete pooling the weight is n_i; with normal log-odds the population's variance
    on the scale of rates takes kappa's place. Groups without trials are left out.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        prob: probability of the interval of theta's correlation, equal-tailed.
        level: largest p-value that is called a sign.
        seed: of the replicates.

    Raises:
        InputError: the fit holds the hyperparameters only, or an argument breaks a rule.
        TypeError: the tree is none.
    """
    check_prob(prob)
    check_prob(level, "level")
    fitted = read_fit(tree)
    tried = fitted.trials > 0
    y, n = fitted.successes[tried], fitted.trials[tried]
    reason = ""
    if len(n) < 3:
        reason = "fewer than 3 groups have trials"
    elif (n == n[0]).all():
        reason = f"every group has the same number of trials, {n[0]}"
    if reason:
        nothing = pd.DataFrame([[np.nan] * len(COLUMNS)], columns=COLUMNS)
        return Exchangeability("not applicable", f"Not applicable: {reason}.", nothing)

    log_n, weight = np.log(n), _weight(fitted, n)
    (observed,) = _correlation((y / n)[None], log_n, weight)
    replicates = new_replicates(fitted, n, seed)
    drawn = _correlation(replicates / n, log_n, weight)
    tails = np.stack(tail_indicators(drawn, observed)).astype(float)
    smaller = tails[tails.mean(axis=1).argmin()]
    p = min(1.0, 2 * smaller.mean())
    p_mcse = 2 * float(fitted.share_error(smaller))

    theta = _correlation(fitted.theta[:, tried], log_n, np.ones(len(n)))
    mean = error = lower = upper = np.nan
    if groups_differ(fitted.model):
        mean, error = theta.mean(), float(fitted.error(theta))
        lower, upper = np.quantile(theta, [(1 - prob) / 2, (1 + prob) / 2])
    row = [observed, p, p_mcse, mean, error, lower, upper]
    table = pd.DataFrame([row], columns=COLUMNS)
    shown = f"p = {p:.3g}" if p > 0 else f"p < {2 / len(drawn):.1g}"
    evidence = f"correlation with log n {observed:.2f}, two-sided {shown} among exchangeable groups"
    if p > level:
        sentence = f"No sign that rates go with the number of trials: {evidence}."
        return Exchangeability("no sign", sentence, table)
    direction = "rise" if observed > 0 else "fall"
    sentence = (
        f"Rates {direction} with the number of trials: {evidence}. The groups are not "
        "exchangeable: fit large and small ones apart, or take a model that knows n."
    )
    return Exchangeability("rates go with trials", sentence, table)


def _weight(fitted: Fitted, n: np.ndarray) -> np.ndarray:
    """Returns (group,) inverse variances of the raw rates, up to a factor."""
    model, of = fitted.model, fitted.parameters
    if not groups_differ(model):
        return n.astype(float)
    if isinstance(model, BetaGroups):
        trials = np.add(*model.theta_prior(of))
    else:
        trials = require(model, WorthTrials).prior_trials(of)
    kappa = float(np.median(trials))
    # Capped, so that the weight is above 0; beyond the cap it is proportional to n.
    return n / (n + min(kappa, 1e15))


def _correlation(values: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Returns (draw,) weighted correlations of (draw, group) with (group,); 0 for equal values."""
    weight = weight / weight.sum()
    other = other - weight @ other
    centred = values - (values @ weight)[:, None]
    variance = np.einsum("dg,dg,g->d", centred, centred, weight)
    # If all values are equal, the variance is only rounding error.
    scale = np.sqrt(variance * (weight @ other**2))
    covariance = centred @ (weight * other)
    return np.divide(covariance, scale, out=np.zeros_like(scale), where=variance > 1e-28)
