"""Smooth scales of one number, along which nodes are placed: dense at peaks, sparse in tails."""

from typing import NamedTuple

import jax
import numpy as np

from hierpool.arrays import exp, namespace

DROP = 26.0
"""Nodes extend to where the log density is lower than its peak by this much."""
FAR_DROP = 52.0
"""The same for a fine grid. The sd of a phi near 1e-6 may hang on values of phi near 1 that have a
share of e^-30 of the mass."""
CORE_DROP = 5.0
"""The core of a density ends where its log is lower than the peak by this much. Less than a
hundredth of the mass lies beyond."""
CORE_SHARE = 1.7
"""Length that the points would cover, in units of the core, if they were everywhere spaced as in
its middle."""
LEAST_TAIL = 3.5
"""Least value of ``Stretch.tail`` in a level scale."""


class Stretch(NamedTuple):
    """A smooth scale whose points are dense around a peak and sparse in its tails.

        x = low + (high - low) (sinh(tail t + skew) - a) / (b - a),   t from -1 to 1

    where a = sinh(skew - tail) and b = sinh(skew + tail), so that the ends are low and high.
    """

    low: jax.Array
    """(...,) where t = -1."""
    high: jax.Array
    """(...,) where t = 1."""
    tail: jax.Array
    """(...,) how much sparser the points are in the tails; near 0 they are equidistant."""
    skew: jax.Array
    """(...,) where the points are dense: 0 is the middle."""

    def at(self, t: jax.Array) -> jax.Array:
        """Returns x, the shape of ``t``."""
        return self.with_slope(t)[0]

    def with_slope(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns x and dx/dt, the shape of ``t``."""
        a, b = self._ends()
        unit = (self.high - self.low) / (b - a)
        # One exponential gives both sinh and cosh.
        growth = exp(self.tail * t + self.skew)
        up, down = 0.5 * growth, 0.5 / growth
        return self.low + unit * (up - down - a), unit * self.tail * (up + down)

    def inverse(self, x: jax.Array) -> jax.Array:
        """Returns t, the shape of ``x``."""
        a, b = self._ends()
        share = (x - self.low) / (self.high - self.low)
        return (namespace(a, x).arcsinh(a + (b - a) * share) - self.skew) / self.tail

    def each(self) -> "Stretch":
        """Returns scales whose fields are (..., 1), so that each takes points of its own."""
        return Stretch(*(leaf[..., None] for leaf in self))

    def _ends(self) -> tuple[jax.Array, jax.Array]:
        """Returns a and b."""
        xp = namespace(self.skew, self.tail)
        return xp.sinh(self.skew - self.tail), xp.sinh(self.skew + self.tail)


def stretch(
    peak: jax.Array, width: jax.Array, left: jax.Array, right: jax.Array, drop: float = DROP
) -> Stretch:
    """Returns the scale for a peak with a given sd and given extents on either side.

    For a normal peak it is equidistant. The further the extents exceed those of a normal peak, and
    the more they differ, the more it is stretched, so that along t the peak is nearly normal. For
    log-gammas and Betas 24 nodes then integrate with an error of 1e-9.

    Args:
        peak: (...,) where the density is highest.
        width: (...,) its sd there.
        left: (...,) how far it extends to the left of the peak.
        right: (...,) how far it extends to the right.
        drop: by how much its log is lower there.
    """
    normal = width * np.sqrt(2 * drop)
    xp = namespace(peak, width, left, right)
    tail = _tail(xp.log(xp.maximum(0.5 * (left + right) / normal, 1)))
    lean = 0.5 * (right - left) / normal * tail / (xp.cosh(tail) - 1)
    skew = xp.arctanh(xp.clip(lean, -0.95, 0.95))
    return Stretch(peak - left, peak + right, tail, skew)


class Level(NamedTuple):
    """A smooth scale of one number: nearly equidistant within a core, and sparser outwards."""

    stretch: Stretch
    """() the scale that it approaches in the tails."""
    even: jax.Array
    """() weight in it of an equidistant scale between the same ends."""

    def at(self, t: jax.Array) -> jax.Array:
        """Returns x, the shape of ``t``."""
        return self.with_slope(t)[0]

    def with_slope(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns x and dx/dt, the shape of ``t``."""
        half = 0.5 * (self.stretch.high - self.stretch.low)
        x, slope = self.stretch.with_slope(t)
        equal = self.stretch.low + half * (t + 1)
        return x + self.even * (equal - x), slope + self.even * (half - slope)


def level(core: tuple[jax.Array, jax.Array], ends: tuple[jax.Array, jax.Array]) -> Level:
    """Returns the scale for a density that may have any shape within a core, and falls beyond it.

    Points within the core are about equally dense, so that a second peak or the shoulders of a
    plateau are resolved as well as the peak. Tails that fall like exponentials need few points.

    Args:
        core: ends of the interval where the log density is within ``CORE_DROP`` of its peak.
        ends: ends of the interval where the nodes end.
    """
    (first, last), (low, high) = core, ends
    xp = namespace(first, last, low, high)
    middle, half = 0.5 * (first + last), 0.5 * (high - low)
    unit = xp.minimum(CORE_SHARE * 0.5 * (last - first), half)
    ratio = xp.maximum(half / unit, 1)
    tail = xp.maximum(_tail(xp.log(ratio)), LEAST_TAIL)
    # x = middle + unit ((1 - bent) t + bent (sinh(tail t + skew) - sinh(skew)) / (tail cosh(skew)))
    sinh_excess = xp.sinh(tail) / tail - 1
    bent = xp.minimum((ratio - 1) / sinh_excess, 1)
    lean = 0.5 * (low + high) - middle
    rise = bent * unit * (xp.cosh(tail) - 1) / tail
    skew = xp.arctanh(xp.clip(lean / xp.maximum(rise, 1e-6 * unit), -0.95, 0.95))
    even = (1 - bent) / (1 + bent * sinh_excess)
    return Level(Stretch(low, high, tail, skew), even)


def _tail(log_ratio: jax.Array) -> jax.Array:
    """Returns the solution of sinh(tail) / tail = ratio: an approximation and one Newton step."""
    xp = namespace(log_ratio)
    tail = xp.maximum(xp.sqrt(log_ratio * (log_ratio + 6)), 1e-2)
    excess = xp.log(xp.sinh(tail) / tail) - log_ratio
    return xp.maximum(tail - excess / (1 / xp.tanh(tail) - 1 / tail), 1e-2)
