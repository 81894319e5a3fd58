"""The one style of all pictures: quiet, readable in grey, with names that are never cut.

Matplotlib is imported here, and by the files of this room, none of which is imported before a
picture is asked for.
"""

from typing import Any

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
except ImportError:
    raise ImportError('Pictures need matplotlib: pip install "hierpool[plots]".') from None

INK = "#1f2933"
"""Text, and the marks that carry the answer."""
QUIET = "#7b8794"
"""What is compared with: raw rates, axes, labels of lines."""
FAINT = "#d5dae0"
"""What stays behind: grids, bands."""
ACCENT = "#1b6ca8"
"""The posterior. As dark in grey as `INK` is not, so that both are told apart in print."""
WARM = "#b8460e"
"""What is pointed at: a new group, an outlier. Always with a mark of its own as well."""
STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    # A name with two dollar signs in it is a name.
    "text.parse_math": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "svg.fonttype": "path",
}


def axes_for(axes: Axes | None, width: float, height: float) -> Axes:
    """Returns the given axes, or those of a new figure.

    Args:
        axes: the caller's own axes, or None.
        width: width of the new figure in inches.
        height: its height in inches.
    """
    if axes is not None:
        return axes
    with plt.rc_context(STYLE):
        return plt.subplots(figsize=(width, height))[1]
