"""Laws that every density obeys, on every model and table."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from oracle import exact
from scipy import stats
from tables import (
    EXACT,
    HOSPITALS,
    PLAYERS,
    RATS,
    TABLES,
    WITH_ROOKIE,
    batched,
    close,
    log_constant,
    tolerance,
)

from hierpool.counts import Counts, stack
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling
from hierpool.models.pooling import CompletePooling, NoPooling
from hierpool.models.protocol import Model, Position

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


@jax.jit
@partial(jax.vmap, in_axes=(None, 0, None))
def densities(model: Model, position: Position, counts: Counts) -> jax.Array:
    """Returns (position,) log densities: one program serves all priors of a model."""
    return model.log_density(position, counts)


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


@pytest.mark.parametrize("model", [CollapsedPartialPooling(), CollapsedLogitPartialPooling()])
@pytest.mark.parametrize("first", [-800.0, -40.0, 40.0, 800.0])
@pytest.mark.parametrize("second", [-800.0, -9.0, 9.0, 800.0])
def test_numpy_computes_as_jax_does_wherever_it_is_and_as_quietly(
    model: Model, first: float, second: float, double: None
) -> None:
    names = model.init(jax.random.key(0), WITH_ROOKIE)
    position = {name: np.float64(x) for name, x in zip(names, (first, second), strict=True)}
    value = model.log_density(position, WITH_ROOKIE)
    assert not isinstance(value, jax.Array) and not np.isnan(value)
    np.testing.assert_allclose(
        value, model.log_density(jax.tree.map(jnp.asarray, position), WITH_ROOKIE), rtol=1e-9
    )


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
        double = densities(model, positions, counts)
        positions, double = jax.tree.map(np.asarray, (positions, double))
    single_positions = jax.tree.map(lambda leaf: leaf.astype("float32"), positions)
    single = densities(model, single_positions, counts)
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


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 5.0)])
def test_theta_without_pooling_is_drawn_from_its_beta_posterior(
    a: float, b: float, double: None
) -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(0, 30, 5000)
    y = rng.binomial(n, 0.7)
    theta = NoPooling(a, b).constrain(jax.random.key(10), {}, Counts(y, n))["theta"]
    # Each draw at its own posterior's cumulative probability.
    assert stats.kstest(stats.beta.cdf(theta, a + y, b + n - y), "uniform").pvalue > 1e-3


def test_data_sets_of_unequal_length_are_stacked_with_unseen_groups() -> None:
    stacked = stack([PLAYERS, HOSPITALS])
    assert stacked.successes.shape == stacked.trials.shape == (2, 18)
    assert stacked.trials[1, 12:].sum() == stacked.successes[1, 12:].sum() == 0
    np.testing.assert_array_equal(stacked.trials[1, :12], HOSPITALS.trials)
    with pytest.raises(ValueError, match="at least one data set"):
        stack([])


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (CompletePooling(), {"phi_alpha": 1.0, "phi_beta": 1.0}),
        (NoPooling(), {"theta_alpha": 1.0, "theta_beta": 1.0}),
        (PartialPooling(), {"kappa_log_rate": 1.5, "phi_alpha": 1.0, "phi_beta": 1.0}),
        (CollapsedPartialPooling(), {"kappa_log_rate": 1.5, "phi_alpha": 1.0, "phi_beta": 1.0}),
        (LogitPartialPooling(), {"mu_mean": -1.0, "mu_sd": 1.0, "sigma_sd": 1.0}),
        (CollapsedLogitPartialPooling(), {"mu_mean": -1.0, "mu_sd": 1.0, "sigma_sd": 1.0}),
    ],
)
def test_the_defaults_are_those_of_the_manual(model: Any, settings: dict[str, float]) -> None:
    assert vars(model) == settings
