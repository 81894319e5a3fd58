"""The picture of shrinkage: the estimate of each group against its raw rate."""

import numpy as np

from hierpool.plots.reach import reach_of, said_beyond
from hierpool.reports.columns import Groups
from hierpool.reports.plots import SIDE, Axis, Plot, Stroke, boxes, dots, lines, range_of

MOST_DOTS = 5_000
"""With more groups than this their density is drawn, and not the single groups."""
MOST_PULLS = 400
"""Most groups that are joined to their raw rate."""
CELLS = 80
"""Rows and columns of the density."""
SHADES = 6
ARROW = 26
"""Length of the arrow of a group whose raw rate lies beyond the edge, and its height."""


CAPTIONS = {
    "partial": "Each estimate lies between the group's raw rate, on the diagonal, and what all "
    "groups have in common. The fewer trials a group has, the further it is pulled.",
    "complete": "All groups share one estimate, whatever their raw rates.",
    "none": "Without pooling each estimate stays near the group's raw rate; only the prior pulls "
    "it, the more the fewer trials the group has.",
}
"""What is seen, by how much the model pools."""


def shrinkage_plot(groups: Groups, pooled: float, pooling: str) -> Plot:
    """Returns the picture; groups without trials have no raw rate, and are not in it.

    Args:
        groups: the groups, with estimates.
        pooled: all successes over all trials.
        pooling: "partial", "complete" or "none".
    """
    rate, mean, trials = groups.values("rate", "mean", "trials")
    has_rate = trials > 0
    rate, mean, trials, is_new = (part[has_rate] for part in (rate, mean, trials, groups.is_new))
    low, high = reach_of(rate, mean, trials)
    is_left, is_right = rate < low, rate > high
    inside = ~(is_left | is_right)
    low, high = range_of(np.array([low, high]))
    x, y = Axis("raw rate", low, high, "rate"), Axis("estimate", low, high, "mean")
    level = SIDE - int(y.at(pooled))
    strokes = [
        Stroke("diagonal", f"M0 {SIDE}L{SIDE} 0"),
        Stroke("level", f"M0 {level}H{SIDE}"),
    ]
    legend = [("diagonal", "no pooling: estimate = raw rate"), ("level", "complete pooling")]
    across, up = x.at(rate), SIDE - y.at(mean)
    is_dotted = len(rate) <= MOST_DOTS
    if is_dotted:
        if len(rate) <= MOST_PULLS:
            ends = across, SIDE - y.at(rate), across, up
            strokes.append(Stroke("pull", lines(*(end[inside] for end in ends))))
        least, most = (4, 13) if len(rate) <= 60 else (2.5, 9) if len(rate) <= 500 else (1.5, 5)
        widths = np.round(2 * (least + (most - least) * np.sqrt(trials / trials.max()))) / 2
        for kind, which in (("dot", ~is_new), ("dot new", is_new)):
            for width in np.unique(widths[which & inside])[::-1]:
                same = which & inside & (widths == width)
                strokes.append(Stroke(kind, dots(across[same], up[same]), float(width)))
        legend.append(("dot", "a group; more trials, larger dot"))
        if is_new.any():
            legend.append(("dot new", "a new group"))
    else:
        strokes += _density(across[inside], up[inside])
        legend.append(("cell", "groups; more groups, darker"))
    for kind, which in (("edge", ~is_new), ("edge new", is_new)):
        arrows = [
            _arrows(up[which & side], is_right=side is is_right) for side in (is_left, is_right)
        ]
        if any(arrows):
            strokes.append(Stroke(kind, "".join(arrows)))
    caption = CAPTIONS[pooling]
    number = int(np.sum(~inside))
    if number:
        legend.append(("edge", said_beyond(number)))
        caption += f" {said_beyond(number)}: arrows at the height of the estimates stand there."
    return Plot(
        "shrinkage",
        "Shrinkage",
        caption,
        x,
        y,
        strokes,
        legend,
        is_dotted,
    )


def _arrows(up: np.ndarray, *, is_right: bool) -> str:
    """Returns a path of arrows at the left or right edge, at heights ``up``."""
    tip, back = (SIDE, -ARROW) if is_right else (0, ARROW)
    return "".join(f"M{tip} {y}l{back} {-ARROW // 2}v{ARROW}z" for y in up.tolist())


def _density(across: np.ndarray, up: np.ndarray) -> list[Stroke]:
    """Returns the cells of a grid that hold groups, by shade; shades go with the log count."""
    size = SIDE / CELLS
    columns, rows = (np.minimum(part // size, CELLS - 1).astype(int) for part in (across, up))
    counts = np.bincount(columns * CELLS + rows, minlength=CELLS**2)
    (filled,) = np.nonzero(counts)
    logs = np.log1p(counts[filled])
    shade = np.ceil(SHADES * logs / logs.max()).astype(int)
    x, y = (np.round(part * size).astype(int) for part in np.divmod(filled, CELLS))
    x1, y1 = (np.round((part + 1) * size).astype(int) for part in np.divmod(filled, CELLS))
    strokes = []
    for level in range(1, SHADES + 1):
        of = shade == level
        strokes.append(Stroke(f"cell shade{level}", boxes(x[of], y[of], x1[of], y1[of])))
    return strokes
