"""Legends of pictures with panels."""

from hierpool.plots.style import Axes


def legend_over(axes: Axes, columns: int = 2) -> None:
    """Puts the legend over the axes, where it hides nothing, in a panel's width.

    Args:
        axes: the axes.
        columns: number of columns.
    """
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2, borderpad=0, ncols=columns,
        columnspacing=1.2, handletextpad=0.5, handlelength=2.4,
    )  # fmt: skip
