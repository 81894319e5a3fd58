"""The funnel: raw rates against trials, and where the rate of a new group would lie.

Source: Spiegelhalter (2005), "Funnel plots for comparing institutional performance", Statistics in
Medicine 24, whose limits for groups that differ are approximations; these are exact.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from hierpool.answers.new_rates import NewRate, new_rate, new_rate_of_point
from hierpool.inference.results import Estimate
from hierpool.input.errors import InputError
from hierpool.input.labels import texts
from hierpool.plots.labels import place_names
from hierpool.plots.rates import check_choice, find_names
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    WARM,
    Axes,
    axes_for,
    count_axis,
    count_cells,
    legend_above,
    styled,
    unit_of,
)
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import Fitted, read_fit

LEVELS = np.array([0.001, 0.025, 0.975, 0.999])
"""Ends of the limits, of 99.8% and of 95%."""
SMALL = 20
"""Numbers of trials up to which a limit is computed for each; above it, for some."""
NUM_SIZES = 40
"""How many of these, in equal ratios."""
DECADES = 30.0
"""Ratio of the most to the least trials from which on the axis of trials is logarithmic."""
MOST_POINTS = 5000
"""Most groups that have a dot each; more are counted in cells."""
MOST_NAMED = 20
"""Most groups that are named without being asked for."""
MOST_NAMED_OF_MANY = 5
"""Most of them beside cells, whose outliers stand close together."""


class Funnel(NamedTuple):
    """What a funnel shows."""

    fitted: Fitted
    """The groups that have trials."""
    sizes: np.ndarray
    """(size,) numbers of trials at which the limits are computed."""
    limits: np.ndarray
    """(4, size) limits of a new group's rate, the lowest first."""
    binomial: np.ndarray
    """(4, size) binomial limits, as if all groups had the pooled rate."""
    centre: float
    """Predictive mean of a new group's rate."""
    pooled: float
    """The rate of all trials together."""
    is_outside: np.ndarray
    """(group,) whether the rate is outside the limits of 99.8%."""


def plot_funnel(
    fit: xr.DataTree,
    *,
    groups: Iterable[Any] | None = None,
    top: int | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Returns a picture of raw rates against trials, and of the limits of a new group's rate.

        theta ~ population, averaged over the posterior of its parameters
        y ~ Binomial(n, theta): the limits of y / n for each number of trials n

    A new group of the same population is between the inner solid lines with probability 95%, and
    between the outer ones with 99.8%. Groups outside these are diamonds with their names. The
    dashed lines are binomial limits around the pooled rate, as if all groups had the same chance of
    success: where groups differ, they are too narrow for many trials.

    Counts are discrete, and the limits are mid-quantiles of the count: a group with y of n is above
    the upper limit of 99.8% if P(Y > y) + P(Y = y) / 2 is below 0.1%, and likewise below the lower.
    The probabilities are exact given the draws of a Beta population; of another population, theta
    of the new group is drawn. More than 5,000 groups are counted in cells.

    Args:
        fit: a fit: the tree that ``fit`` returned or ``load`` read. It need not hold theta.
        groups: names of the groups to name, in place of those outside the limits.
        top: most groups outside the limits to name, the furthest first; by default 20, or 5 beside
            cells. A name that finds no room is left out.
        axes: axes to draw into, best of a figure whose layout is "constrained"; by default those
            of a new figure.

    Returns:
        The axes.

    Raises:
        InputError: the model has no population, no group has trials, a group is unknown, ``top`` is
            below 1, ``groups`` and ``top`` are both given, or ``fit`` is an estimate.
        TypeError: ``fit`` is not a tree.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("surgical-mortality")
        >>> columns = {"successes": "deaths", "trials": "operations", "group": "hospital"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> axes = hp.plot_funnel(tree)
        >>> print(axes.get_xlabel(), "|", axes.get_ylabel())
        Trials | Raw rate (%)
    """
    if isinstance(fit, Estimate):
        raise InputError(
            "A funnel needs draws of the population, and an estimate has none: pass a fit, as by "
            "inference='quadrature', hyperparameters_only=True."
        )
    top = check_choice(groups, top)
    fitted = read_fit(fit, needs_theta=False)
    new = new_rate(fitted)
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    chosen = None if groups is None else find_names(fitted.labels, groups)
    (known,) = np.nonzero(fitted.trials > 0)
    if not len(known):
        raise InputError("No group has trials, so that none has a raw rate to show.")
    named = None if chosen is None else np.searchsorted(known, np.intersect1d(chosen, known))
    unseen = len(fitted.trials) - len(known)
    return _drawn(_funnel(fitted.of(known), new), named, top, unseen, axes)


def _funnel(fitted: Fitted, new: NewRate) -> Funnel:
    """Returns the limits, and which groups are outside them."""
    least, most = int(fitted.trials.min()), int(fitted.trials.max())
    first = max(1, int(least / 1.15)) if most / least > DECADES else 1
    last = most + max(1, most // 10)
    large = np.geomspace(first, last, NUM_SIZES).round().astype(int)
    small = np.arange(first, min(last, SMALL) + 1)
    sizes = np.unique(np.append(small, large))
    limits = new.limits(sizes, LEVELS)
    pooled = float(fitted.successes.sum() / fitted.trials.sum())
    binomial = new_rate_of_point(pooled).limits(sizes, LEVELS)
    return Funnel(
        fitted, sizes, limits, binomial, new.mean, pooled, _outside(fitted, new, sizes, limits)
    )


def _outside(fitted: Fitted, new: NewRate, sizes: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Returns (group,) whether groups are outside the outermost limits."""
    y, n = fitted.successes, fitted.trials
    low, high = (np.interp(np.log(n), np.log(sizes), ends) * n for ends in limits[[0, -1]])
    outside = (y < low) | (y > high)
    # Between the sizes the limits are near, and who is near them is computed.
    (near,) = np.nonzero(np.minimum(np.abs(y - low), np.abs(y - high)) < 1 + 0.01 * np.sqrt(n))
    pairs, inverse = np.unique(np.stack([y[near], n[near]]), axis=1, return_inverse=True)
    middle = new.middle(*pairs)[inverse.ravel()]
    outside[near] = (middle < LEVELS[0]) | (middle > LEVELS[-1])
    return outside


@styled
def _drawn(
    funnel: Funnel, named: np.ndarray | None, top: int | None, unseen: int, axes: Axes | None
) -> Axes:
    axes = axes_for(axes, 7.0, 5.0)
    n, rate = funnel.fitted.trials, funnel.fitted.rate
    is_log = n.max() / n.min() > DECADES
    if is_log:
        axes.set_xscale("log")
    # All groups, and the limits where they are narrowest.
    shown = np.append(rate, funnel.limits[:, -1])
    low, high = shown.min(), shown.max()
    margin = 0.05 * (high - low)
    axes.set_ylim(max(low - margin, -0.03 * high), min(high + margin, 1.03))
    unit = unit_of(rate)
    _lines(axes, funnel)
    is_dense = len(n) > MOST_POINTS
    if is_dense:
        where = np.log10(n) if is_log else n
        bottom, above = axes.get_ylim()
        extent = (where.min(), where.max() + 1e-9, bottom, above)
        count_cells(axes, n, rate, extent, is_log=is_log)
    else:
        inside = ~funnel.is_outside
        axes.plot(
            n[inside], rate[inside], "o", ms=4 if len(n) < 500 else 2.5, mfc="white", mec=INK,
            mew=0.8, ls="none", zorder=4, clip_on=False,
        )  # fmt: skip
    outside = np.flatnonzero(funnel.is_outside)
    if top is None:
        top = MOST_NAMED_OF_MANY if is_dense else MOST_NAMED
    if len(outside):
        size = 5 if len(outside) < 50 else 2.5
        axes.plot(
            n[outside], rate[outside], "D", ms=size, color=WARM, ls="none",
            label=f"outside 99.8%: {len(outside):,} of {len(n):,}", zorder=5, clip_on=False,
        )  # fmt: skip
    axes.set_xlim(*funnel.sizes[[0, -1]])
    count_axis(axes.xaxis, f"Trials; {unseen:,} without any left out" if unseen else "Trials")
    unit.mark(axes.yaxis, "Raw rate")
    legend_above(axes, columns=3 if len(outside) else 2)
    if named is None:
        # The furthest outside first, in units of the distance of the limit.
        ends = [
            np.interp(np.log(n[outside]), np.log(funnel.sizes), funnel.limits[i]) for i in (0, -1)
        ]
        gap = rate[outside] - funnel.centre
        reach = np.where(gap < 0, funnel.centre - ends[0], ends[1] - funnel.centre)
        named = outside[np.argsort(-np.abs(gap) / np.maximum(reach, 1e-12), kind="stable")][:top]
    if len(named):
        marks = np.column_stack([n, rate])
        names = texts(funnel.fitted.labels[named])
        place_names(axes, n[named], rate[named], names, np.concatenate([marks[outside], marks]))
    return axes


def _lines(axes: Axes, funnel: Funnel) -> None:
    """Draws the limits and the centre."""
    sizes, limits, binomial = funnel.sizes, funnel.limits, funnel.binomial
    axes.fill_between(sizes, limits[0], limits[3], color=FAINT, alpha=0.35, lw=0, zorder=0)
    axes.fill_between(sizes, limits[1], limits[2], color=FAINT, alpha=0.6, lw=0, zorder=0)
    for rows, thickness, name in (([0, 3], 1.5, "99.8%"), ([1, 2], 0.8, "95%")):
        axes.plot(
            sizes, limits[rows[0]], color=ACCENT, lw=thickness, label=f"new group {name}", zorder=3
        )
        axes.plot(sizes, limits[rows[1]], color=ACCENT, lw=thickness, zorder=3)
    for rows, thickness, name in (([0, 3], 1.1, "99.8%"), ([1, 2], 0.7, "95%")):
        dashes: Any = {"color": QUIET, "lw": thickness, "dashes": (4, 2.5), "zorder": 3}
        axes.plot(sizes, binomial[rows[0]], label=f"binomial {name}", **dashes)
        axes.plot(sizes, binomial[rows[1]], **dashes)
    axes.axhline(funnel.centre, color=INK, lw=0.9, zorder=1)
    text = unit_of(funnel.fitted.rate).text(funnel.centre)
    axes.annotate(
        f"new group,\nmean {text}", (1, funnel.centre), xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5, annotation_clip=False,
    )  # fmt: skip
