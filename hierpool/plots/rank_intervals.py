"""The rank of each group with its interval."""

import numpy as np
import xarray as xr

from hierpool.answers.ranks import Best
from hierpool.plots.rank_rows import mark_ranks, number_shown, ranked, rows_for, say_left_out
from hierpool.plots.style import ACCENT, FAINT, INK, Axes, legend_above, styled


@styled
def plot_rank_intervals(
    tree: xr.DataTree,
    *,
    top: int | None = None,
    best: Best = "highest",
    prob: float = 0.89,
    axes: Axes | None = None,
) -> Axes:
    """Returns the mean rank of each group as a dot, on the interval of its rank, the best first.

    Two groups whose intervals overlap widely may well be in the other order.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        top: number of groups to show, the best first; by default all of up to 60, and 60 of more.
        best: whether the "highest" or the "lowest" theta has rank 1.
        prob: probability of the intervals.
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
        >>> axes = hp.plot_rank_intervals(tree, top=3)
        >>> print(axes.get_yticklabels()[0].get_text())
        Roberto Clemente
        >>> axes.figure.savefig("rank-intervals.png")  # doctest: +SKIP
    """
    ranks = ranked(tree, best=best, prob=prob)
    num_groups = len(ranks.groups)
    shown = number_shown(num_groups, top)
    axes = rows_for(ranks, shown, axes, 4.6)
    rows = np.arange(shown)
    mean, lower, upper = (
        ranks.groups[name].to_numpy()[:shown] for name in ("rank", "lower", "upper")
    )
    last = min(num_groups, int(1.1 * upper.max()))
    axes.hlines(rows, 1, last, colors=FAINT, lw=0.5, zorder=0)
    axes.hlines(rows, lower, upper, colors=ACCENT, lw=1.6, label=f"{100 * prob:g}% interval")
    # Ends are whole ranks: an interval of a single rank has a length, too.
    axes.plot(np.append(lower, upper), np.append(rows, rows), "|", ms=6, mew=1.6, color=ACCENT)
    axes.plot(mean, rows, "o", ms=4.8, mfc=INK, mec="white", mew=0.7, label="mean rank")
    mark_ranks(axes, last, num_groups, best)
    say_left_out(axes, num_groups, shown)
    legend_above(axes)
    return axes
