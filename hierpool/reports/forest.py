"""The forest: intervals of the groups with their names, and of all groups without."""

from typing import NamedTuple

import numpy as np

from hierpool.answers.summary import equal_tailed
from hierpool.reports.columns import Groups
from hierpool.reports.plots import SIDE, Axis, Plot, Stroke, boxes, curve, lines, range_of

MOST_NAMED = 40
"""With more groups than this only the ends are named."""
NUM_ENDS = 15
"""Groups that are named at each end."""
MOST_LINES = 400
"""With more groups than this, the intervals of all are drawn as one band."""

NUM_BANDS = 80
"""Steps of that band, each the median over neighbouring groups."""


class Center(NamedTuple):
    """Where the groups are pulled."""

    rate: float
    """NaN if no group has trials, and there is no population."""
    label: str


class Row(NamedTuple):
    """A named group of the forest; positions are from 0 to 1000."""

    row: int
    """Its row in the table of groups."""
    name: str
    numbers: str
    """Its estimate and interval, as text."""
    is_new: bool
    wide: tuple[int, int]
    """The interval."""
    narrow: tuple[int, int]
    """The interval of probability 1/2."""
    mean: int
    rate: int | None
    """Its raw rate; None without trials."""


class Forest(NamedTuple):
    """Rows of named groups above one axis."""

    axis: Axis
    rows: list[Row]
    after: int | None
    """Number of rows before the groups that are left out; None if all are there."""
    left_out: int
    center: int | None
    """Where the groups are pulled; None if that is not known."""
    center_label: str


def forest_of(groups: Groups, theta: np.ndarray, center: Center) -> Forest:
    """Returns the rows of all groups, or of the highest and the lowest.

    Args:
        groups: the groups, with estimates.
        theta: (draw, group) draws in the order of ``groups``.
        center: where the groups are pulled.
    """
    num_groups = len(groups.names)
    shown = np.arange(num_groups)
    if num_groups > MOST_NAMED:
        shown = np.r_[shown[:NUM_ENDS], shown[-NUM_ENDS:]]
    low50, high50 = equal_tailed(theta[:, shown], 0.5)
    rate, mean, lower, upper = groups.values("rate", "mean", "lower", "upper")
    axis = Axis("chance of success", *range_of(lower[shown], upper[shown], rate[shown]))
    at = axis.at
    rows = [
        Row(
            index,
            groups.names[index],
            f"{groups.columns['mean'].shown(index)} ({groups.interval(index)})",
            bool(groups.is_new[index]),
            (int(at(lower[index])), int(at(upper[index]))),
            (int(at(low50[i])), int(at(high50[i]))),
            int(at(mean[index])),
            None if np.isnan(rate[index]) else int(at(rate[index])),
        )
        for i, index in enumerate(shown.tolist())
    ]
    left_out = num_groups - len(shown)
    middle = None if np.isnan(center.rate) else int(at(center.rate))
    return Forest(axis, rows, NUM_ENDS if left_out else None, left_out, middle, center.label)


def caterpillar_of(groups: Groups, center: Center, prob: float) -> Plot:
    """Returns the intervals of all groups, the highest at the top, without names.

    Args:
        groups: the groups, with estimates.
        center: where the groups are pulled.
        prob: probability of the intervals.
    """
    mean, lower, upper = groups.values("mean", "lower", "upper")
    num_groups = len(mean)
    x = Axis("chance of success", *range_of(lower, upper), "mean")
    y = Axis("groups, the highest first", num_groups, 0, "order")
    place = SIDE - y.at(np.arange(num_groups) + 0.5)
    if num_groups <= MOST_LINES:
        band = Stroke("interval", lines(x.at(lower), place, x.at(upper), place))
        interval = ("interval", f"{100 * prob:g}% interval of a group")
    else:
        edges = np.linspace(0, num_groups, NUM_BANDS + 1).astype(int)
        parts = [slice(*ends) for ends in zip(edges[:-1], edges[1:], strict=True)]
        low, high = (np.array([np.median(end[part]) for part in parts]) for end in (lower, upper))
        top, bottom = (SIDE - y.at(ends) for ends in (edges[:-1], edges[1:]))
        band = Stroke("band", boxes(x.at(low), top, x.at(high), bottom))
        text = f"median {100 * prob:g}% interval of {num_groups / NUM_BANDS:,.0f} groups"
        interval = ("band", text)
        place, mean = (part[:: max(1, num_groups // 1000)] for part in (place, mean))
    strokes = [band, Stroke("line", curve(x.at(mean), place))]
    legend = [("line", "estimates"), interval]
    if not np.isnan(center.rate):
        strokes.insert(1, Stroke("level", f"M{x.at(center.rate)} 0V{SIDE}"))
        legend.append(("level", center.label))
    return Plot(
        "all-groups",
        "All groups",
        "The estimates of all groups in their order, with their intervals.",
        x,
        y,
        strokes,
        legend,
        num_groups <= MOST_LINES,
    )
