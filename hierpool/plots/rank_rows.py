"""What the pictures of ranks share: which groups they show, and how they name them."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from hierpool.answers.ranks import Best, Ranks, rank
from hierpool.input.labels import texts
from hierpool.plots.style import Axes, MaxNLocator, axes_for, name_rows, width_of
from hierpool.runtime.settings import whole

MOST_ROWS = 60
"""Most groups that are all shown where ``top`` is not given."""


def ranked(
    tree: xr.DataTree, *, best: Best, prob: float = 0.89, by: Literal["rank", "best"] = "rank"
) -> Ranks:
    """Returns the ranks of a fit, the groups sorted by their mean rank or Pr(best)."""
    ranks = rank(tree, best=best, prob=prob)
    column = ranks.groups[by].to_numpy()
    order = np.argsort(column if by == "rank" else -column, kind="stable")
    return Ranks(ranks.groups.iloc[order], ranks.distribution.iloc[order])


def number_shown(num_groups: int, top: Any, most: int = MOST_ROWS) -> int:
    """Returns the number of groups that are shown.

    Args:
        num_groups: number of groups.
        top: the user's number, or None.
        most: number of groups that are shown of more than ``MOST_ROWS``, where ``top`` is None.

    Raises:
        InputError: ``top`` is not a whole number from 1 on.
    """
    if top is None:
        return num_groups if num_groups <= MOST_ROWS else most
    return min(num_groups, whole(1)("top", top))


def rows_for(ranks: Ranks, shown: int, axes: Axes | None, width: float) -> Axes:
    """Returns axes with the names of the first groups at rows 0, 1, ..., from the top."""
    names = texts(ranks.groups.index[:shown].to_numpy())
    axes = axes_for(axes, width + width_of(names), 1.3 + 0.2 * shown)
    name_rows(axes, np.arange(shown), names)
    axes.set_ylim(shown - 0.4, -0.6)
    return axes


def mark_ranks(axes: Axes, last: int, num_groups: int, best: Best) -> None:
    """Writes an axis of ranks from 1 to the last one that is shown."""
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_xlabel(f"Rank of {num_groups:,} (1 is the {best} chance of success)")


def say_left_out(axes: Axes, num_groups: int, shown: int, rest: str = "") -> None:
    """Writes below the x axis's label how many groups are left out.

    Args:
        axes: the axes.
        num_groups: number of groups.
        shown: number of groups that are shown.
        rest: what else is to be said of the others, as the end of the line.
    """
    left_out = num_groups - shown
    if left_out:
        noun = "group" if left_out == 1 else "groups"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{left_out:,} more {noun} not shown{rest}")
