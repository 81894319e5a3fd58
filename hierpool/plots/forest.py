"""The forest: each group's raw rate, its estimate, and the intervals of the estimate.

Up to 60 groups stand in one row each; of more, the highest and the lowest, with a gap between them;
from 1,000 on all of them, as bands.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from hierpool.inference.results import Estimate
from hierpool.input.errors import InputError
from hierpool.plots.rates import Rates, check_choice, find_names, read_rates
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    Axes,
    axes_for,
    label_line,
    legend_above,
    name_rows,
    styled,
    unit_of,
    width_of,
)

MOST_ROWS = 60
"""Most groups that all have a row, where neither ``top`` nor ``groups`` is given."""
MOST_NAMED = 400
"""Most groups that can have a row: a picture of more rows is too high for most programs."""
AT_EACH_END = 20
"""Groups shown at each end, where not all have a row."""
BANDS_FROM = 1000
"""Fewest groups that are shown as bands, without names."""
MOST_BINS = 400
"""Most steps of a band; each is the mean of neighbouring groups."""
MOST_DOTS = 4000
"""Most raw rates beside the bands."""
SORTS: dict[str, Callable[[Rates], np.ndarray]] = {
    "mean": lambda rates: -rates.mean,
    "rate": lambda rates: -rates.rate,
    "trials": lambda rates: -rates.trials,
    "given": lambda rates: np.arange(len(rates.mean)),
}
"""Orders of the groups, by what is sorted from small to large; NaN comes last."""


def plot_forest(
    fit: xr.DataTree | Estimate,
    *,
    groups: Iterable[Any] | None = None,
    top: int | None = None,
    sort: str = "mean",
    prob: float = 0.89,
    axes: Axes | None = None,
) -> Axes:
    """Returns a picture of each group's raw rate, estimate and intervals, sorted.

    The raw rate is a hollow dot, the estimate a filled one, its intervals a thick line (50%) and a
    thin one (``prob``); the mean of the population is a dashed line. Up to 60 groups have a row
    each; of more, the 20 highest and the 20 lowest; 1,000 and more are shown as bands, without
    names.

    Args:
        fit: a fit: the tree that ``fit`` returned or ``load`` read; or what ``estimate`` returned,
            whose groups have one interval.
        groups: names of the groups to show; by default as said above.
        top: number of groups to show at each end.
        sort: order from the top: "mean" (the estimate, highest first), "rate" (the raw rate),
            "trials" (most first), or "given" (as in the data).
        prob: probability of the wide intervals of a fit.
        axes: axes to draw into, best of a figure whose layout is "constrained"; by default those
            of a new figure, as high as its rows need.

    Returns:
        The axes.

    Raises:
        InputError: a group is unknown, ``top`` is below 1, ``sort`` is not one of the four,
            ``groups`` and ``top`` are both given, more than 400 rows are asked for, the fit holds
            no theta, or the estimate no intervals.
        TypeError: ``fit`` is neither a tree nor an estimate.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> result = hp.estimate("efron-morris-75", "hits", "at_bats", group="player")
        >>> axes = hp.plot_forest(result)
        >>> print(axes.get_yticklabels()[0].get_text())
        Roberto Clemente
        >>> axes.figure.savefig("forest.png")  # doctest: +SKIP
    """
    if sort not in SORTS:
        raise InputError(f"sort must be one of {', '.join(SORTS)}, not {sort!r}.")
    top = check_choice(groups, top)
    rates = read_rates(fit, prob=prob)
    if not rates.intervals:
        raise InputError("The estimate has no intervals: estimate with prob=0.89.")
    order = np.argsort(SORTS[sort](rates), kind="stable")
    if groups is not None:
        order = order[np.isin(order, find_names(rates.labels, groups))]
    elif top is None and sort == "mean" and len(order) >= BANDS_FROM:
        return _bands(rates, order, axes)
    elif top is None and len(order) > MOST_ROWS:
        top = AT_EACH_END
    above_gap = len(order)
    if top is not None and 2 * top < len(order):
        order, above_gap = np.append(order[:top], order[-top:]), top
    if len(order) > MOST_NAMED:
        raise InputError(
            f"A forest has at most {MOST_NAMED} rows, and this would have {len(order):,}: choose "
            "fewer groups, or leave groups and top out."
        )
    return _rows(rates, order, above_gap, axes)


@styled
def _rows(rates: Rates, shown: np.ndarray, above_gap: int, axes: Axes | None) -> Axes:
    """Draws a row for each of some groups, (shown,) indices from the top, with a gap in between."""
    has_gap = above_gap < len(shown)
    heights = np.arange(len(shown)) + has_gap * 1.5 * (np.arange(len(shown)) >= above_gap)
    names = rates.names(shown)
    axes = axes_for(axes, 4.4 + width_of(names), 1.2 + 0.2 * (heights[-1] + 1))
    wide, *narrow = rates.intervals
    lines = [(wide, 1.1)] + [(each, 3.4) for each in narrow]
    for interval, thickness in lines:
        ends = interval.lower[shown], interval.upper[shown]
        axes.hlines(heights, *ends, colors=ACCENT, lw=thickness, label=interval.name, zorder=2)
    axes.plot(
        rates.rate[shown], heights, "o", ms=5.2, mfc="white", mec=INK, mew=0.9, label="raw rate"
    )
    axes.plot(rates.mean[shown], heights, "o", ms=4.6, mfc=INK, mec="white", mew=0.7, label="mean")
    name_rows(axes, heights, names)
    for height in heights:
        axes.axhline(height, color=FAINT, lw=0.5, zorder=0)
    if has_gap:
        left_out = len(rates.mean) - len(shown)
        # In the middle of the picture, whatever the rates are.
        axes.text(
            0.5,
            above_gap + 0.25,
            f"… {left_out:,} more …",
            transform=axes.get_yaxis_transform(),
            ha="center",
            va="center",
            color=QUIET,
            # Over the line of the population.
            bbox={"fc": "white", "ec": "none", "pad": 1.5},
        )
    axes.set_ylim(heights[-1] + 0.8, -0.8)
    return _finished(rates, axes, shown)


@styled
def _bands(rates: Rates, order: np.ndarray, axes: Axes | None) -> Axes:
    """Draws all groups, sorted, as bands of intervals."""
    axes = axes_for(axes, 6.4, 5.6)
    number = len(order)
    bins = np.array_split(order, min(MOST_BINS, number))
    ends = np.cumsum([len(each) for each in bins])
    # Each step reaches from the first to the last of its groups.
    edges = np.repeat(np.append(0, ends), 2)[1:-1] + 0.5

    def steps(values: np.ndarray) -> np.ndarray:
        return np.repeat([values[each].mean() for each in bins], 2)

    few = order[np.linspace(0, number - 1, min(number, MOST_DOTS)).astype(int)]
    places = np.empty(number)
    places[order] = np.arange(number) + 1
    axes.plot(
        rates.rate[few], places[few], "o", ms=1.6, mfc="none", mec=QUIET, mew=0.4, alpha=0.5,
        rasterized=True, zorder=1,
    )  # fmt: skip
    axes.plot([], [], "o", ms=4, mfc="none", mec=QUIET, label="raw rate")
    for interval, color, alpha in zip(rates.intervals, (ACCENT, ACCENT), (0.3, 0.6), strict=False):
        axes.fill_betweenx(
            edges, steps(interval.lower), steps(interval.upper),
            color=color, alpha=alpha, lw=0, label=interval.name, zorder=2,
        )  # fmt: skip
    axes.plot(steps(rates.mean), edges, color=INK, lw=1.4, label="mean", zorder=3)
    axes.set_ylim(number + 0.5, 0.5)
    axes.set_ylabel(f"{number:,} groups, the highest estimate first")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return _finished(rates, axes, order)


def _finished(rates: Rates, axes: Axes, shown: np.ndarray) -> Axes:
    values = np.concatenate([rates.mean[shown], rates.intervals[0].upper[shown]])
    unit = unit_of(values)
    unit.mark(axes.xaxis, "Chance of success")
    if rates.population is not None:
        axes.axvline(rates.population, color=INK, lw=0.9, dashes=(5, 3), zorder=1)
        label_line(axes, f"population {unit.text(rates.population)}", x=rates.population)
    legend_above(axes)
    return axes
