"""The ranks of the groups as a heat map: each group's probability of each rank."""

import numpy as np
import xarray as xr

from hierpool.answers.ranks import Best
from hierpool.plots.rank_rows import mark_ranks, number_shown, ranked, rows_for, say_left_out
from hierpool.plots.style import ACCENT, INK, Axes, LinearSegmentedColormap, PowerNorm, styled

COLORS = LinearSegmentedColormap.from_list("hierpool", ["white", ACCENT, INK])
"""Darker is more probable, in grey too."""
MOST_COLUMNS = 120
"""Most columns; where there are more ranks, several share a column."""
LEFT_OUT = 0.02
"""Probability of the ranks to the right of the picture, for each group that is shown."""
MOST_NUMBERS = 144
"""Most cells in which the probability is written."""


@styled
def plot_ranks(
    tree: xr.DataTree, *, top: int | None = None, best: Best = "highest", axes: Axes | None = None
) -> Axes:
    """Returns a heat map of the probability of each rank of each group.

    A row is a group, sorted by its mean rank, and a column is a rank; the darker a cell, the more
    probable the rank. A ring is the mean rank. A group whose dark cells spread over many columns
    can't be ranked by these data.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        top: number of groups to show, the best first; by default all of up to 60, and 60 of more.
        best: whether the "highest" or the "lowest" theta has rank 1.
        axes: axes to draw into; by default those of a new figure, as high as its rows need.

    Returns:
        The Matplotlib axes.

    Raises:
        InputError: an argument breaks a rule, or ``rank`` refuses the fit.
        TypeError: ``tree`` is not a tree.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit("efron-morris-75", **columns, model="collapsed", inference="quadrature")
        >>> axes = hp.plot_ranks(tree, top=5)
        >>> print(axes.get_yticklabels()[0].get_text())
        Roberto Clemente
        >>> axes.figure.savefig("ranks.png")  # doctest: +SKIP
    """
    ranks = ranked(tree, best=best)
    num_groups = len(ranks.groups)
    shown = number_shown(num_groups, top)
    axes = rows_for(ranks, shown, axes, 5.2)
    probability = ranks.distribution.to_numpy()[:shown]
    # Columns that are nearly white are left out.
    beyond = 1 - np.cumsum(probability, axis=1).min(axis=0)
    last = 1 + int(np.argmax(beyond < LEFT_OUT))
    width = -(-last // MOST_COLUMNS)
    edges = np.append(np.arange(0, last, width), last)
    cells = np.add.reduceat(probability[:, :last], edges[:-1], axis=1)
    mesh = axes.pcolormesh(
        edges + 0.5,
        np.arange(shown + 1) - 0.5,
        cells,
        cmap=COLORS,
        norm=PowerNorm(0.7, vmin=0),
        rasterized=True,
    )
    if cells.size <= MOST_NUMBERS:
        for row, column in np.ndindex(*cells.shape):
            share = cells[row, column]
            axes.text(
                column + 1, row, f"{100 * share:.0f}%", ha="center", va="center", fontsize=7.5,
                color="white" if share > 0.27 * cells.max() else INK,
            )  # fmt: skip
    else:
        axes.plot(
            ranks.groups["rank"].to_numpy()[:shown], np.arange(shown), "o", ms=3.5, mfc="none",
            mec="white", mew=1.0, label="mean rank",
        )  # fmt: skip
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.05, aspect=30)
    bar.set_label("Probability of the rank" if width == 1 else f"Probability of {width} ranks")
    mark_ranks(axes, last, num_groups, best)
    say_left_out(axes, num_groups, shown)
    return axes
