"""The posterior of groups that come after the fit, with or without data, without a new fit.

Each draw of the population is weighted by the probability of the new groups' data, with theta
integrated out. Given a draw, theta of a new group has the same conditional distribution as theta of
any other group.
"""

import jax
import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import brentq
from scipy.special import betainc, digamma, polygamma

from hierpool.counts import Counts
from hierpool.input.arguments import check_prob, check_seed, tails
from hierpool.input.new_groups import NewGroups, read_new_groups
from hierpool.input.table import InputError
from hierpool.likelihood.compress import distinct_rows
from hierpool.models.protocol import (
    BetaGroups,
    Collapsible,
    DrawsTheta,
    Unconstrainable,
    groups_differ,
    require,
)
from hierpool.posterior import theta as thetas
from hierpool.posterior.conditional import Betas, rows_of
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.random import betas, stream
from hierpool.posterior.weights import (
    effective_draws,
    log_probability_of_all,
    moments,
    of_rows,
    warn_of_few,
    weights_of,
)
from hierpool.runtime.jax_settings import scope

SOLVED = 400_000
"""Most Betas (distinct new groups times rows) for which intervals are solved: about a second."""
BLOCK = 2**20
"""Largest number of draws of theta held in memory at a time."""
LOWEST, HIGHEST = -744.4, 40.0
"""Log-odds beyond which a probability is below the smallest double, or rounds to 1."""


def new_groups(
    tree: xr.DataTree, new_groups: NewGroups, *, prob: float = 0.89, seed: int = 0
) -> pd.DataFrame:
    """Returns the posterior of theta for groups that were not in the fit, without a new fit.

        weight of a draw ~ product over new groups j of p(y_j | n_j, population of the draw)
        theta_j | draw ~ Beta(phi kappa + y_j, (1 - phi) kappa + n_j - y_j), independently

    or, under a normal population of log-odds, the corresponding conditional. All new groups of a
    call weight the draws together, so each also learns from the others, and the answer estimates
    the same posterior as ``fit(..., new_groups=)``. To let a new group learn from the fit alone,
    call the function for it separately. A new group with data (0, 0) leaves the weights unchanged.
    Under no pooling nothing is learnt from the fit, and the answer is exact; under complete pooling
    theta_j is phi.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        new_groups: (successes, trials) so far by name: ``{"rookie": (0, 4), "unseen": (0, 0)}``.
        prob: probability of the equal-tailed interval from ``lower`` to ``upper``.
        seed: seed of the draws of theta. They are used for the interval only where it is not solved
            from the mixture of Betas: for normal log-odds, complete pooling, and very many
            new groups.

    Returns:
        One row per new group (index ``group``). Columns:

        - ``successes``, ``trials``: its data so far.
        - ``mean``, ``sd``: posterior mean and standard deviation of theta.
        - ``lower``, ``upper``: ends of the interval of theta.
        - ``mcse``: Monte Carlo standard error of the mean.
        - ``effective_draws``: effective number of equally weighted draws, the same in every row.

    Raises:
        InputError: the data or the name of a new group break a rule, there is no new group, or the
            fit can't answer.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.
        FewDrawsWarning: the weights are worth fewer than 100 draws, because the data of the
            new groups move the population to where the fit has few draws. Fit again with
            ``new_groups=``.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.new_groups(tree, {"rookie": (0, 4), "unseen": (0, 0)})
        >>> print(table[["successes", "trials", "mean", "sd"]].round(2))
                successes  trials  mean    sd
        group
        rookie          0       4  0.25  0.06
        unseen          0       0  0.27  0.06
    """
    check_prob(prob)
    seed = check_seed(seed)
    of_fit = read_fit(tree, needs_theta=False)
    warn_of_contradiction(of_fit.successes, of_fit.trials, of_fit.parameters)
    fitted, weight = weighted_new_groups(of_fit, new_groups)
    num_groups = len(fitted.labels)
    if not num_groups:
        raise InputError('new_groups is empty: name at least one, as {"rookie": (0, 4)}.')
    levels = np.array(tails(prob))
    rows = rows_of(fitted)
    is_solved = isinstance(rows, Betas) and _num_pairs(fitted) * rows.num_rows <= SOLVED
    parts = []
    width = num_groups if is_solved else max(1, BLOCK // len(weight))
    for part, start in enumerate(range(0, num_groups, width)):
        some = fitted.of(np.arange(start, min(start + width, num_groups)))
        if not is_solved:
            some = some._replace(theta=draw_theta(some, seed, part))
        parts.append(_described(some, weight, levels))
    return pd.concat(parts).assign(effective_draws=effective_draws(weight))


def _described(fitted: Fitted, weight: np.ndarray, levels: np.ndarray) -> pd.DataFrame:
    """Returns the table of the new groups; intervals are solved where theta was not drawn."""
    rows = rows_of(fitted)
    weight_of_row = of_rows(weight, rows)
    mean, variance, error = moments(rows, weight_of_row)
    if isinstance(rows, Betas) and not fitted.theta.shape[1]:
        lower, upper = _solved(rows, weight_of_row, levels)
    else:
        lower, upper = np.quantile(
            fitted.theta, levels, axis=0, weights=weight, method="inverted_cdf"
        )
    columns = {"successes": fitted.successes, "trials": fitted.trials, "mean": mean}
    columns |= {"sd": np.sqrt(variance), "lower": lower, "upper": upper, "mcse": error}
    return pd.DataFrame(columns, index=fitted.names)


def _num_pairs(fitted: Fitted) -> int:
    return len(distinct_rows(fitted.successes, fitted.trials)[0])


def weighted_new_groups(fitted: Fitted, new_groups: NewGroups | None) -> tuple[Fitted, np.ndarray]:
    """Returns the new groups alone, as groups of the fit, and (draw,) weights given their data.

    Theta of the new groups is not drawn yet: ``draw_theta`` draws it.

    Raises:
        InputError: a new group's data or name break a rule.
        TypeError: ``new_groups`` is not a mapping.

    Warns:
        FewDrawsWarning: the weights rest on few effective draws.
    """
    new = read_new_groups(new_groups, fitted.labels)
    num_draws = len(fitted.theta)
    fitted = fitted._replace(
        labels=np.asarray(pd.Index(new.names), dtype=object),
        successes=new.successes,
        trials=new.trials,
        theta=fitted.theta[:, :0],
    )
    weight = np.full(num_draws, 1 / num_draws)
    # Without trials the weights are exactly equal, not only up to rounding.
    if fitted.trials.any():
        logs = log_probability_of_all(fitted, fitted.successes, fitted.trials)
        weight = weights_of(logs)
        warn_of_few(
            float(effective_draws(weight)),
            num_draws,
            "fit again with the new groups' data, by new_groups= (--new-group).",
        )
    return fitted, weight


def draw_theta(fitted: Fitted, seed: int, part: int = 0) -> np.ndarray:
    """Returns (draw, group) theta, drawn from its conditional given each draw of the population.

    Args:
        fitted: a fit.
        seed: seed of the draws.
        part: index of this part of the groups, where they are drawn in several parts.
    """
    model, num_draws = fitted.model, len(fitted.theta)
    numpy_seed = stream(seed, "theta", part)
    if not groups_differ(model):
        rng = np.random.default_rng(numpy_seed)
        return require(model, DrawsTheta).draw_theta_prior(
            rng, fitted.parameters, len(fitted.labels)
        )
    if not isinstance(model, BetaGroups):
        collapsed = require(require(model, Collapsible).collapsed(), Unconstrainable)
        with scope():
            # A derived key, because ``fit`` already splits the seed's own key.
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 2), part)
            counts = Counts(fitted.successes, fitted.trials)
            positions = collapsed.unconstrain(fitted.parameters)
            return thetas.theta(key, numpy_seed, collapsed, counts, positions, num_draws)
    rows = rows_of(fitted)
    assert isinstance(rows, Betas)
    alpha, beta = (np.broadcast_to(x, num_draws) for x in (rows.alpha, rows.beta))
    return betas(numpy_seed, alpha, beta, rows.successes, rows.failures)


def _solved(rows: Betas, weight: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Returns (level, group) quantiles of the weighted mixtures of Betas."""
    first, inverse = distinct_rows(rows.successes, rows.failures)
    # Rows of negligible weight are left out: they change nothing, and cost as much as others.
    heavy = weight > weight.max() * 1e-12
    weight = weight[heavy] / weight[heavy].sum()
    ends = np.empty((len(levels), len(first)))
    for column, group in enumerate(first):
        a = rows.alpha[heavy] + rows.successes[group]
        b = rows.beta[heavy] + rows.failures[group]
        low, high = _brackets(a, b, weight, levels)
        for row, level in enumerate(levels):
            ends[row, column] = _quantile(a, b, weight, level, low[row], high[row])
    return ends[:, inverse]


def _brackets(
    a: np.ndarray, b: np.ndarray, weight: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (level,) lower and upper bounds, in log-odds, of quantiles of a mixture of Betas.

    By Cantelli's inequality, from the mean and the sd of the log-odds.
    """
    centre = digamma(a) - digamma(b)
    mean = weight @ centre
    with np.errstate(over="ignore"):
        sd = np.sqrt(weight @ (polygamma(1, a) + polygamma(1, b) + (centre - mean) ** 2))
    low, high = mean - sd * np.sqrt(1 / levels - 1), mean + sd * np.sqrt(1 / (1 / levels - 1))
    # Widened a little, so that a bracket whose sd is 0 has a width.
    low, high = low - 1e-6 * (1 + np.abs(low)), high + 1e-6 * (1 + np.abs(high))
    return np.clip(low, LOWEST, HIGHEST), np.clip(high, LOWEST, HIGHEST)


def _quantile(
    a: np.ndarray, b: np.ndarray, weight: np.ndarray, level: float, low: float, high: float
) -> float:
    """Returns a quantile of a mixture of Betas, to a relative error of 1e-10 from both 0 and 1.

    It is 0 where it is below the smallest double, and 1 where it rounds to 1.
    """
    if _cdf_minus_level(low, a, b, weight, level) >= 0:
        return 0.0
    if _cdf_minus_level(high, a, b, weight, level) <= 0:
        return 1.0
    found = brentq(_cdf_minus_level, low, high, args=(a, b, weight, level), xtol=1e-10)
    return _probability(found)


def _cdf_minus_level(
    log_odds: float, a: np.ndarray, b: np.ndarray, weight: np.ndarray, level: float
) -> float:
    # On each side of 0.5 the smaller of theta and 1 - theta is used: it has not lost digits.
    if log_odds < 0:
        return float(weight @ betainc(a, b, _probability(log_odds))) - level
    return 1 - level - float(weight @ betainc(b, a, _probability(-log_odds)))


def _probability(log_odds: float) -> float:
    """Returns the probability of log-odds, down to the smallest double (SciPy: 0 below -710)."""
    return float(np.exp(-np.logaddexp(0, -log_odds)))
