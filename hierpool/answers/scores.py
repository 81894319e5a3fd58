"""Scores a fit on held-out data: log predictive density, and coverage of its intervals.

Given the population, with theta integrated out:

    p(z_i | y_i, population) = p(y_i + z_i | n_i + m_i, population) C(m_i, z_i) C(n_i, y_i)
                               / (p(y_i | n_i, population) C(n_i + m_i, y_i + z_i))

and the groups are independent. Their joint density is therefore the product over groups, averaged
over draws of the population. An average over draws of theta would be badly biased.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.by_group import ByLabel, Further, read_further
from hierpool.answers.predictions import quantiles
from hierpool.input.arguments import check_prob, check_seed, tails
from hierpool.likelihood.compress import distinct_rows, log_coefficient
from hierpool.models.protocol import BetaGroups, groups_differ
from hierpool.posterior.conditional import fit_of
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.sentences import plural
from hierpool.posterior.weights import (
    FEWEST_EFFECTIVE,
    effective_draws,
    log_probability,
    warn_of_few,
    weights_of,
)
from hierpool.runtime.answer import printed
from hierpool.runtime.tables import Table

BUDGET = 4_000_000
"""Most densities (groups times draws) that one score evaluates: about a second."""
LOGIT_COST = 20
"""Cost of an integral over normal log-odds, in units of a closed form."""
FEWEST_DRAWS = 400
"""Fewest draws that are used."""


@printed
class Score(NamedTuple):
    """Log predictive densities of held-out successes."""

    total: pd.DataFrame
    """Two rows (index ``score``): ``pointwise``, the sum over groups of log E p(z_i), and
    ``joint``, log E of the product over groups of p(z_i), where E averages over the posterior. The
    two rank models differently: only the joint score takes into account that the population moves
    all groups together. Columns:

    - ``log_density``: the log predictive density.
    - ``mcse``: its Monte Carlo standard error.
    - ``effective_draws``: effective number of equally weighted draws behind the density (for
      ``pointwise``, the smallest over groups); NaN where the answer is exact."""
    groups: pd.DataFrame
    """One row per group (index ``group``): ``successes`` and ``trials`` held out, ``log_density``,
    which is log E p(z_i), and its Monte Carlo standard error ``mcse``."""

    @property
    def sentence(self) -> str:
        """The answer: both scores."""
        pointwise, joint = self.total["log_density"]
        return f"Log predictive density: {pointwise:.2f} pointwise, {joint:.2f} jointly."

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        keep = ("log_density", "mcse")
        return [
            Table("total", "Log predictive density", self.total, keep),
            Table("groups", "Groups", self.groups, keep),
        ]


@printed
class Coverage(NamedTuple):
    """How many groups' held-out successes lie in their predictive intervals."""

    total: pd.DataFrame
    """One row (index "all"). Columns:

    - ``inside``: number of groups whose successes lie in their interval.
    - ``groups``: number of groups.
    - ``share``: ``inside`` / ``groups``.
    - ``expected_share``: the value of ``share`` to expect if the fit is right: the mean over groups
      of ``probability``. With few trials it is well above ``prob``, because the successes are whole
      numbers.
    - ``prob``: the argument ``prob``, the smallest probability that an interval has."""
    groups: pd.DataFrame
    """One row per group (index ``group``). Columns:

    - ``successes`` and ``trials``: held out.
    - ``lower``, ``upper``: ends of the predictive interval of the successes.
    - ``probability``: predictive probability of the interval, both ends included.
    - ``inside``: whether the successes lie in the interval, both ends included."""

    @property
    def sentence(self) -> str:
        """The answer: how many groups lie in their intervals, and how many should."""
        row = self.total.iloc[0]
        number, prob = plural(int(row["groups"]), "group"), f"{100 * row['prob']:g}%"
        expected = row["expected_share"] * row["groups"]
        return (
            f"{int(row['inside']):,} of {number} lie in their {prob} intervals, and "
            f"{expected:.1f} are expected to."
        )

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        keep = ("inside", "lower", "upper", "successes", "trials")
        title = f"Groups (lower and upper: {100 * self.total['prob'].iloc[0]:g}% interval)"
        return [
            Table("total", "Predictive intervals", self.total),
            Table("groups", title, self.groups, keep),
        ]


def score(tree: xr.DataTree, *, successes: ByLabel, trials: ByLabel) -> Score:
    """Returns the log predictive density of held-out successes, for each group and jointly.

    Theta is not drawn: given the population it is integrated out, for every model, and the density
    is averaged over the draws of the population. Under no pooling the answer is exact.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read. The hyperparameters are
            enough.
        successes: held-out successes: a mapping or a Series by name, or an array in the order of
            the groups. Groups may be left out.
        trials: held-out trials of the same groups.

    Returns:
        A ``Score``:

        - ``total``: a row ``pointwise``, the sum of the log densities of the groups, and a row
          ``joint``, the log density of all groups together: ``log_density``, its Monte Carlo
          standard error ``mcse``, and ``effective_draws``.
        - ``groups``: one row per group: ``successes``, ``trials``, ``log_density`` and ``mcse``.

    Raises:
        InputError: a name or a value breaks a rule, or the fit can't answer.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        FewDrawsWarning: a density rests on fewer than 100 effective draws.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> season = frame.set_index("player")
        >>> later = {"successes": season["remaining_hits"], "trials": season["remaining_at_bats"]}
        >>> print(hp.score(tree, **later).total["log_density"].round(0))
        score
        pointwise   -74.0
        joint       -73.0
        Name: log_density, dtype: float64
    """
    fitted = read_fit(tree, needs_theta=False)
    further = read_further(fitted, trials, successes)
    logs = _log_densities(fitted, further, BUDGET)
    product = logs.sum(axis=1)
    if 1 < len(logs) < len(fitted.theta) and _worth(product) < FEWEST_EFFECTIVE:
        # Few draws dominate the average, so that none may be left out.
        logs = _log_densities(fitted, further, np.inf)
        product = logs.sum(axis=1)
    top = logs.max(axis=0)
    density = np.exp(logs - top)
    mean = density.mean(axis=0)
    log_density = top + np.log(mean)
    highest = product.max()
    joint = np.exp(product - highest)
    density /= mean
    ratio = joint / joint.mean()
    # The error of a logarithm is the relative error. That of a sum of logarithms is computed from
    # the sum of the ratios, because the groups share the draws and so are correlated.
    columns = {"pointwise": density.sum(axis=1), "joint": ratio}
    effective = {"pointwise": effective_draws(density).min(), "joint": effective_draws(ratio)}
    total = pd.DataFrame(
        {
            "log_density": [log_density.sum(), highest + np.log(joint.mean())],
            "mcse": [float(fitted.error(values)) for values in columns.values()],
            "effective_draws": [
                float(value) if len(logs) > 1 else np.nan for value in effective.values()
            ],
        },
        index=pd.Index(list(columns), dtype=object, name="score"),
    )
    name, least = min(effective.items(), key=lambda item: item[1])
    warn_of_few(float(least), len(logs), f"the {name} density is imprecise; fit with more draws.")
    groups = pd.DataFrame(
        {
            "successes": further.successes,
            "trials": further.trials,
            "log_density": log_density,
            "mcse": fitted.error(density),
        },
        index=fitted.of(further.indices).names,
    )
    return Score(total, groups)


def coverage(
    tree: xr.DataTree, *, successes: ByLabel, trials: ByLabel, prob: float = 0.5, seed: int = 0
) -> Coverage:
    """Returns how many groups' held-out successes lie in their predictive intervals.

    The interval is that of ``predict``: from the quantile of (1 - prob) / 2 to that of
    (1 + prob) / 2, both ends included.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        successes: held-out successes: a mapping or a Series by name, or an array in the order of
            the groups. Groups may be left out.
        trials: held-out trials of the same groups.
        prob: probability of the equal-tailed intervals, between 0 and 1.
        seed: seed of the draws, where they are needed, as in ``predict``.

    Returns:
        A ``Coverage``:

        - ``total``: one row: the number of groups ``inside`` their interval, the number of
          ``groups``, the ``share`` inside, the ``expected_share`` if the fit is right, and
          ``prob``.
        - ``groups``: one row per group: ``successes``, ``trials``, the interval from ``lower`` to
          ``upper``, its predictive ``probability``, and whether the successes are ``inside``.

    Raises:
        InputError: a name or a value breaks a rule, or the fit can't answer.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> season = frame.set_index("player")
        >>> later = {"successes": season["remaining_hits"], "trials": season["remaining_at_bats"]}
        >>> print(hp.coverage(tree, **later, prob=0.5).total.round(2))
             inside  groups  share  expected_share  prob
        all      12      18   0.67            0.52   0.5
    """
    check_prob(prob)
    seed = check_seed(seed)
    fitted = fit_of(tree)
    further = read_further(fitted, trials, successes)
    fitted, z, m = fitted.of(further.indices), further.successes, further.trials
    weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
    levels = np.array(tails(prob))
    (lower, upper), probability = quantiles(fitted, weight, m, levels, seed)
    inside = (lower <= z) & (z <= upper)
    columns = {"successes": z, "trials": m, "lower": lower, "upper": upper}
    columns |= {"probability": probability, "inside": inside}
    total = {"inside": inside.sum(), "groups": len(z), "share": inside.mean()}
    total |= {"expected_share": probability.mean(), "prob": prob}
    return Coverage(
        pd.DataFrame(total, index=pd.Index(["all"], dtype=object)),
        pd.DataFrame(columns, index=fitted.names),
    )


def _log_densities(fitted: Fitted, further: Further, budget: float) -> np.ndarray:
    """Returns (row, group) log probabilities of the held-out successes, given the population.

    Where all draws would exceed the budget, some are left out at regular steps.
    """
    z, m = further.successes, further.trials
    of = fitted.of(further.indices)
    y, n = of.successes, of.trials
    is_integral = groups_differ(fitted.model) and not isinstance(fitted.model, BetaGroups)
    kinds, _ = distinct_rows(y, n, z, m)
    cells = len(kinds) * (LOGIT_COST if is_integral else 1)
    every = max(1, int(np.ceil(len(fitted.theta) / max(FEWEST_DRAWS, budget / cells))))
    of = of.thinned(every)
    logs = log_probability(of, y + z, n + m)
    logs -= log_probability(of, y, n)
    y, n, z, m = (x.astype(float) for x in (y, n, z, m))
    return logs + (log_coefficient(z, m) + log_coefficient(y, n) - log_coefficient(y + z, n + m))


def _worth(log_weights: np.ndarray) -> float:
    return float(effective_draws(weights_of(log_weights)))
