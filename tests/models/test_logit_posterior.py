"""The posterior of the logit-normal population, against a table of draws and brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import agrees
from scipy import stats
from scipy.special import expit
from tables import CLICKS, PLAYERS, close

from hierpool.counts import Counts
from hierpool.exact.grid import row_quantiles
from hierpool.exact.posterior import explore
from hierpool.exact.quadrature import Quadrature
from hierpool.inference.sample import sample
from hierpool.likelihood import logit_normal as normal_log_odds
from hierpool.likelihood.histograms import Data
from hierpool.mcmc.nuts import NUTS
from hierpool.models.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling

MODEL = CollapsedLogitPartialPooling()


def theta_moments(
    mu: jax.Array, sigma: jax.Array, weight: jax.Array, counts: Counts
) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) posterior means and sds of theta, over weighted populations.

    Args:
        mu: (population,) means of the log-odds.
        sigma: (population,) their standard deviations.
        weight: (population,) posterior probabilities; the sum is 1.
        counts: (group,) successes out of trials, distinct or not.
    """
    successes, failures, _ = counts.as_floats(mu.dtype)
    reference_logit = jnp.log(successes + 0.5) - jnp.log(failures + 0.5)

    def given(population: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        nodes = normal_log_odds.logit_normal_nodes(*population, counts)
        share = nodes.mass / jnp.sum(nodes.mass, axis=0)
        theta = jax.nn.sigmoid(reference_logit + nodes.shift)
        mean = jnp.sum(share * theta, axis=0)
        return mean, jnp.sum(share * (theta - mean) ** 2, axis=0)

    # One after the other: all nodes of all populations at once would fill the memory.
    means, variances = jax.lax.map(given, (mu, sigma))
    mean = weight @ means
    return mean, jnp.sqrt(weight @ (variances + (means - mean) ** 2))


def integrated(counts: Data) -> tuple[jax.Array, ...]:
    """Returns the posterior's mu, sigma and weight, the log evidence and sigma's quantiles."""
    grid = explore(MODEL, counts, Quadrature(num_nodes=80))
    log_sigma = row_quantiles(grid, jnp.array([0.1, 0.5, 0.9]))
    mu, sigma = grid.positions["mu"], jnp.exp(grid.positions["log_sigma"])
    evidence = jnp.where(grid.converged, grid.log_evidence, jnp.nan)
    return mu.ravel(), sigma.ravel(), grid.weight.ravel(), evidence, jnp.exp(log_sigma)


def test_quadrature_agrees_with_the_reference_and_a_brute_force_evidence(double: None) -> None:
    mu, sigma, weight, log_evidence, quantiles = jax.jit(integrated)(PLAYERS)
    close(quantiles, [0.031, 0.151, 0.318], relative=0, absolute=5e-4)
    # The table was drawn: 400,000 independent draws, so 5 standard errors of a mean or sd.
    for values, mean, sd in ((mu, -1.02641, 0.09270), (sigma, 0.16600, 0.11190)):
        got = weight @ values
        error = 5 * sd / np.sqrt(400_000)
        close(got, mean, relative=0, absolute=error)
        close(jnp.sqrt(weight @ (values - got) ** 2), sd, relative=0, absolute=error)
    means, sds = jax.jit(theta_moments)(mu, sigma, weight, PLAYERS)
    for i, mean, sd in ((0, 0.29369, 0.04270), (17, 0.24333, 0.03582)):
        error = 5 * sd / np.sqrt(400_000)
        close([means[i], sds[i]], [mean, sd], relative=0, absolute=error)
    close(log_evidence, brute_force(PLAYERS), relative=1e-9)


def brute_force(counts: Counts) -> float:
    """Returns the log evidence, less ``reference``, by three nested trapezoid rules."""
    u = np.linspace(-26.0, 1.6, 553)
    mu = np.linspace(-3.5, 1.5, 201)
    z, z_step = np.linspace(-9.0, 9.0, 121, retstep=True)
    pairs, groups = np.unique(np.stack(counts), axis=1, return_counts=True)
    log_rows = np.empty((len(u), len(mu)))
    for row, log_sigma in enumerate(u):
        sigma = np.exp(log_sigma)
        theta = expit(mu[:, None] + sigma * z)
        total = stats.norm.logpdf(mu, -1, 1) + stats.halfnorm.logpdf(sigma) + log_sigma
        for (y, n), number in zip(pairs.T, groups, strict=True):
            chance = (theta**y * (1 - theta) ** (n - y)) @ stats.norm.pdf(z) * z_step
            rate = (y + 0.5) / (n + 1)
            total += number * (np.log(chance) - y * np.log(rate) - (n - y) * np.log1p(-rate))
        log_rows[row] = total
    cell = (u[1] - u[0]) * (mu[1] - mu[0])
    return float(np.log(np.exp(log_rows - log_rows.max()).sum() * cell) + log_rows.max())


def test_nuts_agrees_with_the_reference(double: None) -> None:
    nuts = NUTS(num_chains=4, num_warmup=1000, num_draws=2000, target_accept=0.9)
    drawn = sample(jax.random.key(5), MODEL, PLAYERS, nuts).parameters
    parameters = {name: np.asarray(values) for name, values in drawn.items()}
    for variable, mean, sd in (("mu", -1.02641, 0.09270), ("sigma", 0.16600, 0.11190)):
        agrees(parameters[variable], mean, "mean", variable)
        agrees(parameters[variable], sd, "sd", variable)
    for i, mean, sd in ((0, 0.29369, 0.04270), (17, 0.24333, 0.03582)):
        agrees(parameters["theta"][..., i], mean, "mean", f"theta {i}")
        agrees(parameters["theta"][..., i], sd, "sd", f"theta {i}")


def log_posterior(mu: np.ndarray, sigma: np.ndarray, counts: Counts) -> np.ndarray:
    """Returns (sigma, mu) log posterior density by a trapezoid rule over each log-odds."""
    total = stats.norm.logpdf(mu, -1, 1) + stats.halfnorm.logpdf(sigma)[:, None]
    for y, n in zip(*counts, strict=True):
        own, sd = np.log(y / (n - y)), (1 / y + 1 / (n - y)) ** 0.5
        x = np.linspace(own - 8 * sd, own + 8 * sd, 161)
        likelihood = stats.binom.pmf(y, n, expit(x))
        # (sigma, mu, x), one sigma at a time.
        integral = [stats.norm.pdf(x, mu[:, None], s) @ likelihood for s in sigma]
        total = total + np.log(np.maximum(integral, 1e-300))
    return total


@pytest.mark.usefixtures("optimized")
def test_nuts_does_not_miss_the_neck_of_low_rates_that_are_alike(double: None) -> None:
    mu, sigma = np.linspace(-10.5, -2.0, 171), np.linspace(0.1, 5.5, 136)
    log_density = log_posterior(mu, sigma, CLICKS)
    weight = np.exp(log_density - log_density.max())
    by_sigma = weight.sum(axis=1)
    want = by_sigma[sigma < 1.2 - 1e-9].sum() + 0.5 * by_sigma[np.isclose(sigma, 1.2)].sum()
    want /= by_sigma.sum()
    close(want, 0.0402, relative=0, absolute=2e-4)
    for model in (MODEL, LogitPartialPooling()):
        drawn = sample(jax.random.key(0), model, CLICKS, NUTS(num_draws=2000))
        assert drawn.stats is not None and drawn.stats.diverging.sum() == 0
        in_neck = np.asarray(drawn.parameters["sigma"] < 1.2, float)
        agrees(in_neck, want, "mean", type(model).__name__)
