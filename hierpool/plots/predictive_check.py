"""The posterior predictive check: the data among replicates of them."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from hierpool.answers.predictive_check import FOUR, Replicates, Statistic, replicated
from hierpool.input.arguments import tails
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    WARM,
    Axes,
    legend_above,
    pyplot,
    short,
    styled,
    unit_of,
)

PROB = 0.89
"""Probability of the band of replicated rates."""
NUM_LINES = 20
"""Replicates that are drawn one by one."""
MOST_BARS = 30
"""Most bars of a histogram."""
SIZE = 300
"""Points of the band."""
EXTREME = 0.025
"""Smaller and larger p-values are pointed at."""


@styled
def plot_predictive_check(
    tree: xr.DataTree,
    *,
    statistics: Mapping[str, Statistic] | None = None,
    replicates: Literal["same-groups", "new-groups"] = "same-groups",
    seed: int = 0,
) -> np.ndarray:
    """Returns statistics of the data among those of replicates, and the rates of both.

    Each small panel is the histogram of a statistic over replicates of the data, with a line where
    the data are and the p-value Pr(T_rep > T) + Pr(T_rep = T) / 2. A line outside of the bars shows
    a feature of the data that the model does not reproduce. The wide panel shows the share of
    groups up to each rate: of the data, of some replicates, and the band of 89% of them.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        statistics: further statistics by name, as ``predictive_check`` takes them.
        replicates: "same-groups" or "new-groups", as in ``predictive_check``.
        seed: seed of the new groups.

    Returns:
        The Matplotlib axes: one for each statistic in the order of ``predictive_check``, and that
        of the rates.

    Raises:
        InputError: as ``predictive_check``.
        TypeError: ``tree`` is not a tree, or a statistic is not a function.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit("efron-morris-75", **columns, model="collapsed", inference="quadrature")
        >>> *statistics, rates = hp.plot_predictive_check(tree)
        >>> print(statistics[1].get_title(loc="left"))
        max of counts
        >>> rates.figure.savefig("check.png")  # doctest: +SKIP
    """
    found = replicated(tree, statistics=statistics, replicates=replicates, seed=seed)
    p_values = found.table()["p_mid"].to_numpy()
    columns = len(FOUR)
    rows = -(-len(found.rows) // columns)
    figure = pyplot.figure(figsize=(10.0, 1.75 * rows + 3.2))
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[1] * rows, 1.7])
    unit = unit_of(found.successes / found.trials)
    units = {"counts": "counts", "rates": f"rates ({unit.name})", "residuals": "residuals (sd)"}
    panels = []
    for place, (of, name) in enumerate(found.rows):
        panel = figure.add_subplot(grid[divmod(place, columns)])
        scale = unit.factor if of == "rates" else 1.0
        values, observed = scale * found.values[:, place], scale * float(found.observed[place])
        _draw_statistic(panel, values, observed, float(p_values[place]))
        title = short(name, 14) if of == "custom" else f"{name} of {units[of]}"
        panel.set_title(title, fontsize=9)
        panels.append(panel)
    wide = figure.add_subplot(grid[rows, :])
    _draw_rates(wide, found)
    return np.array([*panels, wide])


def _draw_statistic(axes: Axes, values: np.ndarray, observed: float, p_value: float) -> None:
    """Draws a histogram of a statistic over replicates, and the value of the data."""
    # Values that differ by rounding are the same.
    scale = max(1.0, float(np.abs(values).max()))
    distinct = np.unique(np.round(values / scale, 12)) * scale
    if len(distinct) == 1:
        axes.text(
            0.5, 0.5, "the same in every\nreplicate", transform=axes.transAxes, ha="center",
            va="center", color=QUIET, bbox={"fc": "white", "ec": "none"},
        )  # fmt: skip
        bins = distinct[0] + np.array([-0.5, 0.5])
    elif len(distinct) <= MOST_BARS:
        # A bar for each value, so that there are no gaps between possible ones.
        middles = (distinct[1:] + distinct[:-1]) / 2
        bins = np.concatenate(
            [[2 * distinct[0] - middles[0]], middles, [2 * distinct[-1] - middles[-1]]]
        )
    else:
        bins = np.linspace(distinct[0], distinct[-1], MOST_BARS + 1)
    # The height is the share, not the share per width: bars of one value each differ in width.
    heights = np.histogram(values, np.append(bins[:-1], bins[-1] + 1e-9 * scale))[0]
    axes.stairs(heights, bins, fill=True, color=FAINT, ec=QUIET, lw=0.3)
    is_extreme = not EXTREME <= p_value <= 1 - EXTREME
    color = WARM if is_extreme else INK
    # The p-value stands above the bars.
    axes.set_ylim(0, 1.2 * heights.max())
    axes.axvline(observed, ymax=0.86, color=color, lw=1.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.text(
        1, 0.98, f"p = {p_value:.2f}{' !' if is_extreme else ''}", transform=axes.transAxes,
        ha="right", va="top", color=color, fontsize=8.5, zorder=3,
        bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 1},
    )  # fmt: skip


def _draw_rates(axes: Axes, found: Replicates) -> None:
    """Draws the shares of groups up to each rate, of the data and of the replicates."""
    rate = np.sort(found.successes / found.trials)
    every = -(-len(found.drawn) // 400)
    drawn = np.sort(found.drawn[::every] / found.trials, axis=1)
    num_groups = len(rate)
    # A replicate's share at a rate is the number of its rates up to it.
    at = np.linspace(min(rate[0], drawn[:, 0].min()), max(rate[-1], drawn[:, -1].max()), SIZE)
    share = np.array([np.searchsorted(one, at, side="right") for one in drawn]) / num_groups
    lower, upper = np.quantile(share, tails(PROB), axis=0)
    axes.fill_between(
        at, lower, upper, step="post", color=ACCENT, alpha=0.25, lw=0,
        label=f"{100 * PROB:g}% of the replicates",
    )  # fmt: skip
    for index, one in enumerate(share[:: -(-len(share) // NUM_LINES)]):
        axes.step(at, one, where="post", color=QUIET, lw=0.5, label=None if index else "replicates")
    steps = np.arange(num_groups + 1) / num_groups
    axes.stairs(
        steps, np.concatenate([at[:1], rate, at[-1:]]), baseline=None, color=INK, lw=1.8,
        label="the data",
    )  # fmt: skip
    unit_of(rate).mark(axes.xaxis, "Raw rate of a group")
    axes.set_ylabel("Share of groups up to the rate")
    axes.set_ylim(0, 1.02)
    legend_above(axes)
