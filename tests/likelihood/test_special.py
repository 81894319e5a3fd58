import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from tables import batched, close, tolerance

from hierpool.likelihood import special

SIZES = [1e-12, 1e-5, 0.3, 0.5, 1.0, 2.5, 3.999, 4.0, 8.999, 9.0, 30.0, 1e3, 1e7, 1e12]
LOGITS = [-27.6, -5.0, -0.4, 0.0, 0.4, 5.0, 27.6]
SHIFTS = [-90.0, -60.0, -3.0, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 1.0, 3.0, 59.9, 60.0, 90.0]


def remainder(x: float) -> mpmath.mpf:
    x = mpmath.mpf(x)
    stirling = (x - 0.5) * mpmath.log(x) - x + mpmath.log(2 * mpmath.pi) / 2
    return mpmath.loggamma(x) - stirling


def sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


def divergence(logit: mpmath.mpf, shift: mpmath.mpf) -> mpmath.mpf:
    p, q = sigmoid(logit), sigmoid(logit + shift)
    return p * mpmath.log(p / q) + (1 - p) * mpmath.log((1 - p) / (1 - q))


def test_stirling_remainder_agrees_with_fifty_digits(precision: str) -> None:
    sizes = jnp.asarray(SIZES, precision)
    want = [float(remainder(float(x))) for x in sizes]
    close(
        special.stirling_remainder(sizes),
        want,
        relative=tolerance(precision, float64=1e-14, float32=2e-6),
        absolute=tolerance(precision, float64=2e-14, float32=4e-6),
    )


def test_the_slope_of_the_stirling_remainder_agrees_with_fifty_digits(precision: str) -> None:
    sizes = jnp.asarray(SIZES, precision)
    want = [float(mpmath.diff(remainder, mpmath.mpf(float(x)))) for x in sizes]
    close(
        batched(jax.grad(special.stirling_remainder))(sizes),
        want,
        relative=tolerance(precision, float64=1e-11, float32=1e-4),
        absolute=tolerance(precision, float64=1e-14, float32=1e-6),
    )


def test_log_beta_agrees_with_fifty_digits(precision: str) -> None:
    a, b = (part.ravel() for part in jnp.meshgrid(*[jnp.asarray(SIZES, precision)] * 2))
    want = [float(mpmath.log(mpmath.beta(float(x), float(y)))) for x, y in zip(a, b, strict=True)]
    close(
        special.log_beta(a, b),
        want,
        relative=tolerance(precision, float64=1e-13, float32=1e-5),
        absolute=tolerance(precision, float64=1e-13, float32=1e-5),
    )


def test_log_beta_is_right_where_jax_is_not(double: None) -> None:
    exact = float(mpmath.log(mpmath.beta(2, 10)))
    assert abs(float(special.log_beta(2.0, 10.0)) - exact) < 1e-14
    assert abs(float(jax.scipy.special.betaln(2.0, 10.0)) - exact) > 1e-8


@pytest.mark.parametrize("logit", LOGITS)
def test_the_divergence_of_two_chances_agrees_with_fifty_digits(
    precision: str, logit: float
) -> None:
    logit = float(jnp.asarray(logit, precision))
    shifts = jnp.asarray(SHIFTS, precision)
    want = [float(divergence(mpmath.mpf(logit), mpmath.mpf(float(s)))) for s in shifts]
    got = special.bernoulli_divergence(jnp.asarray(logit, precision), shifts)
    chance = float(sigmoid(-abs(mpmath.mpf(logit))))
    # What rounding p times the shift allows, and no more.
    unit = float(jnp.finfo(precision).eps)
    allowed = 4 * unit * chance * (1 + np.abs(SHIFTS)) + 4 * unit * np.asarray(want)
    assert np.all(np.abs(np.asarray(got, float) - want) <= allowed)


@pytest.mark.parametrize("logit", LOGITS)
def test_the_slopes_of_the_divergence_agree_with_fifty_digits(precision: str, logit: float) -> None:
    logit = float(jnp.asarray(logit, precision))
    shifts = jnp.asarray(SHIFTS, precision)
    slopes = batched(jax.grad(special.bernoulli_divergence, (0, 1)), (None, 0))(
        jnp.asarray(logit, precision), shifts
    )
    relative = tolerance(precision, float64=1e-13, float32=1e-5)
    v = mpmath.mpf(logit)
    moved = [float(sigmoid(v + mpmath.mpf(float(s))) - sigmoid(v)) for s in shifts]
    close(slopes[1], moved, relative=relative)
    spread = sigmoid(v) * sigmoid(-v)
    tilt = np.asarray(moved) - float(spread) * np.asarray(shifts, float)
    close(slopes[0], tilt, relative=relative, absolute=float(spread) * relative)


def test_the_divergence_is_finite_where_exponentials_are_not(precision: str) -> None:
    far = jnp.asarray([-2e4, -900.0, 900.0, 2e4], precision)
    for logit in (-500.0, 0.0, 500.0):
        point = jnp.asarray(logit, precision)
        value = special.bernoulli_divergence(point, far)
        slope = batched(jax.grad(special.bernoulli_divergence, (0, 1)), (None, 0))(point, far)
        assert np.isfinite(value).all() and np.isfinite(slope).all()


def test_logit_is_finite_for_chances_that_were_rounded_to_the_ends(precision: str) -> None:
    chances = jnp.asarray([0.0, 0.25, 1.0], precision)
    logits = special.logit(chances)
    assert np.isfinite(logits).all()
    close(logits[1], np.log(1 / 3), relative=tolerance(precision, float64=1e-15, float32=1e-6))


def test_the_quick_logarithm_agrees_with_numpys(precision: str) -> None:
    limits = np.finfo(precision)
    ends = np.log([float(limits.tiny), float(limits.max)])
    rng = np.random.default_rng(0)
    x = np.concatenate([np.exp(rng.uniform(*ends, 100_000)), 1 + rng.normal(0, 1e-3, 100_000)])
    x = np.clip(x.astype(precision), limits.tiny, limits.max)
    x = np.concatenate([x, [1, 2, 0.5, 2**0.5, 0.5**0.5, limits.tiny, limits.max]]).astype(
        precision
    )
    found, wanted = special.quick_log(jnp.asarray(x)), np.log(x.astype(np.longdouble))
    assert found.dtype == precision
    # XLA's own, in float32, loses digits near 1.
    close(found, wanted, relative=4e-16 if precision == "float64" else 3e-5)
    assert special.quick_log(jnp.ones(())) == 0
