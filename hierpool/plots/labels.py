"""Places names beside points so that no name covers another, or leaves the axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hierpool.plots.style import INK, QUIET, Axes, Bbox, figure_of, short

_NEAR = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
_DISTANCES = (6.0, 14.0, 26.0, 42.0, 64.0)
"""Distances in points of a name from its point; from the second on a line leads back to it."""
_MOST_MARKS = 4000
"""Most marks that names keep away from."""
_FONT = 8.5
_LONGEST = (40, 20)
"""Most columns of a name, and where there is no room for them."""


def place_names(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    marks: np.ndarray,
    radius: float = 2.0,
    *,
    most: int | None = None,
) -> int:
    """Writes names beside points, the first ones first, and returns how many found no room.

    Call it last: what is drawn later may change the axes, and with them where there is room.

    Args:
        axes: the axes, with everything else drawn.
        x: (name,) the points' x.
        y: (name,) the points' y.
        names: a name for each.
        marks: (mark, 2) x and y of what names cover only where it can't be helped, of very many
            the first and a part of the rest.
        radius: radius of a mark in points.
        most: most marks that a name may cover: one that would cover more is left out.
    """
    figure = figure_of(axes)
    # Fixes the limits and the layout, on which places in the picture depend.
    # Axes of a fixed shape need three drawings until the layout stays.
    for _ in range(3):
        figure.draw_without_rendering()
    scale = figure.dpi / 72
    first, rest = marks[:_MOST_MARKS], marks[_MOST_MARKS:]
    room = _Room(
        axes.get_window_extent(),
        axes.transData.transform(np.concatenate([first, rest[:: 1 + len(marks) // _MOST_MARKS]])),
        [text.get_window_extent() for text in axes.texts],
        [],
        scale,
        radius * scale,
        np.inf if most is None else most,
    )
    left_out = 0
    for at, name in zip(np.column_stack([x, y]), names, strict=True):
        centre = axes.transData.transform(at)
        for longest in _LONGEST:
            text = short(name, longest)
            size = _size(axes, text)
            middle, is_far = room.find(centre, size)
            if middle is not None:
                break
        else:
            left_out += 1
            continue
        arrow = {"arrowstyle": "-", "color": QUIET, "lw": 0.6, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            text, at, xytext=tuple((middle - size / 2 - centre) / scale), color=INK, zorder=6,
            textcoords="offset points", fontsize=_FONT, arrowprops=arrow if is_far else None,
        )  # fmt: skip
        room.taken.append(Bbox([middle - size / 2, middle + size / 2]))
        if is_far:
            room.leaders.append(np.array([centre, middle]))
    return left_out


class _Room(NamedTuple):
    """Where names may stand, in pixels."""

    frame: Bbox
    """The axes."""
    marks: np.ndarray
    """(mark, 2) what names should not cover."""
    taken: list[Bbox]
    """Names that stand already."""
    leaders: list[np.ndarray]
    """(2, 2) the ends of lines that lead from names to their points."""
    scale: float
    """Pixels in a point."""
    radius: float
    """Radius of a mark."""
    most: float
    """Most marks that a name may cover."""

    def find(self, centre: np.ndarray, size: np.ndarray) -> tuple[np.ndarray | None, bool]:
        """Returns the best middle of a name, None without room, and whether it needs a line."""
        best, is_far, least = None, False, np.inf
        for ring, distance in enumerate(_DISTANCES):
            for side in np.array(_NEAR):
                middle = centre + side * (distance * self.scale / np.hypot(*side) + size / 2)
                box = Bbox([middle - size / 2, middle + size / 2]).padded(2 * self.scale)
                inside = self.frame.x0 <= box.x0 and box.x1 <= self.frame.x1
                inside = inside and self.frame.y0 <= box.y0 and box.y1 <= self.frame.y1
                if not inside or any(box.overlaps(other) for other in self.taken):
                    continue
                leader = np.array([centre, middle])
                if any(_crosses(other, box) for other in self.leaders):
                    continue
                if ring and any(
                    _crosses(leader, other.padded(2 * self.scale)) for other in self.taken
                ):
                    continue
                wide = box.padded(self.radius)
                under = np.all((wide.min < self.marks) & (self.marks < wide.max), axis=1)
                # Its own point is beside it.
                own = np.all(np.abs(self.marks - centre) < 1, axis=1)
                covered = int(np.sum(under & ~own))
                cost = 2 * covered + ring
                if covered <= self.most and cost < least:
                    best, is_far, least = middle, ring > 0, cost
        return best, is_far


def _crosses(line: np.ndarray, box: Bbox) -> bool:
    """Returns whether a line, given its (2, 2) ends, goes through a box."""
    along = line[0] + np.linspace(0, 1, 60)[:, None] * (line[1] - line[0])
    return bool(np.all((box.min < along) & (along < box.max), axis=1).any())


def _size(axes: Axes, text: str) -> np.ndarray:
    """Returns (2,) the width and height of a text in pixels."""
    written = axes.text(0, 0, text, fontsize=_FONT, transform=None)
    box = written.get_window_extent()
    written.remove()
    return np.array([box.width, box.height])
