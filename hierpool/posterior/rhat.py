"""R-hat of many quantities at once, and the limits that it exceeds only with small probability.

R-hat compares the means of M half chains of n draws each. If the chains agree,

    (R-hat^2 - 1 + 1 / n) N (M - 1) / M ~ chi-squared with M - 1 degrees of freedom

where N is the number of effective draws within the half chains, whose means then differ by Monte
Carlo error only. So no single threshold suits all fits: among thousands of quantities with a
thousand effective draws each, the largest R-hat is above 1.01 although nothing is wrong; with ten
thousand effective draws, Monte Carlo error can hardly explain 1.005. The limit used here is a
quantile of this law. The probability of exceeding it is small, and divided among all quantities
(Bonferroni).

Disagreement between chains must not reduce N, since that would raise the limit: each half chain is
centred at its own mean before N is estimated.

Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), "Rank-Normalization, Folding, and
Localization: An Improved R-hat"; Gelman and Rubin (1992), "Inference from Iterative Simulation
Using Multiple Sequences", for the law.
"""

from typing import NamedTuple

import numpy as np

HARMLESS = 1.002
"""R-hat below this always passes, whatever the number of draws: the means of the half chains then
differ by a sixteenth of a posterior sd. With a much larger value a chain that is wrong by .3 sds
might pass."""


class Rhat(NamedTuple):
    """R-hat of each quantity, and its limit."""

    rhat: np.ndarray
    """(quantity,) the larger of two R-hats: of the ranks, and of the ranks of the distances from
    the median. So chains must agree in location and in spread. NaN for a constant quantity."""
    judged: np.ndarray
    """(quantity,) the one of the two that is nearer to its limit or further beyond it."""
    limit: np.ndarray
    """(quantity,) the limit of ``judged``, which passes only if it is below."""


def rhat(draws: np.ndarray, *, false_alarms: float, cap: float) -> Rhat:
    """Returns R-hat of each quantity, and its limit.

    Args:
        draws: (chain, draw, quantity); a quantity with a draw that is not finite must be all NaN.
        false_alarms: probability that chains that agree exceed any of the limits.
        cap: largest limit.
    """
    num_chains, num_draws, num_quantities = draws.shape
    if num_chains == 1 or num_draws < 4:
        nothing = np.full(num_quantities, np.nan)
        return Rhat(nothing, nothing, nothing)
    half = num_draws // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]])
    distances = np.abs(halves - np.median(halves, axis=(0, 1)))
    share = false_alarms / (2 * num_quantities)
    middle, limit = _limited(halves, share, cap)
    spread, spread_limit = _limited(distances, share, cap)
    is_spread = spread - spread_limit > middle - limit
    return Rhat(
        np.maximum(middle, spread),
        np.where(is_spread, spread, middle),
        np.where(is_spread, spread_limit, limit),
    )


def _limited(values: np.ndarray, share: float, cap: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (quantity,) R-hat of the ranks of values (half, draw, quantity), and its limit."""
    # Imported late: the sampler needs neither ArviZ nor scipy.stats.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]
    from scipy.stats import chi2

    num_halves, num_draws, _ = values.shape
    scores = _normal_scores(values)
    means = scores.mean(axis=1)
    within = scores.var(axis=1, ddof=1).mean(axis=0)
    # A quantity that does not move gives 0 / 0, which is NaN here, and no warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.sqrt(1 - 1 / num_draws + means.var(axis=0, ddof=1) / within)
    limit = np.full(found.shape, HARMLESS)
    worst = chi2.isf(share, num_halves - 1) * num_halves / (num_halves - 1)
    for i in np.flatnonzero(found >= HARMLESS):
        centred = scores[..., i] - means[:, i, None]
        effective = float(array_stats.ess(centred, method="identity"))
        limit[i] = np.clip(np.sqrt(1 - 1 / num_draws + worst / effective), HARMLESS, cap)
    return found, limit


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Returns normal scores: normal quantiles of each quantity's ranks (Blom, 1958)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    rows = values.reshape(-1, values.shape[-1])
    return ndtri((rankdata(rows, axis=0) - 0.375) / (len(rows) + 0.25)).reshape(values.shape)
