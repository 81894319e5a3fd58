"""The one style of all pictures: quiet, readable in grey, with names that are never cut.

Matplotlib is imported here, and by the files of this room, none of which is imported before a
picture is asked for.
"""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import east_asian_width

import numpy as np

try:
    import matplotlib.pyplot as plt

    # The files of this room take these from here: without matplotlib, its absence is then said in
    # the sentence below, whichever file is imported first.
    from matplotlib.axes import Axes as Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.font_manager import findSystemFonts, fontManager
    from matplotlib.ticker import FuncFormatter, MaxNLocator
    from matplotlib.transforms import Bbox as Bbox
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
_CJK = {
    "Noto Sans CJK": "NotoSansCJK-Regular",
    "Source Han Sans": "SourceHanSans-Regular",
    "Hiragino": "Hiragino",
    "Yu Gothic": "YuGoth",
    "Microsoft YaHei": "msyh",
    "Arial Unicode": "Arial Unicode",
    "WenQuanYi": "wqy",
    "Noto Serif CJK": "NotoSerifCJK-Regular",
    "Droid Sans Fallback": "DroidSansFallback",
}
"""Fonts with the letters of Chinese, Japanese and Korean: how their names begin, and their files'.
The first that the machine has is used for letters that matplotlib's own font lacks."""


def _fallback() -> list[str]:
    """Returns the name of such a font, or no name."""
    names = sorted({font.name for font in fontManager.ttflist})
    for beginning in _CJK:
        for name in names:
            if name.startswith(beginning):
                return [name]
    # Matplotlib keeps a list of fonts that may be older than the font.
    for path in sorted(findSystemFonts()):
        if Path(path).name.startswith(tuple(_CJK.values())):
            fontManager.addfont(path)
            return [fontManager.ttflist[-1].name]
    return []


COUNTS = LinearSegmentedColormap.from_list("counts", ["#c3ccd5", INK])
"""How many groups lie in a cell: one group is still seen."""
STYLE: Any = {
    "font.family": ["DejaVu Sans", *_fallback()],
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


LONGEST = 40
"""Most columns that a name takes before its middle is left out; a Chinese letter takes two."""

LETTER = 0.075
"""Inches that a column takes."""


def short(name: str, longest: int = LONGEST) -> str:
    """Returns a name in one line, its middle replaced by an ellipsis where it is too long.

    Args:
        name: the name.
        longest: most columns, of which a Chinese, Japanese or Korean letter takes two.
    """
    # Line breaks and control characters have no shape.
    name = re.sub(r"[\0-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", name).strip()
    widths = [1 + (east_asian_width(letter) in "WF") for letter in name]
    if sum(widths) <= longest:
        return name
    half = (longest - 1) // 2
    head = int(np.searchsorted(np.cumsum(widths), half, side="right"))
    tail = int(np.searchsorted(np.cumsum(widths[::-1]), half, side="right"))
    return f"{name[:head].rstrip()}…{name[len(name) - tail :].lstrip()}"


class Unit(NamedTuple):
    """The unit in which the rates of a picture are written."""

    factor: float
    """What a rate is multiplied by."""
    name: str
    """The unit in words: "%", or "per 1,000"."""

    def text(self, rate: float) -> str:
        """Returns a rate in words, with three significant digits."""
        number = f"{rate * self.factor:.3g}"
        return f"{number}%" if self.name == "%" else f"{number} {self.name}"

    def mark(self, axis: Axis, label: str) -> None:
        """Writes an axis of rates in this unit, and labels it."""
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate * self.factor:,.10g}"))
        axis.set_label_text(f"{label} ({self.name})")


def unit_of(rates: np.ndarray) -> Unit:
    """Returns the unit that suits rates: percent, or a power of ten in which they are not small.

    Args:
        rates: (...) rates, NaN where there is none.
    """
    known = rates[np.isfinite(rates)]
    # Not the largest, which may be 1 of 1.
    typical = float(np.quantile(known, 0.9)) if len(known) else 1.0
    for factor, name in ((100, "%"), (1_000, "per 1,000"), (100_000, "per 100,000")):
        if typical * factor >= 1 or typical == 0:
            return Unit(factor, name)
    return Unit(1_000_000, "per million")


def name_rows(axes: Axes, rows: np.ndarray, names: list[str]) -> None:
    """Writes names at rows of the y axis, as they are: dollar signs are no mathematics.

    Args:
        axes: the axes.
        rows: (name,) heights.
        names: names, shortened here, the more the narrower the axes are.
    """
    width = axes.get_window_extent().width / figure_of(axes).dpi
    longest = int(np.clip(0.65 * width / LETTER, 12, LONGEST))
    axes.set_yticks(rows, [short(name, longest) for name in names])
    for label in axes.get_yticklabels():
        # Axes of the caller's have labels that were made in another style.
        label.set_parse_math(False)
        label.set_fontfamily(STYLE["font.family"])
    axes.tick_params(axis="y", length=0)


def figure_of(axes: Axes) -> Figure:
    """Returns the figure of axes, also of those in a part of a figure."""
    figure = axes.figure
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure


def count_axis(axis: Axis, label: str) -> None:
    """Writes an axis of counts in whole numbers, and labels it."""
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_label_text(label)


def width_of(names: list[str]) -> float:
    """Returns the width in inches that names take beside a picture."""
    columns = [len(short(name)) + sum(east_asian_width(x) in "WF" for x in name) for name in names]
    return LETTER * min(LONGEST, max(columns, default=0))


def label_line(axes: Axes, text: str, *, x: float) -> None:
    """Writes what a vertical line is, below the end of the axes' frame, at the line."""
    axes.annotate(
        text, (x, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 2),
        textcoords="offset points", ha="center", va="bottom", fontsize=8.5,
    )  # fmt: skip


def legend_above(axes: Axes, columns: int = 4) -> None:
    """Puts the legend above the axes, where it hides nothing.

    Call it once all else is drawn.

    Args:
        axes: the axes.
        columns: most columns; there are fewer where the axes are narrow.
    """
    figure_of(axes).draw_without_rendering()
    width = axes.get_window_extent().width
    for number in range(columns, 0, -1):
        legend = axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=1.6, borderpad=0, ncols=number,
            columnspacing=1.2, handletextpad=0.5, handlelength=1.6,
        )  # fmt: skip
        if legend.get_window_extent().width <= width:
            return


def count_cells(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    extent: tuple[float, float, float, float],
    *,
    is_log: bool = False,
) -> None:
    """Draws how many groups lie in each hexagon of the axes, the darker the more.

    Args:
        axes: the axes.
        x: (group,) x of the groups.
        y: (group,) y of the groups.
        extent: ends of x, in powers of ten if the axis is logarithmic, and of y.
        is_log: whether the x axis is logarithmic.
    """
    cells = axes.hexbin(
        x, y, gridsize=(70, 50), extent=extent, bins="log", mincnt=1, cmap=COUNTS, vmin=1,
        xscale="log" if is_log else "linear", linewidths=0.1, zorder=2, rasterized=True,
    )  # fmt: skip
    # Without a layout that makes room for it, what is written beside the axes needs some.
    figure = figure_of(axes)
    pad = 0.35 if figure.get_layout_engine() is None else 0.02
    bar = figure.colorbar(cells, ax=axes, shrink=0.6, pad=pad)
    bar.set_label(f"Groups in a cell, of {len(x):,}")
    bar.ax.yaxis.set_major_formatter("{x:,.0f}")
    bar.outline.set_visible(False)


def styled[**P, R](draw: Callable[P, R]) -> Callable[P, R]:
    """Returns a function that draws in this room's style, and leaves the caller's as it is."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with plt.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn
