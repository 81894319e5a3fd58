"""Special functions of a beta-binomial hierarchy, accurate in float64 and float32.

Each is arranged so that no large terms cancel: with a population concentration of 1e12, a mean
chance of success of 1e-12 and a billion trials, results keep all the digits of the arguments.

Source: the asymptotic series of log Gamma is NIST Digital Library of Mathematical Functions,
5.11.1; splitting a binomial into a deviance and Stirling remainders follows Loader (2000), "Fast
and Accurate Computation of Binomial Probabilities".
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from hierpool.arrays import WithJvp, namespace, sigmoid, softplus

# B_2k / (2k (2k - 1)) for k = 1 .. 7: the coefficients of the asymptotic series of log Gamma.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
# The x from which the series is exact to rounding, and the number of its terms, by precision.
_SERIES_FROM = {jnp.dtype("float32"): (4, 3), jnp.dtype("float64"): (9, 7)}

HALF_LOG_TWO_PI = 0.9189385332046727
# The bits of the square root of 1/2, log 2, and the coefficients of log(1 + f).
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LOG_TWO = 0.6931471805599453
_LOG_SERIES = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)

FAR = 60.0
"""A shift of log-odds whose exponential overflows neither in float32 nor in float64."""


def stirling_remainder(x: ArrayLike) -> jax.Array:
    """Returns the remainder of Stirling's formula for log Gamma.

        log Gamma(x) = (x - 1/2) log x - x + log(2 pi) / 2 + stirling_remainder(x)

    It falls like 1 / (12 x). A difference of log Gammas that is written with it keeps the digits
    that would be lost by subtracting two log Gammas of large arguments.

    Args:
        x: positive numbers, any shape.

    Returns:
        The remainder, in the shape of ``x``.
    """
    xp = namespace(x)
    x = xp.asarray(x)
    far, shift, product = _shifted(x)
    small = xp.minimum(x, far)
    below = (far - 0.5) * xp.log(far) - (small - 0.5) * xp.log(small) - xp.log(product) - shift
    return _series(far) + xp.where(shift > 0, below, 0)


def _shifted(x: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns x + shift, for which the series is exact, shift, and Gamma(x + shift) / Gamma(x)."""
    xp = namespace(x)
    least, _ = _SERIES_FROM.get(x.dtype, (9, 7))
    is_small = x < least
    small = xp.minimum(x, least)
    product = xp.where(is_small, small, 1)
    for step in range(1, least):
        product = product * xp.where(is_small, small + step, 1)
    shift = xp.where(is_small, least, 0).astype(x.dtype)
    return x + shift, shift, product


def _series(x: jax.Array) -> jax.Array:
    """Returns the remainder of Stirling's formula for x where the asymptotic series is exact."""
    _, num_terms = _SERIES_FROM.get(x.dtype, (9, 7))
    inverse = 1 / x
    square = inverse * inverse
    series = namespace(x).full_like(x, _STIRLING[num_terms - 1])
    for coefficient in _STIRLING[num_terms - 2 :: -1]:
        series = series * square + coefficient
    return series * inverse


def log_beta(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """Returns log B(a, b) = log Gamma(a) + log Gamma(b) - log Gamma(a + b).

    ``jax.scipy.special.betaln`` has errors up to 6e-7 in float64; this function avoids them.

    Args:
        a: positive numbers.
        b: positive numbers, broadcast against ``a``.
    """
    xp = namespace(a, b)
    a, b = xp.asarray(a), xp.asarray(b)
    (far_a, shift_a, product_a), (far_b, shift_b, product_b) = _shifted(a), _shifted(b)
    far, shift, product = _shifted(a + b)
    # Stirling's formula in ratios of the three arguments, which are near 1 where a or b is large,
    # so that no large terms cancel.
    below_a = xp.log1p((b + (shift - shift_a)) / far_a)
    below_b = xp.log1p((a + (shift - shift_b)) / far_b)
    excess = shift_a + shift_b - shift
    large = (excess - 0.5) * xp.log(far) - (far_a - 0.5) * below_a - (far_b - 0.5) * below_b
    small = xp.log(product_a * (product_b / product))
    return large - excess - small + HALF_LOG_TWO_PI + _series(far_a) + _series(far_b) - _series(far)


@WithJvp
def bernoulli_divergence(logit: ArrayLike, shift: ArrayLike) -> jax.Array:
    """Returns KL(Bernoulli(p) || Bernoulli(q)), logit p = ``logit``, logit q = ``logit + shift``.

    If p is the observed rate of n trials, n times the divergence is the binomial log-likelihood at
    p minus that at q. Written in terms of the shift, it stays exact where p and q agree to many
    digits and where either is within rounding of 0 or 1. The derivatives are written out, because
    automatic differentiation would subtract q from p.

    Args:
        logit: log-odds of the first probability, p.
        shift: log-odds of the second, q, minus those of p, broadcast against ``logit``.
    """
    xp = namespace(logit, shift)
    return _divergence(xp.asarray(logit), xp.asarray(shift))[0]


@bernoulli_divergence.defjvp
def _bernoulli_divergence_jvp(
    primals: tuple[ArrayLike, ArrayLike], tangents: tuple[ArrayLike, ArrayLike]
) -> tuple[jax.Array, jax.Array]:
    logit, shift = map(jnp.asarray, primals)
    logit_dot, shift_dot = map(jnp.asarray, tangents)
    value, change = _divergence(logit, shift)
    spread = jax.nn.sigmoid(logit) * jax.nn.sigmoid(-logit)
    return value, change * shift_dot + (change - spread * shift) * logit_dot


def _divergence(logit: jax.Array, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the divergence and q - p, by one exponential and one logarithm of the shift."""
    xp = namespace(logit, shift)
    # The divergence is the same for failures: the rarer outcome, of probability <= 1/2, is used.
    sign = xp.where(logit > 0, -1, 1).astype(logit.dtype)
    rare, shift = sign * logit, sign * shift
    chance, other = sigmoid(rare), sigmoid(-rare)
    shifted = rare + shift
    # log_ratio is log((1 + e^(rare + shift)) / (1 + e^rare)). Where the first exponential is huge,
    # it is computed as a difference of two softplus functions, which do not overflow.
    is_near = shift < FAR
    growth = xp.expm1(xp.where(is_near, shift, -xp.abs(shifted)))
    log_ratio = xp.log1p(xp.where(is_near, chance * growth, 1 + growth))
    log_ratio = log_ratio + xp.where(is_near, 0, xp.maximum(shifted, 0) - softplus(rare))
    beyond = xp.where(shifted > 0, 1, 1 + growth) / (2 + growth) - chance
    change = xp.where(is_near, chance * other * growth / (1 + chance * growth), beyond)
    return log_ratio - chance * shift, sign * change


@WithJvp
def log1p_ratio(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """Returns log1p(x / y) for x >= 0 and y > 0, with derivatives that are right for a tiny y.

    Automatic differentiation would divide by y squared, which underflows long before x / y
    overflows.

    Args:
        x: the numerator.
        y: the denominator, broadcast against ``x``.
    """
    xp = namespace(x, y)
    return xp.log1p(xp.asarray(x) / xp.asarray(y))


@log1p_ratio.defjvp
def _log1p_ratio_jvp(
    primals: tuple[ArrayLike, ArrayLike], tangents: tuple[ArrayLike, ArrayLike]
) -> tuple[jax.Array, jax.Array]:
    x, y = map(jnp.asarray, primals)
    x_dot, y_dot = map(jnp.asarray, tangents)
    return jnp.log1p(x / y), (x_dot - x / y * y_dot) / (x + y)


def logit(probability: ArrayLike) -> jax.Array:
    """Returns log(p / (1 - p)), always finite: 0 and 1 are moved to the nearest number between.

    Args:
        probability: numbers from 0 to 1.
    """
    xp = namespace(probability)
    p = xp.asarray(probability)
    limits = jnp.finfo(p.dtype)
    p = xp.clip(p, limits.tiny, 1 - limits.epsneg)
    return xp.log(p) - xp.log1p(-p)


def quick_log(x: jax.Array) -> jax.Array:
    """Returns log x of positive normal numbers; for others its result is of no use.

    On a processor XLA's own logarithm of a double takes three times as long.

    Args:
        x: positive numbers, any shape, neither subnormal nor infinite.

    Source: the polynomial and its coefficients are those of fdlibm's ``log`` (Sun Microsystems,
    1993).
    """
    if x.dtype != jnp.float64:
        return jnp.log(x)
    # x = 2^k (1 + f), with 1 + f between the square roots of 1/2 and of 2.
    bits = jax.lax.bitcast_convert_type(x, jnp.int64)
    power = jax.lax.shift_right_arithmetic(bits - _ROOT_HALF_BITS, 52)
    mantissa = jax.lax.bitcast_convert_type(
        bits - jax.lax.shift_left(power, jnp.int64(52)), jnp.float64
    )
    f = mantissa - 1
    s = f / (2 + f)
    square = s * s
    series = jnp.full_like(x, _LOG_SERIES[-1])
    for coefficient in _LOG_SERIES[-2::-1]:
        series = series * square + coefficient
    half = 0.5 * f * f
    return power * _LOG_TWO + (f - (half - s * (half + series * square)))
