import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from tables import HOSPITALS, PLAYERS, RATS, batched, close, tolerance

from hierpool.counts import Counts
from hierpool.likelihood import binomial as likelihood
from hierpool.likelihood import logit_normal as normal_log_odds

PAIRS = [(0, 0), (0, 4), (7, 45), (45, 45), (46, 810), (3, 10**9), (3 * 10**8, 10**9)]
LOGITS = [-27.6, -1.0, 0.0, 4.0, 27.6]
KAPPA_LOGS = [1e-9, 0.5, 4.0, 12.0, 27.6]


def one(y: float, n: float) -> Counts:
    return Counts(np.array([float(y)]), np.array([float(n)]))


def sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


def mp_reference(y: int, n: int) -> mpmath.mpf:
    rate = (y + mpmath.mpf(1) / 2) / (n + 1)
    return y * mpmath.log(rate) + (n - y) * mpmath.log(1 - rate)


def mp_beta_binomial(
    y: int, n: int, logit_phi: mpmath.mpf, log_kappa_log: mpmath.mpf
) -> mpmath.mpf:
    kappa = mpmath.exp(mpmath.exp(log_kappa_log))
    a, b = kappa * sigmoid(logit_phi), kappa * sigmoid(-logit_phi)
    gamma = mpmath.loggamma
    after = gamma(a + y) + gamma(b + n - y) - gamma(kappa + n)
    return after - (gamma(a) + gamma(b) - gamma(kappa)) - mp_reference(y, n)


@functools.cache
def mp_table(dtype: str) -> list[tuple[int, int, float, float, float, float, float]]:
    """Returns (y, n, logit phi, log kappa_log, value, two slopes), the arguments as rounded."""
    rows = []
    for y, n in PAIRS:
        if dtype == "float32" and n > 2**24:
            continue
        for v in LOGITS:
            for kappa_log in KAPPA_LOGS:
                if dtype == "float32" and kappa_log > np.log(1e7):
                    continue
                v, u = (
                    float(np.dtype(dtype).type(v)),
                    float(np.dtype(dtype).type(np.log(kappa_log))),
                )
                f = functools.partial(mp_beta_binomial, y, n)
                slopes = (mpmath.diff(f, (v, u), order) for order in ((1, 0), (0, 1)))
                rows.append(
                    (y, n, v, u, float(f(mpmath.mpf(v), mpmath.mpf(u))), *map(float, slopes))
                )
    return rows


def marginal(y: jax.Array, n: jax.Array, v: jax.Array, u: jax.Array) -> jax.Array:
    return likelihood.beta_binomial(v, jnp.exp(jnp.exp(u)), Counts(y[None], n[None]))[0]


def test_the_beta_binomial_agrees_with_fifty_digits(precision: str) -> None:
    rows = np.array(mp_table(precision))
    arguments = [jnp.asarray(column, precision) for column in rows[:, :4].T]
    scale = tolerance(precision, float64=3e-14, float32=1e-5)
    close(batched(marginal)(*arguments), rows[:, 4], relative=scale, absolute=scale)


@pytest.mark.parametrize("side", [-1, 1])
def test_where_a_chance_is_below_the_smallest_number_all_goes_one_way(
    precision: str, side: int
) -> None:
    n = jnp.asarray([1.0, 20.0, 1e3], precision)
    sure = Counts(n * (side > 0), n)
    for logit in (120.0, 1000.0):
        phi, kappa = jnp.asarray(side * logit, precision), jnp.asarray(3.0, precision)
        got = likelihood.beta_binomial(phi, kappa, sure) + likelihood.reference(sure)
        close(got, np.zeros(3), relative=0, absolute=1e-5 if precision == "float32" else 1e-9)
        never = likelihood.beta_binomial(phi, kappa, Counts(n - sure.successes, n))
        assert (never < -60).all() and np.isfinite(never).all()


def test_the_slopes_of_the_beta_binomial_agree_with_fifty_digits(precision: str) -> None:
    rows = np.array(mp_table(precision))
    arguments = [jnp.asarray(column, precision) for column in rows[:, :4].T]
    slopes = batched(jax.grad(marginal, (2, 3)))(*arguments)
    # phi within 1e-12 of 1 with a billion trials is the worst row: 1e-8.
    relative = tolerance(precision, float64=2e-8, float32=1e-3)
    absolute = tolerance(precision, float64=1e-9, float32=2e-4)
    close(slopes[0], rows[:, 5], relative=relative, absolute=absolute)
    close(slopes[1], rows[:, 6], relative=relative, absolute=absolute)


def test_the_reference_is_the_binomial_at_its_rate(precision: str) -> None:
    for y, n in PAIRS:
        if precision == "float32" and n > 2**24:
            continue
        want = mpmath.log(mpmath.binomial(n, y)) + mp_reference(y, n)
        scale = tolerance(precision, float64=1e-13, float32=1e-5)
        close(likelihood.reference(one(y, n))[0], float(want), relative=scale, absolute=scale)


@pytest.mark.parametrize("log_odds", [-30.0, -1.0, 0.0, 1.7, 30.0])
def test_the_binomial_agrees_with_fifty_digits(precision: str, log_odds: float) -> None:
    theta = sigmoid(mpmath.mpf(float(np.dtype(precision).type(log_odds))))
    for y, n in PAIRS:
        if precision == "float32" and n > 2**24:
            continue
        want = y * mpmath.log(theta) + (n - y) * mpmath.log(1 - theta) - mp_reference(y, n)
        got = likelihood.binomial(jnp.asarray([log_odds], precision), one(y, n))[0]
        scale = tolerance(precision, float64=1e-13, float32=1e-5)
        close(got, float(want), relative=scale, absolute=scale)


def test_the_beta_binomial_adds_up_to_one_over_all_successes(double: None) -> None:
    counts = Counts(np.arange(46.0), np.full(46, 45.0))
    log_chances = likelihood.beta_binomial(jnp.asarray(-0.7), jnp.asarray(8.0), counts)
    close(jnp.exp(log_chances + likelihood.reference(counts)).sum(), 1, relative=1e-13)


def test_the_logit_normal_binomial_adds_up_to_one_over_all_successes(double: None) -> None:
    counts = Counts(np.arange(46.0), np.full(46, 45.0))
    for sigma in (1e-3, 0.2, 1.0, 4.0):
        log_chances = normal_log_odds.logit_normal_binomial(
            jnp.asarray(-1.0), jnp.asarray(sigma), counts
        )
        close(jnp.exp(log_chances + likelihood.reference(counts)).sum(), 1, relative=1e-8)


@pytest.mark.parametrize(("y", "n"), [(0, 0), (0, 4), (18, 45), (45, 45), (46, 810), (0, 10**6)])
@pytest.mark.parametrize("sigma", [0.01, 0.3, 2.0])
def test_the_logit_normal_binomial_agrees_with_adaptive_quadrature(
    double: None, y: int, n: int, sigma: float
) -> None:
    mu = -1.0

    def integrand(z: mpmath.mpf) -> mpmath.mpf:
        theta = sigmoid(mu + sigma * z)
        log_binomial = y * mpmath.log(theta) + (n - y) * mpmath.log(1 - theta)
        return mpmath.exp(log_binomial - mp_reference(y, n) - z * z / 2)

    mode = brentq(lambda z: sigma * (y - n * expit(mu + sigma * z)) - z, -1e9, 1e9)
    spread = 1 / np.sqrt(1 + sigma**2 * n * expit(mu + sigma * mode) * expit(-mu - sigma * mode))
    with mpmath.workdps(25):
        area = mpmath.quad(integrand, list(mode + spread * np.linspace(-14, 14, 57)))
        want = float(mpmath.log(area / mpmath.sqrt(2 * mpmath.pi)))
    got = normal_log_odds.logit_normal_binomial(jnp.asarray(mu), jnp.asarray(sigma), one(y, n))
    close(got[0], want, relative=1e-9, absolute=1e-9)


def test_a_group_without_trials_changes_nothing(precision: str) -> None:
    unseen = one(0, 0)
    v, kappa = jnp.asarray(-1.3, precision), jnp.asarray(37.0, precision)
    assert likelihood.beta_binomial(v, kappa, unseen)[0] == 0
    assert likelihood.binomial(v[None], unseen)[0] == 0
    assert abs(likelihood.reference(unseen)[0]) < 1e-6


@pytest.mark.parametrize("counts", [PLAYERS, RATS, HOSPITALS], ids=["players", "rats", "hospitals"])
def test_float32_stays_near_float64_out_to_a_concentration_of_ten_million(counts: Counts) -> None:
    kappas = np.exp(np.linspace(0, np.log(1e7), 30))

    def total(v: jax.Array, kappa: jax.Array) -> jax.Array:
        return likelihood.beta_binomial(v, kappa, counts).sum()

    def evaluated(dtype: str) -> tuple[np.ndarray, np.ndarray]:
        v, k = jnp.asarray(-1.2, dtype), jnp.asarray(kappas, dtype)
        values, slopes = batched(jax.value_and_grad(total), (None, 0))(v, k)
        return np.asarray(values, float), np.asarray(slopes, float)

    with jax.enable_x64(True):
        values, slopes = evaluated("float64")
    single_values, single_slopes = evaluated("float32")
    close(single_values, values, relative=1e-5, absolute=2e-4)
    close(single_slopes, slopes, relative=1e-3, absolute=2e-3)
