"""The population: what each of its parameters means, and its density over the raw rates."""

from typing import NamedTuple

import numpy as np

from hierpool.answers.new_rates import probability_below
from hierpool.input.errors import InputError
from hierpool.models.protocol import groups_differ
from hierpool.reports.asking import Asked
from hierpool.reports.columns import Groups
from hierpool.reports.plots import SIDE, Axis, Plot, Stroke, boxes, curve, lines, range_of
from hierpool.reports.wording import significant

MEANINGS = {
    "phi": "the mean chance of success in the population",
    "kappa": "how alike the groups are, in trials: a group with this many is pulled halfway to the "
    "mean (median, since kappa may have no finite mean)",
    "tau": "about the sd of the groups' log-odds",
    "mu": "the mean of the groups' log-odds",
    "sigma": "the sd of the groups' log-odds",
}
"""What a parameter means; another one is a parameter of the user's own model."""
SHARED = "the chance of success that all groups share"
CELLS = 120
"""Steps of the density."""
MOST_TICKS = 400
"""Most groups whose estimates are drawn one by one."""


class Parameter(NamedTuple):
    """A row of the table of the population."""

    name: str
    estimate: str
    interval: str
    meaning: str


def parameters_of(asked: Asked, decimals: int) -> list[Parameter]:
    """Returns the rows: parameters, and a new group's chance of success.

    Args:
        asked: what the fit answered.
        decimals: number of decimals of a chance of success.

    Returns:
        The rows; none under no pooling, where nothing is learnt of other groups.
    """
    if not asked.fitted.parameters:
        return []
    table, new = asked.summary.population, asked.new_group.answer
    rows = []
    known = [name for name in MEANINGS if name in table.index]
    others = [name for name in table.index if name not in (*MEANINGS, "kappa_log")]
    for name, row in table.loc[known + others].iterrows():
        mean = row["median"] if np.isnan(row["mean"]) else row["mean"]
        shown = [significant(value) for value in (mean, row["lower"], row["upper"])]
        if name == "phi":
            shown = [f"{value:.{decimals}f}" for value in (mean, row["lower"], row["upper"])]
        meaning = SHARED if asked.is_shared else MEANINGS.get(str(name), "a parameter of the model")
        rows.append(Parameter(str(name), shown[0], f"{shown[1]} to {shown[2]}", meaning))
    if new is not None and not asked.is_shared:
        mean, low, high = (f"{new[name]:.{decimals}f}" for name in ("mean", "lower", "upper"))
        meaning = "the chance of success of a group not yet seen"
        rows.append(Parameter("a new group", mean, f"{low} to {high}", meaning))
    return rows


def population_plot(asked: Asked, groups: Groups) -> Plot:
    """Returns the density of the population over the histogram of the raw rates.

    Args:
        asked: what the fit answered.
        groups: the groups.

    Raises:
        InputError: the model has no population, or can't draw from it.
    """
    rate, *estimates = groups.values(*(key for key in ("rate", "mean") if key in groups.columns))
    fitted, new = asked.fitted, asked.new_group.answer
    rate = rate[np.isfinite(rate)]
    if not groups_differ(fitted.model) or not fitted.parameters:
        raise InputError("The model has no population from which groups differ.")
    expected = [] if new is None else [new[["lower", "upper"]].to_numpy(float)]
    low, high = range_of(rate, *estimates, *expected)
    edges = np.linspace(max(low, 0), min(high, 1), CELLS + 1)
    density = np.diff(probability_below(fitted, edges)) / np.diff(edges)
    num_bars = int(np.clip(2 * np.sqrt(len(rate)), 8, 60))
    bars = np.linspace(edges[0], edges[-1], num_bars + 1)
    heights = np.histogram(rate, bars)[0] / (max(len(rate), 1) * (bars[1] - bars[0]))
    # A population that touches 0 or 1 may have no highest point there.
    tallest = max(float(np.quantile(density, 0.97)) * 1.2, float(heights.max()), 1e-9)
    tallest = min(tallest, 1.05 * max(float(density.max()), float(heights.max())))
    x = Axis("chance of success", low, high, "mean")
    y = Axis("density", 0, 1.05 * tallest)
    some = heights > 0
    floor = np.full(some.sum(), SIDE)
    strokes = [
        Stroke(
            "bar",
            boxes(x.at(bars[:-1][some]), SIDE - y.at(heights[some]), x.at(bars[1:][some]), floor),
        ),
        Stroke("line", curve(x.at((edges[:-1] + edges[1:]) / 2), SIDE - y.at(density))),
    ]
    legend = [("bar", "raw rates of the groups"), ("line", "population, as the model sees it")]
    for mean in (part for part in estimates if len(part) <= MOST_TICKS):
        at, ends = x.at(mean), np.full(len(mean), SIDE)
        strokes.append(Stroke("tick", lines(at, ends - 30, at, ends)))
        legend.append(("tick", "estimates of the groups"))
    return Plot(
        "population-density",
        "The population over the raw rates",
        "Raw rates spread wider than the chances of success behind them: they also carry the "
        "luck of a few trials.",
        x,
        y,
        strokes,
        legend,
    )
