"""Laws that every density obeys, on every model and table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.test_util import check_grads
from oracle import exact
from scipy import integrate, stats
from tables import EXACT, HOSPITALS, PLAYERS, RATS, TABLES, WITH_ROOKIE, batched, close, tolerance

from hierpool import likelihood, population
from hierpool.counts import Counts, stack
from hierpool.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling
from hierpool.models import (
    CollapsedPartialPooling,
    CompletePooling,
    Model,
    NoPooling,
    PartialPooling,
)
from hierpool.special import logit

MODELS = {
    "complete": CompletePooling(),
    "none": NoPooling(),
    "partial": PartialPooling(),
    "collapsed": CollapsedPartialPooling(),
    "logit": LogitPartialPooling(),
    "collapsed logit": CollapsedLogitPartialPooling(),
    "partial, other priors": PartialPooling(0.5, 2.0, 5.0),
    "collapsed, other priors": CollapsedPartialPooling(0.5, 2.0, 5.0),
    "logit, other priors": LogitPartialPooling(0.3, 2.0, 0.4),
    "collapsed logit, other priors": CollapsedLogitPartialPooling(0.3, 2.0, 0.4),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
exploring = pytest.mark.parametrize(
    "model",
    [model for name, model in MODELS.items() if name not in ("complete", "none")],
    ids=[name for name in MODELS if name not in ("complete", "none")],
)


def log_constant(counts: Counts) -> float:
    """Returns what densities leave out."""
    return float(likelihood.reference(counts).sum())


def starts(model: Model, counts: Counts, number: int = 20) -> dict[str, jax.Array]:
    keys = jax.random.split(jax.random.key(5), number)
    return batched(model.init, (0, None))(keys, counts)


def rearranged(position: dict[str, jax.Array], order: np.ndarray) -> dict[str, jax.Array]:
    return {name: leaf[order] if leaf.ndim else leaf for name, leaf in position.items()}


@exploring
def test_the_density_and_its_slope_are_finite_far_out(model: Model, precision: str) -> None:
    position = model.init(jax.random.key(0), WITH_ROOKIE)
    density = jax.jit(jax.value_and_grad(model.log_density))
    for scale in (-8.0, -1.0, 1.0, 5.0):
        for name in position:
            moved = position | {name: position[name] + 10 * scale}
            value, slope = density(moved, WITH_ROOKIE)
            finite = jax.tree.map(lambda leaf: bool(np.isfinite(leaf).all()), slope)
            # Only where the prior itself has no room left may the value be -inf.
            if name == "log_kappa_log" and scale == 5.0:
                continue
            if name == "log_sigma" and scale == 5.0:
                continue
            assert np.isfinite(value), (name, scale)
            assert all(finite.values()), (name, scale, finite)


@exploring
def test_the_slope_is_that_of_finite_differences(model: Model, double: None) -> None:
    for counts in (WITH_ROOKIE, HOSPITALS):
        position = model.init(jax.random.key(1), counts)
        check_grads(
            lambda at, counts=counts: model.log_density(at, counts),
            (position,),
            order=1,
            modes=["rev"],
            rtol=1e-5,
            atol=1e-5,
        )


@every_model
def test_the_order_of_the_groups_changes_nothing(model: Model, double: None) -> None:
    order = np.random.default_rng(0).permutation(len(RATS.trials))
    shuffled = Counts(RATS.successes[order], RATS.trials[order])
    position = model.init(jax.random.key(2), RATS)
    close(
        model.log_density(rearranged(position, order), shuffled),
        model.log_density(position, RATS),
        relative=1e-12,
    )


@pytest.mark.parametrize("model", [CollapsedPartialPooling(), NoPooling(), CompletePooling()])
def test_groups_without_trials_leave_the_density_unchanged(model: Model, precision: str) -> None:
    padded = Counts(np.append(RATS.successes, [0, 0, 0]), np.append(RATS.trials, [0, 0, 0]))
    position = model.init(jax.random.key(3), RATS)
    close(
        model.log_density(position, padded),
        model.log_density(position, RATS),
        relative=tolerance(precision, float64=1e-14, float32=1e-6),
    )


@pytest.mark.parametrize("model", [PartialPooling(), CollapsedPartialPooling()])
def test_swapping_successes_with_failures_mirrors_phi(model: Model, double: None) -> None:
    mirrored = Counts(HOSPITALS.trials - HOSPITALS.successes, HOSPITALS.trials)
    position = model.init(jax.random.key(4), HOSPITALS)
    mirror = {name: -leaf if "logit" in name else leaf for name, leaf in position.items()}
    close(
        model.log_density(mirror, mirrored), model.log_density(position, HOSPITALS), relative=1e-12
    )


@exploring
@pytest.mark.parametrize("counts", [PLAYERS, RATS, HOSPITALS], ids=["players", "rats", "hospitals"])
def test_float32_is_near_float64(model: Model, counts: Counts) -> None:
    with jax.enable_x64(True):
        positions = starts(model, counts)
        double = batched(model.log_density, (0, None))(positions, counts)
        positions, double = jax.tree.map(np.asarray, (positions, double))
    single_positions = jax.tree.map(lambda leaf: leaf.astype("float32"), positions)
    single = batched(model.log_density, (0, None))(single_positions, counts)
    close(single, double, relative=1e-5, absolute=2e-3)


@pytest.mark.parametrize("counts", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("priors", [(1.5, 1.0, 1.0), (0.5, 2.0, 5.0)])
def test_the_joint_density_is_the_collapsed_one_times_the_conditional(
    double: None, counts: Counts, priors: tuple[float, float, float]
) -> None:
    positions = starts(PartialPooling(*priors), counts, 50)
    joint = batched(PartialPooling(*priors).log_density, (0, None))(positions, counts)
    collapsed = batched(CollapsedPartialPooling(*priors).log_density, (0, None))(positions, counts)
    phi = 1 / (1 + np.exp(-np.asarray(positions["logit_phi"])))[:, None]
    kappa = np.exp(np.exp(np.asarray(positions["log_kappa_log"])))[:, None]
    theta = 1 / (1 + np.exp(-np.asarray(positions["logit_theta"])))
    failures = counts.trials - counts.successes
    conditional = stats.beta.logpdf(
        theta, phi * kappa + counts.successes, (1 - phi) * kappa + failures
    )
    jacobian = np.log(theta * (1 - theta))
    close(joint, collapsed + (conditional + jacobian).sum(axis=1), relative=1e-9)


@pytest.mark.parametrize("counts", TABLES.values(), ids=TABLES.keys())
def test_the_collapsed_density_is_the_textbook_one(double: None, counts: Counts) -> None:
    model = CollapsedPartialPooling(0.7, 2.0, 3.0)
    positions = starts(model, counts)
    got = batched(model.log_density, (0, None))(positions, counts) + log_constant(counts)
    for i in range(len(got)):
        v, u = float(positions["logit_phi"][i]), float(positions["log_kappa_log"][i])
        phi, kappa_log = 1 / (1 + np.exp(-v)), np.exp(u)
        want = stats.beta.logpdf(phi, 2, 3) + np.log(phi * (1 - phi))
        want += stats.expon.logpdf(kappa_log, scale=1 / 0.7) + u
        a, b = phi * np.exp(kappa_log), (1 - phi) * np.exp(kappa_log)
        want += stats.betabinom.logpmf(counts.successes, counts.trials, a, b).sum()
        close(got[i], want, relative=1e-10)


@pytest.mark.parametrize("counts", TABLES.values(), ids=TABLES.keys())
def test_the_logit_density_is_the_textbook_one(double: None, counts: Counts) -> None:
    model = LogitPartialPooling(0.3, 2.0, 0.4)
    positions = starts(model, counts)
    got = batched(model.log_density, (0, None))(positions, counts) + log_constant(counts)
    for i in range(len(got)):
        mu, u = float(positions["mu"][i]), float(positions["log_sigma"][i])
        z = np.asarray(positions["z"][i])
        theta = 1 / (1 + np.exp(-(mu + np.exp(u) * z)))
        want = stats.norm.logpdf(mu, 0.3, 2.0) + stats.halfnorm.logpdf(np.exp(u), scale=0.4) + u
        want += stats.norm.logpdf(z).sum()
        want += stats.binom.logpmf(counts.successes, counts.trials, theta).sum()
        close(got[i], want, relative=1e-10)


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


@pytest.mark.parametrize("model", [PartialPooling(), CollapsedPartialPooling()])
@pytest.mark.parametrize("counts", [WITH_ROOKIE, Counts(np.array([0, 0]), np.array([20, 0]))])
def test_what_nuts_explores_maps_to_the_position_and_back(
    model: PartialPooling | CollapsedPartialPooling, counts: Counts, double: None
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
        theta = population.draw_theta(key, population_position, counts)
        position = population_position | {"logit_theta": logit(theta)}
        return model.standardize(position, counts)["z_theta"]

    z = batched(one)(keys)
    close(z.mean(axis=0), 0, relative=0, absolute=0.1)
    close(z.std(axis=0), 1, relative=0.1)


@pytest.mark.parametrize("priors", [(1.5, 1.0, 1.0), (0.5, 2.0, 5.0), (5.0, 0.5, 0.5)])
def test_the_population_prior_integrates_to_one(
    double: None, priors: tuple[float, float, float]
) -> None:
    model = PartialPooling(*priors)

    def density(axis: str, value: float) -> float:
        at = {"logit_phi": jnp.asarray(0.0), "log_kappa_log": jnp.asarray(0.0)}
        log_density = population.log_prior(model, at | {axis: jnp.asarray(value)})
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


@pytest.mark.parametrize("name", TABLES)
def test_the_oracle_agrees_with_the_published_posteriors(name: str) -> None:
    want, posterior = EXACT[name], exact(*TABLES[name])
    close(posterior.log_evidence, want["log_evidence"], relative=1e-8)
    close(posterior.mean(posterior.phi), want["phi_mean"], relative=1e-7)
    close(posterior.sd(posterior.phi), want["phi_sd"], relative=1e-7)
    close(posterior.mean(posterior.kappa_log), want["kappa_log_mean"], relative=1e-7)
    close(posterior.sd(posterior.kappa_log), want["kappa_log_sd"], relative=1e-7)
    means, sds = posterior.theta_moments()
    close(means, want["theta_mean"], relative=1e-7)
    close(sds, want["theta_sd"], relative=1e-7)
    kappas = [np.exp(posterior.quantile(posterior.kappa_log, q)) for q in EXACT["quantile_levels"]]
    close(kappas, want["kappa_quantiles"], relative=2e-4)


@every_model
def test_log_likelihood_is_the_chance_of_the_successes_given_the_population(
    model: Model, double: None
) -> None:
    position = model.init(jax.random.key(8), HOSPITALS)
    parameters = model.constrain(jax.random.key(9), position, HOSPITALS)
    got = model.log_likelihood(parameters, HOSPITALS)
    y, n = HOSPITALS
    if "sigma" in parameters:
        draws = np.random.default_rng(0).normal(parameters["mu"], parameters["sigma"], 400_000)
        theta = 1 / (1 + np.exp(-draws))
        chances = np.stack([stats.binom.pmf(yi, ni, theta) for yi, ni in zip(y, n, strict=True)])
        error = chances.std(axis=1) / np.sqrt(chances.shape[1])
        assert np.all(np.abs(np.exp(got) - chances.mean(axis=1)) < 5 * error)
    elif "kappa" in parameters:
        a, b = (
            parameters["phi"] * parameters["kappa"],
            (1 - parameters["phi"]) * parameters["kappa"],
        )
        close(got, stats.betabinom.logpmf(y, n, a, b), relative=1e-10)
    elif "phi" in parameters:
        close(got, stats.binom.logpmf(y, n, parameters["phi"]), relative=1e-10)
    else:
        close(got, -np.log(n + 1), relative=1e-10)


def test_data_sets_of_unequal_length_are_stacked_with_unseen_groups() -> None:
    stacked = stack([PLAYERS, HOSPITALS])
    assert stacked.successes.shape == stacked.trials.shape == (2, 18)
    assert stacked.trials[1, 12:].sum() == stacked.successes[1, 12:].sum() == 0
    np.testing.assert_array_equal(stacked.trials[1, :12], HOSPITALS.trials)
    with pytest.raises(ValueError, match="at least one data set"):
        stack([])
