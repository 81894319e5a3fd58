"""The scales along which a density is sampled: where they end, and where they are dense."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import close

from hierpool.exact.stretch import CORE_SHARE, DROP, Level, Stretch, level, stretch

T = np.linspace(-1, 1, 41)
ENDS = [(-5.0, 5.0), (-30.0, 5.0), (-5.0, 40.0), (-400.0, 900.0)]
"""Around a core from -3 to 3, or a peak at 0."""


def level_scale(ends: tuple[float, float]) -> Level:
    low, high = (jnp.asarray(end) for end in ends)
    return level((jnp.asarray(-3.0), jnp.asarray(3.0)), (low, high))


def stretch_scale(ends: tuple[float, float]) -> Stretch:
    left, right = -ends[0], ends[1]
    return stretch(jnp.asarray(0.0), jnp.asarray(1.0), jnp.asarray(left), jnp.asarray(right))


@pytest.mark.parametrize("scale", [level_scale, stretch_scale])
@pytest.mark.parametrize("ends", ENDS)
def test_a_scale_rises_from_end_to_end_as_its_slope_says(
    scale: type, ends: tuple[float, float], double: None
) -> None:
    of = scale(ends)
    x, slope = of.with_slope(jnp.asarray(T))
    close(x[jnp.array([0, -1])], ends, relative=1e-12)
    assert (np.diff(x) > 0).all()
    close(slope, jax.vmap(jax.grad(of.at))(jnp.asarray(T)), relative=1e-9)


@pytest.mark.parametrize("ends", ENDS)
def test_a_scale_has_an_inverse(ends: tuple[float, float], double: None) -> None:
    of = stretch_scale(ends)
    close(of.inverse(of.at(jnp.asarray(T))), T, relative=0, absolute=1e-10)


@pytest.mark.parametrize("ends", ENDS)
def test_a_level_scale_covers_so_many_cores_as_it_is_dense_in_the_middle(
    ends: tuple[float, float], double: None
) -> None:
    of = level_scale(ends)
    x, slope = of.with_slope(jnp.asarray(0.0))
    close(x, 0, relative=0, absolute=1e-9)
    close(slope, min(CORE_SHARE * 3, 0.5 * (ends[1] - ends[0])), relative=1e-3)


@pytest.mark.parametrize("ends", ENDS[1:])
def test_a_level_scale_is_sparsest_in_its_longest_tail(
    ends: tuple[float, float], double: None
) -> None:
    x, slope = map(np.asarray, level_scale(ends).with_slope(jnp.asarray(np.linspace(-1, 1, 4001))))
    longest = 0 if -ends[0] > ends[1] else -1
    assert np.argmax(slope) == np.arange(len(x))[longest]
    assert slope[longest] > 5 * slope[np.abs(x) < 3].max()


def test_a_normal_density_is_sampled_evenly(double: None) -> None:
    reach = float(np.sqrt(2 * DROP))
    x = stretch_scale((-reach, reach)).at(jnp.asarray(T))
    close(np.diff(x), np.full(40, reach / 20), relative=1e-3)
