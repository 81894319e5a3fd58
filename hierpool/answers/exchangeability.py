"""Tests whether raw rates depend on the number of trials, against exchangeability.

All models of hierpool take the groups as exchangeable. If groups with more trials have higher, or
lower, rates, shrinking all groups towards one mean misleads.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.predictive_check import new_replicates, tail_indicators
from hierpool.input.arguments import check_prob, tails
from hierpool.models.protocol import BetaGroups, WorthTrials, groups_differ, require
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.runtime.answer import printed
from hierpool.runtime.tables import Table

COLUMNS = [
    "correlation",
    "p_two_sided",
    "p_two_sided_mcse",
    "theta_correlation",
    "theta_correlation_mcse",
    "theta_lower",
    "theta_upper",
]


@printed
class Exchangeability(NamedTuple):
    """Whether raw rates depend on the number of trials, and the evidence."""

    verdict: str
    """"rates go with trials", "no sign", or "not applicable"."""
    sentence: str
    """The verdict and its evidence in one or two sentences."""
    table: pd.DataFrame
    """One row; all values are NaN if the verdict is "not applicable". Columns:

    - ``correlation``: weighted correlation of raw rates y / n with log n.
    - ``p_two_sided``: two-sided p-value of that correlation under exchangeable groups, and its
      Monte Carlo standard error ``p_two_sided_mcse``.
    - ``theta_correlation``: posterior mean of the unweighted correlation of theta with log n over
      the groups, and its Monte Carlo standard error ``theta_correlation_mcse``.
    - ``theta_lower``, ``theta_upper``: ends of the equal-tailed interval of that correlation. These
      four columns of theta are NaN if the model gives all groups the same theta."""

    def tables(self) -> list[Table]:
        """Returns the evidence as it is printed; nothing where it does not apply."""
        return [] if self.verdict == "not applicable" else [Table("table", "Evidence", self.table)]


def exchangeability(
    tree: xr.DataTree, *, prob: float = 0.89, level: float = 0.05, seed: int = 0
) -> Exchangeability:
    """Returns a test of whether raw rates depend on the number of trials.

    If they do, the groups are not exchangeable, and shrinking all of them towards one mean
    misleads. The statistic is the correlation of y_i / n_i with log n_i, weighted by
    n_i / (n_i + kappa). This is the inverse variance of a raw rate up to a factor, so that the
    noise of small groups does not hide a trend. The p-value refers to replicates with the same n_i
    whose theta is drawn anew from the fitted population; theta of the fitted groups would already
    contain the trend. Groups without trials are left out.

    kappa is its posterior median. Under no pooling it is that of the prior of theta; under a normal
    population of log-odds it follows from the variance of the population on the scale of rates;
    under complete pooling the weight is n_i.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        prob: probability of the equal-tailed interval of the correlation of theta with log n.
        level: largest p-value at which the verdict is "rates go with trials".
        seed: seed of the replicates.

    Returns:
        An ``Exchangeability``:

        - ``verdict``: "rates go with trials", "no sign", or "not applicable", where fewer than 3
          groups have trials or all have the same number of trials.
        - ``sentence``: the verdict and its evidence in words.
        - ``table``: one row: the weighted ``correlation`` of raw rates with log n, its p-value
          ``p_two_sided``, the posterior mean ``theta_correlation`` of the correlation of theta with
          log n, the interval ``theta_lower`` to ``theta_upper``, and Monte Carlo standard errors.

    Raises:
        InputError: the fit holds the hyperparameters only, or an argument breaks a rule.
        TypeError: ``tree`` is not a tree, or ``prob`` or ``level`` is not a number.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("rat-tumors")
        >>> columns = {"successes": "tumors", "trials": "rats", "group": "experiment"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> answer = hp.exchangeability(tree)
        >>> print(answer.verdict)
        rates go with trials
        >>> print(answer.table[["correlation", "theta_correlation"]].round(1))
           correlation  theta_correlation
        0          0.4                0.3
    """
    check_prob(prob)
    check_prob(level, "level")
    fitted = read_fit(tree)
    has_trials = fitted.trials > 0
    y, n = fitted.successes[has_trials], fitted.trials[has_trials]
    reason = ""
    if len(n) < 3:
        reason = "fewer than 3 groups have trials"
    elif n.min() == n.max():
        reason = f"every group has the same number of trials, {n[0]}"
    if reason:
        nothing = pd.DataFrame([[np.nan] * len(COLUMNS)], columns=COLUMNS)
        return Exchangeability("not applicable", f"Not applicable: {reason}.", nothing)

    log_n, weight = np.log(n), _weight(fitted, n)
    (observed,) = _correlation((y / n)[None], log_n, weight)
    replicates = new_replicates(fitted, n, seed)
    drawn = _correlation(replicates / n, log_n, weight)
    both = np.stack(tail_indicators(drawn, observed)).astype(float)
    smaller = both[both.mean(axis=1).argmin()]
    p = min(1.0, 2 * smaller.mean())
    p_mcse = 2 * float(fitted.share_error(smaller))

    theta = _correlation(fitted.theta[:, has_trials], log_n, np.ones(len(n)))
    mean = error = lower = upper = np.nan
    if groups_differ(fitted.model):
        mean, error = theta.mean(), float(fitted.error(theta))
        lower, upper = np.quantile(theta, tails(prob))
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
        "exchangeable: fit large and small ones apart, or use a model in which theta "
        "depends on n."
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
