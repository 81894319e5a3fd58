"""Shrinkage: how far each estimate is pulled from the raw rate towards the rate of all groups."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from hierpool.inference.results import Estimate
from hierpool.input.errors import InputError
from hierpool.plots.labels import place_names
from hierpool.plots.rates import Rates, check_choice, find_names, read_rates
from hierpool.plots.reach import reach_of, said_beyond
from hierpool.plots.style import (
    ACCENT,
    QUIET,
    WARM,
    Axes,
    axes_for,
    count_cells,
    legend_above,
    styled,
    unit_of,
)

MOST_POINTS = 1500
"""Most groups that have a dot each; more are counted in cells."""
SMALLEST_DOT = 6.0
"""Smallest area of a dot: it can be seen still."""
DOT, MOST_COVERED = 10, 9
"""Marks of a dot, and the most that a name covers which nobody asked for: lines, but no dot."""
MOST_NAMED = 400
"""Most groups of which some are named without being asked for."""
LARGEST_DOT = 130.0
"""Area of the dot of the group with the most trials, in square points."""


def plot_shrinkage(
    fit: xr.DataTree | Estimate,
    *,
    groups: Iterable[Any] | None = None,
    top: int | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Returns a picture of each group's estimate against its raw rate.

    No pooling would leave every group on the diagonal, complete pooling would put all on one
    horizontal line. A vertical line leads from the diagonal, where the raw rate alone would leave
    the group, to its estimate, a dot whose area grows with the trials: groups with few trials are
    pulled furthest. More than 1,500 groups are counted in cells.

    All estimates are shown, and the raw rates of the groups that have most of the trials. A raw
    rate of few trials that is far from all these, as 1 of 1, would squeeze them into a corner: an
    arrow at the edge, at the height of its estimate, stands for it, and the legend counts the
    arrows.

    Args:
        fit: a fit: the tree that ``fit`` returned or ``load`` read; or what ``estimate`` returned.
        groups: names of the groups to name in the picture.
        top: number of groups to name at each end of the estimates, in place of ``groups``; by
            default 3, or 0 for more than 400 groups. A name that finds no room is left out; by
            default also one that would cover a dot.
        axes: axes to draw into, best of a figure whose layout is "constrained"; by default those
            of a new figure.

    Returns:
        The axes.

    Raises:
        InputError: a group is unknown, ``top`` is below 1, ``groups`` and ``top`` are both given,
            no group has trials, or the fit holds no theta.
        TypeError: ``fit`` is neither a tree nor an estimate.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> result = hp.estimate("efron-morris-75", "hits", "at_bats", group="player")
        >>> axes = hp.plot_shrinkage(result)
        >>> print(axes.get_xlabel(), "|", axes.get_ylabel())
        Raw rate (%) | Estimate (%)
    """
    asked = top = check_choice(groups, top)
    rates = read_rates(fit)
    (known,) = np.nonzero(rates.trials > 0)
    if not len(known):
        raise InputError("No group has trials, so that none has a raw rate to compare with.")
    if groups is not None:
        named = find_names(rates.labels, groups)
        named = named[rates.trials[named] > 0]
    else:
        if top is None:
            top = 3 if len(known) <= MOST_NAMED else 0
        order = known[np.argsort(-rates.mean[known], kind="stable")]
        # The outermost first: where there is little room, they are named.
        ends = [order[:top], order[::-1][:top]]
        named = np.array(list(dict.fromkeys(np.column_stack(ends).ravel().tolist())), int)
    most = MOST_COVERED if groups is None and asked is None else None
    return _drawn(rates, known, named, most, axes)


@styled
def _drawn(
    rates: Rates, known: np.ndarray, named: np.ndarray, most: int | None, axes: Axes | None
) -> Axes:
    x, y = rates.rate[known], rates.mean[known]
    low, high = reach_of(x, y, rates.trials[known])
    is_left, is_right = x < low, x > high
    inside = ~(is_left | is_right)
    is_dense = len(known) > MOST_POINTS
    axes = axes_for(axes, 6.6, 5.0 if is_dense else 5.8)
    across = _ends(np.concatenate([x[inside], y[~inside], [rates.pooled]]))
    up = _ends(np.concatenate([y, [rates.pooled]]))
    if not is_dense:
        # The lines from the diagonal to the estimates are then seen whole, and at 45 degrees.
        across = up = min(across[0], up[0]), max(across[1], up[1])
        axes.set_aspect("equal")
    axes.set(xlim=across, ylim=up)
    # Raw rates beyond the edge stand just within it.
    margin = 0.012 * (across[1] - across[0])
    x = np.select([is_left, is_right], [across[0] + margin, across[1] - margin], x)
    axes.axline((rates.pooled, rates.pooled), slope=1, color=QUIET, lw=1.0, zorder=1)
    axes.axhline(rates.pooled, color=QUIET, lw=1.0, dashes=(5, 3), zorder=1)
    unit = unit_of(np.append(x, y))
    _name_lines(axes, rates.pooled, f"complete pooling\n{unit.text(rates.pooled)}")
    marks = np.column_stack([x, y])
    if is_dense:
        count_cells(axes, x[inside], y[inside], (*across, *up))
    else:
        _dots(axes, x[inside], y[inside], rates.trials[known][inside])
        # Names keep away from the lines too, and from dots most of all.
        shares = [*[1] * DOT, *np.linspace(0, 0.9, 6)]
        pulled = np.where(inside, x, y)
        steps = [np.column_stack([x, pulled + share * (y - pulled)]) for share in shares]
        along = np.linspace(*across, 60)
        steps += [np.column_stack([along, each]) for each in (along, 0 * along + rates.pooled)]
        marks = np.concatenate(steps)
    _arrows(axes, x, y, is_left, is_right)
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
    unit.mark(axes.xaxis, "Raw rate")
    unit.mark(axes.yaxis, "Estimate")
    unseen = len(rates.trials) - len(known)
    if unseen:
        axes.set_xlabel(f"{axes.get_xlabel()}; {unseen:,} without trials left out")
    if len(named):
        at = np.searchsorted(known, named)
        place_names(axes, x[at], y[at], rates.names(named), marks, 5.0, most=most)
    return axes


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Returns the ends of an axis that shows all values, within 0 and 1 but for a little."""
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.05
    return max(low - margin, -0.03 * high), min(high + margin, 1.03)


def _name_lines(axes: Axes, pooled: float, text: str) -> None:
    """Names the two lines outside the frame, where no data are."""
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    axes.annotate(
        text, (1, pooled), xycoords=axes.get_yaxis_transform(), xytext=(4, 0), va="center",
        textcoords="offset points", fontsize=8.5, annotation_clip=False,
    )  # fmt: skip
    axes.annotate(
        "no pooling", (min(right, top), min(right, top)), xytext=(0, 3), ha="right", va="bottom",
        textcoords="offset points", fontsize=8.5, annotation_clip=False,
    )  # fmt: skip


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray, trials: np.ndarray) -> None:
    """Draws each group as a dot whose area grows with its trials, joined to the diagonal."""
    axes.vlines(x, x, y, colors=ACCENT, lw=0.8, alpha=0.6, zorder=2)
    area = (LARGEST_DOT if len(x) <= 100 else 0.4 * LARGEST_DOT) / trials.max()
    kind: Any = {"c": ACCENT, "ec": "white", "lw": 0.4, "alpha": 0.9}
    axes.scatter(x, y, s=np.maximum(area * trials, SMALLEST_DOT), zorder=3, **kind)
    for size in _sizes(trials):
        name = f"{size:,} trial{'s' if size > 1 else ''}"
        axes.scatter([], [], s=max(area * size, SMALLEST_DOT), label=name, **kind)


def _arrows(
    axes: Axes, x: np.ndarray, y: np.ndarray, is_left: np.ndarray, is_right: np.ndarray
) -> None:
    """Draws an arrow at the edge for each group whose raw rate lies beyond it."""
    number = int(is_left.sum() + is_right.sum())
    label = said_beyond(number)
    for marker, where in ((">", is_right), ("<", is_left)):
        if where.any():
            axes.scatter(
                x[where], y[where], s=34, marker=marker, c=WARM, ec="white", lw=0.4, zorder=4,
                clip_on=False, label=label,
            )  # fmt: skip
            label = ""


def _sizes(trials: np.ndarray) -> list[int]:
    """Returns the sizes that the legend shows: the least, the greatest, and one in between."""
    least, greatest = int(trials.min()), int(trials.max())
    middle = (least + greatest) // 2
    return sorted({least, middle, greatest} if greatest > 2 * least else {greatest})
