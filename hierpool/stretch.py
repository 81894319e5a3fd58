"""A smooth scale of one number: dense around a peak, sparse in its tails."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

DROP = 26.0
"""Nodes reach out to where the log density has dropped so far from its peak."""


class Stretch(NamedTuple):
    """A smooth scale whose points are dense around a peak and sparse in its tails.

        x = low + (high - low) (sinh(tail t + skew) - a) / (b - a),   t from -1 to 1

    with a and b such that the ends are low and high.
    """

    low: jax.Array
    """() where t = -1."""
    high: jax.Array
    """() where t = 1."""
    tail: jax.Array
    """() how much sparser the tails are; near 0, equidistant."""
    skew: jax.Array
    """() where the dense part is; 0, the middle."""

    def at(self, t: jax.Array) -> jax.Array:
        """Returns x, the shape of ``t``."""
        return self.with_slope(t)[0]

    def with_slope(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns x and dx/dt, the shape of ``t``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        unit = (self.high - self.low) / (b - a)
        # Both by one exponential.
        growth = jnp.exp(self.tail * t + self.skew)
        up, down = 0.5 * growth, 0.5 / growth
        return self.low + unit * (up - down - a), unit * self.tail * (up + down)

    def inverse(self, x: jax.Array) -> jax.Array:
        """Returns t, the shape of ``x``."""
        a, b = jnp.sinh(self.skew - self.tail), jnp.sinh(self.skew + self.tail)
        share = (x - self.low) / (self.high - self.low)
        return (jnp.arcsinh(a + (b - a) * share) - self.skew) / self.tail


def stretch(peak: jax.Array, width: jax.Array, left: jax.Array, right: jax.Array) -> Stretch:
    """Returns the scale for a peak of which the sd and the extents on either side are known.

    For a normal peak it is equidistant; the further the extents go beyond the normal ones, and the
    more they differ, the more it is stretched, so that along t the peak looks normal again. For
    log-gammas and Betas 24 nodes then integrate to 1e-9.
    """
    normal = width * np.sqrt(2 * DROP)
    log_ratio = jnp.log(jnp.maximum(0.5 * (left + right) / normal, 1))
    # Nearly the solution of sinh(tail) / tail = ratio; then a step of Newton's on its log.
    tail = jnp.maximum(jnp.sqrt(log_ratio * (log_ratio + 6)), 1e-2)
    excess = jnp.log(jnp.sinh(tail) / tail) - log_ratio
    tail = jnp.maximum(tail - excess / (1 / jnp.tanh(tail) - 1 / tail), 1e-2)
    lean = 0.5 * (right - left) / normal * tail / (jnp.cosh(tail) - 1)
    skew = jnp.arctanh(jnp.clip(lean, -0.95, 0.95))
    return Stretch(peak - left, peak + right, tail, skew)


def dense_around(peak: jax.Array, width: jax.Array, left: jax.Array, right: jax.Array) -> Stretch:
    """Returns a scale that is densest at a peak, wherever between the ends that is.

        x = peak + s sinh(tail t + skew)

    with s such that the points at the peak are as far apart as they would be for a normal peak of
    that sd. It is for what has other peaks beside: away from this one the points are as far apart
    as they are from it, in proportion, so that a wide peak at a distance has enough of them.
    """
    normal = width * np.sqrt(2 * DROP)
    half = 0.5 * (left + right)
    log_ratio = jnp.log(jnp.maximum(half / normal, 1))
    # Nearly the solution of sinh(tail) / tail = ratio, which is that of equal extents.
    tail = jnp.maximum(jnp.sqrt(log_ratio * (log_ratio + 6)), 1e-2)
    log_s = jnp.log(half) - jnp.log(jnp.sinh(tail))
    for _ in range(3):
        # Newton on the log of s times half the length in t, which is to be that of a normal peak.
        s = jnp.exp(log_s)
        length = jnp.maximum(jnp.arcsinh(left / s) + jnp.arcsinh(right / s), 2e-2)
        bent = left / jnp.hypot(s, left) + right / jnp.hypot(s, right)
        slope = jnp.maximum(1 - bent / length, 1e-2)
        excess = log_s + jnp.log(0.5 * length) - jnp.log(normal)
        log_s = log_s - jnp.clip(excess / slope, -1, 1)
    s = jnp.minimum(jnp.exp(log_s), 100 * half)
    first, last = -jnp.arcsinh(left / s), jnp.arcsinh(right / s)
    return Stretch(peak - left, peak + right, 0.5 * (last - first), 0.5 * (last + first))
