"""The logit-normal population with theta integrated out, against integration by other means."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, log_expit
from tables import HOSPITALS, RATS, WITH_ROOKIE, batched, close, tolerance

from hierpool.counts import Counts
from hierpool.likelihood import logit_normal as normal_log_odds
from hierpool.likelihood.compress import compress, distinct
from hierpool.likelihood.histograms import Pairs
from hierpool.models.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling

MODEL = CollapsedLogitPartialPooling()
PAIRS = [(0, 0), (0, 4), (1, 1), (18, 45), (45, 45), (2, 10**6), (3 * 10**8, 10**9), (0, 10**9)]
SIGMAS = [1e-6, 0.03, 0.5, 3.0, 10.0, 50.0]


class Dense(NamedTuple):
    """One group's conditional of its log-odds, on far more nodes than it needs."""

    log_odds: np.ndarray
    mass: np.ndarray
    log_marginal: float

    def mean(self, values: np.ndarray) -> float:
        return float(np.sum(self.mass * values))


def dense(y: int, n: int, mu: float, sigma: float, size: int = 20_001) -> Dense:
    """Returns the conditional by a mode from bisection and a trapezoid rule, in NumPy."""
    if 2 * y > n:
        mirrored = dense(n - y, n, -mu, sigma, size)
        return mirrored._replace(log_odds=-mirrored.log_odds)

    def slope(z: float) -> float:
        return sigma**2 * (y - n * float(expit(z))) - (z - mu)

    mode = brentq(slope, mu - sigma**2 * n - 1, mu + sigma**2 * n + 1, xtol=1e-13)
    # In 64-bit mantissas: a billion trials leave 7 digits of a double.
    mode, mu, sigma = np.longdouble(mode), np.longdouble(mu), np.longdouble(sigma)
    chance = expit(mode)
    width = 1 / np.sqrt(1 / sigma**2 + n * chance * (1 - chance))
    end = np.arcsinh(9 * sigma / width)
    t, step = np.linspace(-end, end, size, retstep=True)
    shift = width * np.sinh(t)
    # log(1 - chance + chance e^shift), from the side on which the chance is small.
    sign = -1 if mode > 0 else 1
    rarer, far = expit(sign * mode), 300
    near = np.minimum(sign * shift, far)
    rise = np.log1p(rarer * np.expm1(near)) + (sign * shift - near) + (0 if sign > 0 else shift)
    log_density = y * shift - n * rise - (mode + shift - mu) ** 2 / (2 * sigma**2)
    log_density += np.log(width * np.cosh(t) * step / sigma) - 0.5 * np.log(2 * np.pi)
    top = log_density.max()
    total = np.exp(log_density - top).sum()
    # y log theta + (n - y) log (1 - theta) at the mode, less that at the reference rate.
    reference = np.longdouble(y + 0.5) / (n + 1)
    at_mode = y * (log_expit(mode) - np.log(reference))
    at_mode += (n - y) * (log_expit(-mode) - np.log1p(-reference))
    log_marginal = at_mode + top + np.log(total)
    mass = np.exp(log_density - top) / total
    return Dense(mode + shift, mass, float(log_marginal))


def one(y: int, n: int) -> Counts:
    return Counts(np.array([y]), np.array([n]))


def marginal(mu: jax.Array, sigma: jax.Array, counts: Counts) -> jax.Array:
    return normal_log_odds.logit_normal_binomial(mu, sigma, counts)[0]


@pytest.mark.parametrize(("y", "n"), PAIRS)
@pytest.mark.parametrize("mu", [-20.0, -1.0, 3.0])
def test_the_marginal_agrees_with_a_dense_rule(precision: str, y: int, n: int, mu: float) -> None:
    sigmas = jnp.asarray(SIGMAS, precision)
    got = batched(marginal, (None, 0, None))(jnp.asarray(mu, precision), sigmas, one(y, n))
    want = [dense(y, n, mu, float(sigma)).log_marginal if n else 0.0 for sigma in sigmas]
    scale = tolerance(precision, float64=1e-9, float32=1e-4)
    close(got, want, relative=scale, absolute=scale)


@pytest.mark.parametrize(("y", "n"), [pair for pair in PAIRS if pair[1]])
def test_the_slopes_are_means_of_the_score(double: None, y: int, n: int) -> None:
    mus, sigmas = (jnp.ravel(x) for x in jnp.meshgrid(jnp.array([-20.0, -1.0]), jnp.array(SIGMAS)))
    slopes = batched(jax.grad(marginal, (0, 1)), (0, 0, None))(mus, sigmas, one(y, n))
    for i, (mu, sigma) in enumerate(zip(mus.tolist(), sigmas.tolist(), strict=True)):
        exact = dense(y, n, mu, sigma)
        score = y - n * expit(exact.log_odds)
        # What rounding leaves of the dense rule's own sum.
        noise = 1e-13 * exact.mean(np.abs(score) * (1 + np.abs(exact.log_odds - mu) / sigma))
        want = exact.mean(score), exact.mean(score * (exact.log_odds - mu) / sigma)
        close([slope[i] for slope in slopes], want, relative=1e-7, absolute=2e-8 + noise)


def test_the_marginal_and_its_slopes_are_finite_everywhere(precision: str) -> None:
    grid = jnp.meshgrid(
        jnp.array([-300.0, -80.0, -20.0, 0.0, 80.0], precision),
        jnp.array([0.0, 1e-30, 1e-6, 1.0, 50.0, 1e4, 1e12], precision),
    )
    mus, sigmas = (jnp.ravel(x) for x in grid)
    evaluated = batched(jax.value_and_grad(marginal, (0, 1)), (0, 0, None))
    for y, n in PAIRS:
        found = evaluated(mus, sigmas, one(y, n))
        for leaf in jax.tree.leaves(found):
            assert np.isfinite(leaf).all(), (y, n)


def test_a_group_without_trials_adds_nothing(precision: str) -> None:
    position = MODEL.init(jax.random.key(0), RATS)
    padded = Counts(np.append(RATS.successes, [0, 0, 0]), np.append(RATS.trials, [0, 0, 0]))
    density = jax.jit(MODEL.log_density)
    close(
        density(position, padded),
        density(position, RATS),
        relative=tolerance(precision, float64=1e-14, float32=1e-6),
    )
    assert marginal(position["mu"], jnp.exp(position["log_sigma"]), one(0, 0)) == 0


def test_distinct_pairs_have_the_density_of_their_groups(double: None) -> None:
    pairs = distinct(RATS.successes, RATS.trials)
    data = Pairs(Counts(pairs.successes, pairs.trials), pairs.groups)
    assert len(pairs.trials) < len(RATS.trials)
    position = MODEL.init(jax.random.key(1), data)
    close(MODEL.log_density(position, data), MODEL.log_density(position, RATS), relative=1e-13)


def test_histograms_are_refused() -> None:
    data = compress(distinct(RATS.successes, RATS.trials))
    position = MODEL.init(jax.random.key(1), RATS)
    for call in (partial(MODEL.init, jax.random.key(0)), partial(MODEL.log_density, position)):
        with pytest.raises(TypeError, match="Counts or Pairs, not Histograms"):
            call(data)


@pytest.mark.parametrize("counts", [WITH_ROOKIE, HOSPITALS], ids=["players", "hospitals"])
def test_the_joint_density_is_the_collapsed_one_times_the_conditionals(
    double: None, counts: Counts
) -> None:
    priors = (0.3, 2.0, 0.4)
    joint = LogitPartialPooling(*priors)
    positions = batched(joint.init, (0, None))(jax.random.split(jax.random.key(2), 5), counts)
    got = batched(joint.log_density, (0, None))(positions, counts)
    collapsed = batched(CollapsedLogitPartialPooling(*priors).log_density, (0, None))(
        {name: positions[name] for name in ("log_sigma", "mu")}, counts
    )
    for i in range(len(got)):
        mu, sigma = float(positions["mu"][i]), float(np.exp(positions["log_sigma"][i]))
        conditional = 0.0
        groups = zip(counts.successes, counts.trials, positions["z"][i], strict=True)
        for y, n, z in groups:
            exact = dense(int(y), int(n), mu, sigma)
            # Normalised: the density over what it integrates to.
            chance = float(expit(mu + sigma * z))
            density = stats.binom.logpmf(y, n, chance) + stats.norm.logpdf(z)
            rate = (y + 0.5) / (n + 1)
            conditional += density - (exact.log_marginal + stats.binom.logpmf(y, n, rate))
        close(got[i], collapsed[i] + conditional, relative=1e-9, absolute=1e-9)


@pytest.mark.parametrize(("y", "n"), PAIRS)
@pytest.mark.parametrize("sigma", [1e-6, 0.3, 3.0, 50.0])
def test_quantiles_of_theta_invert_the_distribution_function(
    double: None, y: int, n: int, sigma: float
) -> None:
    mu = -1.0
    levels = np.array([1e-5, 1e-3, 0.05, 0.3, 0.5, 0.77, 0.95, 0.999])
    got = batched(normal_log_odds.theta_quantile, (0, None, None, None))(
        levels[:, None], jnp.asarray(mu), jnp.asarray(sigma), one(y, n)
    )[:, 0]
    exact = dense(y, n, mu, sigma, 400_001)
    # Half of a node's mass is on either side of it.
    below = np.cumsum(exact.mass) - 0.5 * exact.mass
    order = np.argsort(exact.log_odds)
    if order[0]:
        below = 1 - below
    found = np.interp(got, expit(exact.log_odds)[order].astype(float), below[order].astype(float))
    # Chances that round to 1 tell nothing of the level.
    told = (got > 0) & (got < 1 - 1e-6)
    close(found[told], levels[told], relative=0, absolute=1e-6)


@pytest.mark.parametrize("sigma", [0.2, 2.0])
def test_draws_of_theta_have_the_moments_of_its_conditional(double: None, sigma: float) -> None:
    counts = Counts(np.array([0, 0, 4, 18, 45]), np.array([0, 4, 4, 45, 45]))
    position = {"log_sigma": jnp.log(sigma), "mu": jnp.asarray(-1.0)}
    keys = jax.random.split(jax.random.key(3), 100_000)
    theta = np.asarray(batched(MODEL.constrain, (0, None, None))(keys, position, counts)["theta"])
    for i, (y, n) in enumerate(zip(*counts, strict=True)):
        exact = dense(int(y), int(n), -1.0, sigma)
        chance = expit(exact.log_odds)
        mean = exact.mean(chance)
        sd = np.sqrt(exact.mean((chance - mean) ** 2))
        fourth = exact.mean((chance - mean) ** 4)
        assert abs(theta[:, i].mean() - mean) < 5 * sd / np.sqrt(len(keys))
        error = np.sqrt(fourth - sd**4) / (2 * sd) / np.sqrt(len(keys))
        assert abs(theta[:, i].std() - sd) < 5 * error
        assert np.all((theta[:, i] > 0) & (theta[:, i] < 1))


@pytest.mark.parametrize("counts", [WITH_ROOKIE, RATS, HOSPITALS])
def test_float32_is_near_float64_as_far_as_the_prior_reaches(counts: Counts) -> None:
    grid = np.meshgrid(np.linspace(-4.0, 2.0, 7), np.linspace(-8.0, 1.2, 8))

    def evaluated(dtype: str) -> tuple[np.ndarray, ...]:
        mu, log_sigma = (jnp.asarray(x.ravel(), dtype) for x in grid)
        position = {"log_sigma": log_sigma, "mu": mu}
        value, slope = batched(jax.value_and_grad(MODEL.log_density), (0, None))(position, counts)
        return tuple(np.asarray(leaf, float) for leaf in (value, *slope.values()))

    with jax.enable_x64(True):
        double = evaluated("float64")
    for got, want in zip(evaluated("float32"), double, strict=True):
        close(got, want, relative=2e-5, absolute=5e-3)
