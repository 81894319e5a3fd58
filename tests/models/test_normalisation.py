"""Jacobians, priors that integrate to 1, and the evidence that follows from both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy import integrate, stats
from tables import (
    CLICKS,
    EXACT,
    PLAYERS,
    RATS,
    TABLES,
    WITH_ROOKIE,
    batched,
    close,
    log_constant,
)

from hierpool.counts import Counts
from hierpool.likelihood.special import logit
from hierpool.mcmc.target import Standardized, target_of
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling
from hierpool.models.pooling import CompletePooling, NoPooling


def test_the_log_jacobians_are_those_of_autodiff(double: None) -> None:
    def constrained(position: dict[str, jax.Array]) -> jax.Array:
        parameters = PartialPooling().constrain(jax.random.key(0), position, PLAYERS)
        return jnp.concatenate(
            [jnp.stack([parameters["phi"], parameters["kappa_log"]]), parameters["theta"]]
        )

    flat, unravel = ravel_pytree(PartialPooling().init(jax.random.key(7), PLAYERS))
    jacobian = jax.jacobian(lambda vector: constrained(unravel(vector)))(flat)
    _, want = jnp.linalg.slogdet(jacobian)
    # The density on the constrained space, written without any Jacobian.
    phi, kappa_log, *theta = np.asarray(constrained(unravel(flat)))
    a, b = phi * np.exp(kappa_log), (1 - phi) * np.exp(kappa_log)
    density = stats.expon.logpdf(kappa_log, scale=1 / 1.5)
    density += stats.beta.logpdf(theta, a, b).sum()
    density += stats.binom.logpmf(PLAYERS.successes, PLAYERS.trials, theta).sum()
    got = PartialPooling().log_density(unravel(flat), PLAYERS) + log_constant(PLAYERS)
    close(got - density, want, relative=1e-10)


STANDARDIZED = [
    PartialPooling(),
    CollapsedPartialPooling(),
    LogitPartialPooling(0.3, 2.0, 0.4),
    CollapsedLogitPartialPooling(0.3, 2.0, 0.4),
]


@pytest.mark.parametrize("model", STANDARDIZED, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("counts", [WITH_ROOKIE, Counts(np.array([0, 0]), np.array([20, 0]))])
def test_what_nuts_explores_maps_to_the_position_and_back(
    model: Standardized, counts: Counts, double: None
) -> None:
    position = model.init(jax.random.key(7), counts)
    standard = model.standardize(position, counts)
    again, log_jacobian = model.unstandardize(standard, counts)
    for name, leaf in position.items():
        close(again[name], leaf, relative=1e-9, absolute=1e-12)
    flat, unravel = ravel_pytree(standard)

    def to_position(vector: jax.Array) -> jax.Array:
        return ravel_pytree(model.unstandardize(unravel(vector), counts)[0])[0]

    _, want = jnp.linalg.slogdet(jax.jacobian(to_position)(flat))
    close(log_jacobian, want, relative=1e-9)


@pytest.mark.parametrize("name", TABLES)
def test_what_nuts_explores_is_near_a_standard_normal(name: str, double: None) -> None:
    # Draws of theta from its conditional have mean 0 and sd 1, whatever the population.
    counts, model = TABLES[name], PartialPooling()
    keys = jax.random.split(jax.random.key(8), 4000)
    population_position = {"logit_phi": jnp.array(-1.0), "log_kappa_log": jnp.array(1.5)}

    def one(key: jax.Array) -> jax.Array:
        theta = model.collapsed().constrain(key, population_position, counts)["theta"]
        position = population_position | {"logit_theta": logit(theta)}
        return model.standardize(position, counts)["z_theta"]

    z = batched(one)(keys)
    close(z.mean(axis=0), 0, relative=0, absolute=0.1)
    close(z.std(axis=0), 1, relative=0.1)


LOG_SIGMAS = jnp.array([-3.0, -0.5, 1.0])


@pytest.mark.parametrize("counts", [RATS, CLICKS], ids=["rats", "clicks"])
def test_the_log_odds_that_nuts_explores_are_near_a_standard_normal(
    counts: Counts, double: None
) -> None:
    # Draws of theta from its conditional have mean 0 and sd 1, whatever the population.
    collapsed, joint = CollapsedLogitPartialPooling(), LogitPartialPooling()

    def one(log_sigma: jax.Array, key: jax.Array) -> jax.Array:
        position = {"mu": jnp.array(-2.0), "log_sigma": log_sigma}
        theta = collapsed.constrain(key, position, counts)["theta"]
        z = (logit(theta) - position["mu"]) / jnp.exp(log_sigma)
        return joint.standardize(position | {"z": z}, counts)["z_theta"]

    z = batched(jax.vmap(one, (None, 0)), (0, None))(
        LOG_SIGMAS, jax.random.split(jax.random.key(8), 2000)
    )
    close(z.mean(axis=1), 0, relative=0, absolute=0.15)
    close(z.std(axis=1), 1, relative=0.15)


@pytest.mark.parametrize("counts", [PLAYERS, CLICKS], ids=["players", "clicks"])
def test_mu_given_sigma_as_nuts_explores_it_is_near_a_standard_normal(
    counts: Counts, double: None
) -> None:
    model = CollapsedLogitPartialPooling()
    z_mu = jnp.linspace(-9.0, 9.0, 181)
    origins = {"mu": jnp.zeros(3), "log_sigma": LOG_SIGMAS}
    z_sigma = batched(model.standardize, (0, None))(origins, counts)["z_sigma"]
    density = batched(jax.vmap(target_of(model, counts).log_density))
    z = {
        name: leaf.T
        for name, leaf in zip(("z_mu", "z_sigma"), jnp.meshgrid(z_mu, z_sigma), strict=True)
    }
    weight = jax.nn.softmax(density(z), axis=0)
    mean = jnp.sum(weight * z["z_mu"], axis=0)
    # Between the smallest and the largest sigma the clicks' mu moves by 25 of its smaller sds.
    close(mean, 0, relative=0, absolute=2)
    close(jnp.sum(weight * (z["z_mu"] - mean) ** 2, axis=0) ** 0.5, 1, relative=0.25)


@pytest.mark.parametrize("priors", [(1.5, 1.0, 1.0), (0.5, 2.0, 5.0), (5.0, 0.5, 0.5)])
def test_the_population_prior_integrates_to_one(
    double: None, priors: tuple[float, float, float]
) -> None:
    model = PartialPooling(*priors)

    def density(axis: str, value: float) -> float:
        at = {"logit_phi": jnp.asarray(0.0), "log_kappa_log": jnp.asarray(0.0)}
        log_density = model.collapsed().log_prior(at | {axis: jnp.asarray(value)})
        return float(jnp.exp(log_density))

    # phi and kappa are independent: the integral is a product, with the origin counted twice.
    areas = [
        integrate.quad(lambda x, axis=axis: density(axis, x), -70, 70, limit=300, points=[0])[0]
        for axis in ("logit_phi", "log_kappa_log")
    ]
    close(areas[0] * areas[1] / density("logit_phi", 0.0), 1, relative=1e-7)


def test_the_logit_prior_integrates_to_one(double: None) -> None:
    model = LogitPartialPooling(0.3, 2.0, 0.4)
    nobody = Counts(np.zeros(0), np.zeros(0))

    def density(mu: float, log_sigma: float) -> float:
        at = {"mu": jnp.asarray(mu), "log_sigma": jnp.asarray(log_sigma), "z": jnp.zeros(0)}
        return float(jnp.exp(model.log_density(at, nobody)))

    mu_area = integrate.quad(lambda mu: density(mu, -1.0), -15, 15)[0]
    sigma_area = integrate.quad(lambda log_sigma: density(0.3, log_sigma), -40, 3, limit=200)[0]
    close(mu_area * sigma_area / density(0.3, -1.0), 1, relative=1e-7)


def test_the_evidence_of_the_pooling_models_is_the_textbook_one(double: None) -> None:
    for counts in TABLES.values():
        y, n = counts.successes, counts.trials
        constant = log_constant(counts)
        none = NoPooling(2.0, 3.0).log_density({}, counts) + constant
        close(none, stats.betabinom.logpmf(y, n, 2, 3).sum(), relative=1e-11)
        complete = CompletePooling(2.0, 3.0).log_density({}, counts) + constant
        pooled = stats.betabinom.logpmf(y.sum(), n.sum(), 2, 3)
        # The groups' share of the total successes is multivariate hypergeometric.
        share = stats.multivariate_hypergeom.logpmf(y, n, y.sum())
        close(complete, pooled + share, relative=1e-9)


def test_densities_of_all_models_share_one_constant(double: None) -> None:
    """The collapsed evidence by quadrature, from hierpool's own density, is the oracle's."""
    model = CollapsedPartialPooling()
    v, u = np.linspace(-2, 0.2, 300), np.linspace(-3.5, 3.5, 400)
    at = dict(zip(("logit_phi", "log_kappa_log"), map(jnp.ravel, jnp.meshgrid(v, u)), strict=True))
    values = batched(model.log_density, (0, None))(at, PLAYERS)
    cell = (v[1] - v[0]) * (u[1] - u[0])
    log_evidence = jax.nn.logsumexp(values) + np.log(cell) + log_constant(PLAYERS)
    close(log_evidence, EXACT["efron-morris-75"]["log_evidence"], relative=1e-8)


@pytest.mark.parametrize("model", STANDARDIZED[2:], ids=lambda model: type(model).__name__)
def test_the_logit_density_that_nuts_explores_is_finite_far_out(
    model: Standardized, precision: str
) -> None:
    counts = Counts(np.array([0, 0, 4, 45, 10**9]), np.array([0, 10**9, 45, 45, 10**9]))
    target = target_of(model, counts)
    start = target.init(jax.random.key(0))
    density = jax.jit(jax.value_and_grad(target.log_density))
    for name in start:
        for by in (-60.0, -8.0, 8.0, 60.0):
            value, slope = density(start | {name: start[name] + by})
            # The prior of sigma has no room left for e^24.
            if (name, by) != ("z_sigma", 60.0):
                assert np.isfinite(value), (name, by)
                assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope)), (name, by)
