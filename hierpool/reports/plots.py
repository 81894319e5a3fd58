"""The pictures as marks in a square of 1000 by 1000, which the page stretches to its width.

The text of a picture is outside of it, so that it keeps its size on a phone.
"""

from typing import NamedTuple

import numpy as np

SIDE = 1000


class Axis(NamedTuple):
    """An axis from its left or lower end to its right or upper end."""

    label: str
    low: float
    high: float
    """Below ``low`` if the axis runs the other way."""
    key: str = ""
    """The column by which the script finds a group on it; empty if it can't."""

    def at(self, values: np.ndarray | float) -> np.ndarray:
        """Returns positions from 0, the low end, to ``SIDE``, rounded to whole numbers."""
        share = (np.asarray(values, float) - self.low) / (self.high - self.low)
        return np.round(SIDE * np.clip(share, 0, 1)).astype(int)

    @property
    def is_dense(self) -> bool:
        """Whether the ticks' texts are too wide for a phone, which then shows every other one."""
        return sum(len(text) + 2 for _, text in self.ticks) > 30

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values, each as its position in percent and its text."""
        low, high = sorted((self.low, self.high))
        step = _step(0.7 * (high - low) / 5)
        values = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
        decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
        at = 100 * (values - self.low) / (self.high - self.low)
        return [
            (round(float(place), 2), f"{value + 0.0:,.{decimals}f}")
            for place, value in zip(at, values, strict=True)
        ]


class Stroke(NamedTuple):
    """Marks that look the same, in one path."""

    kind: str
    """Name of its style."""
    path: str
    width: float | None = None
    """Width in pixels, if it is not that of the style."""


class Plot(NamedTuple):
    """A picture."""

    name: str
    title: str
    caption: str
    """What is seen, in a sentence or two."""
    x: Axis
    y: Axis
    strokes: list[Stroke]
    legend: list[tuple[str, str]]
    """Names of styles, and what they stand for."""
    is_dotted: bool = False
    """Whether each group has a mark, so that the nearest one can be pointed at."""


def range_of(*parts: np.ndarray) -> tuple[float, float]:
    """Returns the ends of an axis that shows all finite values, with a little room."""
    values = np.concatenate([np.ravel(part) for part in parts])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.05 * max(abs(high), 1e-6)
    # Chances of success lie between 0 and 1, and so does their axis, but for the marks' own width.
    return max(low - room, -0.02 * (high - low)), min(high + room, 1 + 0.02 * (high - low))


def dots(x: np.ndarray, y: np.ndarray) -> str:
    """Returns a path of dots: lines of length 0, whose round ends are seen."""
    return "".join(f"M{a} {b}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def lines(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> str:
    """Returns a path of separate lines from (x0, y0) to (x1, y1)."""
    ends = zip(x0.tolist(), y0.tolist(), x1.tolist(), y1.tolist(), strict=True)
    return "".join(f"M{a} {b}L{c} {d}" for a, b, c, d in ends)


def curve(x: np.ndarray, y: np.ndarray) -> str:
    """Returns a path through points."""
    return "M" + "L".join(f"{a} {b}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def boxes(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> str:
    """Returns a path of rectangles with corners (x0, y0) and (x1, y1)."""
    ends = zip(x0.tolist(), y0.tolist(), x1.tolist(), y1.tolist(), strict=True)
    return "".join(f"M{a} {b}H{c}V{d}H{a}z" for a, b, c, d in ends)


def _step(about: float) -> float:
    power = 10.0 ** np.floor(np.log10(about))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= about * 0.999)
