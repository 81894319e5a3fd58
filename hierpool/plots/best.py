"""The probability that each group is the best, as bars."""

import numpy as np
import xarray as xr

from hierpool.answers.ranks import Best
from hierpool.plots.rank_rows import number_shown, ranked, rows_for, say_left_out
from hierpool.plots.style import ACCENT, INK, Axes, styled

FEW = 20
"""Groups shown of more than 60: of the rest, few have a chance worth a row."""


@styled
def plot_best(
    tree: xr.DataTree, *, top: int | None = None, best: Best = "highest", axes: Axes | None = None
) -> Axes:
    """Returns bars of the probability that each group is the best of all, the likeliest first.

    The thin line at the end of a bar is the Monte Carlo standard error to both sides.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        top: number of groups to show; by default all of up to 60, and 20 of more.
        best: whether the "highest" or the "lowest" theta is the best.
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
        >>> axes = hp.plot_best(tree, top=3)
        >>> print(axes.get_yticklabels()[0].get_text())
        Roberto Clemente
        >>> axes.figure.savefig("best.png")  # doctest: +SKIP
    """
    ranks = ranked(tree, best=best, by="best")
    num_groups = len(ranks.groups)
    shown = number_shown(num_groups, top, FEW)
    axes = rows_for(ranks, shown, axes, 4.6)
    share, error = (100 * ranks.groups[name].to_numpy() for name in ("best", "best_mcse"))
    rows = np.arange(shown)
    axes.barh(rows, share[:shown], height=0.7, color=ACCENT)
    axes.hlines(
        rows, np.maximum(share - error, 0)[:shown], (share + error)[:shown], color=INK, lw=1.2
    )
    for row in rows:
        axes.annotate(
_percent(share[row]), (share[row] + error[row], row), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 1.15 * (share + error)[0])
    axes.set_xlabel(f"Probability of the {best} chance of success of all (%)")
    say_left_out(axes, num_groups, shown, f": {share[shown:].sum():.1f}% together")
    return axes


def _percent(share: float) -> str:
    if share < 0.1:
        return "<0.1%"
    return f"{share:.1f}%" if share < 10 else f"{share:.0f}%"
