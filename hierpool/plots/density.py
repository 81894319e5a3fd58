"""Densities of theta, as curves: those of new groups, and that of the population itself.

A group without data is distributed as the population is, so that one function serves both.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logit
from scipy.stats import beta, gaussian_kde

from hierpool.answers.new_groups import draw_theta
from hierpool.input.arguments import tails
from hierpool.models.protocol import groups_differ
from hierpool.plots.style import Axes, FuncFormatter, Unit
from hierpool.posterior.conditional import Betas, rows_of
from hierpool.posterior.fitted import Fitted
from hierpool.posterior.weights import moments, of_rows

SIZE = 400
"""Points of a curve."""
MOST_ROWS = 1000
"""Most draws of the population whose densities are averaged."""
COPIES = 8
"""Draws of theta for each draw of the population."""
TAIL = 0.002
"""Probability that is left out at each end of a curve."""
TINY = 1e-12
"""Least distance of a curve from 0 and from 1, where a density may be infinite."""


class Curve(NamedTuple):
    """The posterior density of one theta."""

    at: np.ndarray
    """(point,) chances of success, ascending."""
    density: np.ndarray
    """(point,) its posterior mean."""
    band: np.ndarray | None
    """(2, point) ends of the interval of the density, over draws of the population; None if the
    density is known by draws of theta only."""


def curve(fitted: Fitted, weight: np.ndarray, group: int, prob: float, seed: int = 0) -> Curve:
    """Returns the posterior density of theta of a group.

    Args:
        fitted: a fit; where it lacks theta, theta is drawn.
        weight: (draw,) weights that add up to 1.
        group: index of the group.
        prob: probability of the band.
        seed: seed of the draws.
    """
    one = fitted.of(np.array([group]))
    theta = one.theta
    if not theta.size:
        # Several draws of theta for each of the population, where they differ: they cost little.
        copies = COPIES if groups_differ(fitted.model) else 1
        theta = draw_theta(fitted.of(np.full(copies, group)), seed)
    theta, of_theta = theta.T.ravel(), np.tile(weight, len(theta.T))
    ends = np.quantile(theta, (TAIL, 1 - TAIL), weights=of_theta, method="inverted_cdf")
    low, high = np.clip(ends, TINY, 1 - TINY)
    at = np.linspace(low, high, SIZE)
    rows = rows_of(one)
    if not isinstance(rows, Betas):
        return Curve(at, _smoothed(theta, of_theta, at), None)
    weight = of_rows(weight, rows)
    kept = np.arange(0, len(weight), -(-len(weight) // MOST_ROWS))
    weight = weight[kept] / weight[kept].sum()
    a, b = rows.alpha[kept] + rows.successes[0], rows.beta[kept] + rows.failures[0]
    each = beta.pdf(at, a[:, None], b[:, None])
    band = np.quantile(each, tails(prob), axis=0, weights=weight, method="inverted_cdf")
    return Curve(at, weight @ each, band)


def _smoothed(theta: np.ndarray, weight: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Returns (point,) a kernel estimate of the density of theta, made in log-odds."""
    draws = logit(np.clip(theta, TINY, 1 - TINY))
    if np.ptp(draws) == 0:
        return np.zeros_like(at)
    return gaussian_kde(draws, weights=weight)(logit(at)) / (at * (1 - at))


def population_curve(fitted: Fitted, prob: float, seed: int = 0) -> Curve:
    """Returns the posterior density of theta of a group that is not yet seen.

    Args:
        fitted: a fit.
        prob: probability of the band.
        seed: seed of the draws of theta.

    Raises:
        InputError: the model can't draw theta given the population.
    """
    unseen = fitted._replace(
        labels=fitted.labels[:1],
        successes=np.zeros(1, np.int64),
        trials=np.zeros(1, np.int64),
        theta=fitted.theta[:, :0],
    )
    weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
    return curve(unseen, weight, 0, prob, seed)


def means(fitted: Fitted) -> np.ndarray:
    """Returns (group,) posterior means of theta; theta itself may be missing."""
    rows = rows_of(fitted)
    weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
    return moments(rows, of_rows(weight, rows))[0]


def label_density(axes: Axes, unit: Unit) -> None:
    """Writes the y axis of densities of rates, per step of 1 of the unit of rates."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / unit.factor:.3g}"))
    step = "1%" if unit.name == "%" else f"1 {unit.name}"
    axes.set_ylabel(f"Density (share per {step})")


def highest(*curves: Curve) -> float:
    """Returns the height of a picture of curves, which may rise without limit near 0 and 1."""
    tops = []
    for one in curves:
        outer = one.density if one.band is None else one.band[1]
        tops.append(min(float(outer.max()), 4 * float(np.quantile(one.density, 0.75))))
    return 1.05 * max(tops)
