"""The sampler against the exact posterior, in units of its own Monte Carlo error."""

import functools

import jax
import numpy as np
import pytest
from agreement import FAR, agrees
from arviz_stats.base import array_stats
from oracle import Exact, exact
from tables import EXACT, TABLES

import hierpool as hp
from hierpool.inference.sample import Draws, sample
from hierpool.mcmc.chains import Chains
from hierpool.mcmc.nuts import NUTS
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.logit_normal import LogitPartialPooling
from hierpool.models.protocol import Model

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@functools.cache
def posterior(name: str) -> Exact:
    return exact(*TABLES[name])


def test_the_numbers_of_a_small_table_are_the_oracles() -> None:
    counts, truth = TABLES["efron-morris-75"], posterior("efron-morris-75")
    found = hp.estimate({"y": counts.successes, "n": counts.trials}, "y", "n", prob=0.8)
    (row,) = found.population.to_dict("records")
    for name, grid in (("phi", truth.phi), ("kappa_log", truth.kappa_log)):
        assert row[f"{name}_mean"] == pytest.approx(truth.mean(grid), rel=1e-6)
        assert row[f"{name}_sd"] == pytest.approx(truth.sd(grid), rel=1e-6)
    for end, level in (("lower", 0.1), ("upper", 0.9)):
        # A quantile is within 1e-4 in probability.
        assert abs(row[f"phi_{end}"] - truth.quantile(truth.phi, level)) < 5e-4 * row["phi_sd"]
        quantile = truth.quantile(truth.kappa_log, level)
        assert abs(np.log(row[f"kappa_{end}"]) - quantile) < 5e-4 * row["kappa_log_sd"]
        for group, value in enumerate(found.groups[end].iloc[:3]):
            assert truth.theta_below(group, value) == pytest.approx(level, abs=1e-4)
    mean, sd = truth.theta_moments()
    np.testing.assert_allclose(found.groups["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(found.groups["sd"], sd, rtol=1e-5)


def drawn(model: Model, name: str) -> dict[str, np.ndarray]:
    nuts = NUTS(num_chains=4, num_warmup=1500, num_draws=6000, target_accept=0.95)
    with jax.enable_x64(True):
        key = jax.random.key(1975)
        draws: Draws = jax.jit(sample)(key, model, TABLES[name], nuts)
        parameters = jax.tree.map(np.asarray, draws.parameters)
    assert np.asarray(draws.stats.diverging).mean() < 1 / 200
    return parameters


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "model", [PartialPooling(), CollapsedPartialPooling()], ids=lambda m: type(m).__name__
)
def test_nuts_agrees_with_the_exact_posterior(model: Model, name: str) -> None:
    parameters, truth, published = drawn(model, name), posterior(name), EXACT[name]
    for variable, grid in (("phi", truth.phi), ("kappa_log", truth.kappa_log)):
        agrees(parameters[variable], published[f"{variable}_mean"], "mean", variable)
        agrees(parameters[variable], published[f"{variable}_sd"], "sd", variable)
        for level in LEVELS:
            want = truth.quantile(grid, level)
            agrees(parameters[variable], want, "quantile", f"{variable} {level}", prob=level)
    moments = zip(published["theta_mean"], published["theta_sd"], strict=True)
    for i, (mean, sd) in enumerate(moments):
        theta = parameters["theta"][..., i]
        agrees(theta, mean, "mean", f"theta {i}")
        agrees(theta, sd, "sd", f"theta {i}")
    # Quantiles of every tenth theta: the oracle solves a mixture of Betas for each.
    for i in range(0, len(published["theta_mean"]), 10):
        for level in LEVELS:
            want = truth.theta_quantile(i, level)
            agrees(parameters["theta"][..., i], want, "quantile", f"theta {i} {level}", prob=level)


def test_the_rookie_who_is_0_for_4_is_not_hopeless() -> None:
    name = "efron-morris-75 with a 0-for-4 player"
    rookie = drawn(CollapsedPartialPooling(), name)["theta"][..., -1]
    agrees(rookie, 0.24753, "mean", "rookie")
    for level, want in zip((0.05, 0.5, 0.95), (0.14738, 0.24855, 0.34481), strict=True):
        agrees(rookie, want, "quantile", f"rookie {level}", prob=level)


def test_the_logit_model_agrees_with_its_exact_posterior() -> None:
    # By quadrature: mu -1.02641 (0.09270), sigma 0.16600 (0.11190), theta with 18 and 7 hits.
    parameters = drawn(LogitPartialPooling(), "efron-morris-75")
    for variable, mean, sd in (("mu", -1.02641, 0.09270), ("sigma", 0.16600, 0.11190)):
        agrees(parameters[variable], mean, "mean", variable)
        agrees(parameters[variable], sd, "sd", variable)
    for level, want in zip((0.1, 0.5, 0.9), (0.031, 0.151, 0.318), strict=True):
        draws = parameters["sigma"]
        got, error = (
            np.quantile(draws, level),
            float(
                array_stats.mcse(draws, method="quantile", prob=level, chain_axis=0, draw_axis=1)
            ),
        )
        # The table gives three decimals.
        assert abs(got - want) < FAR * error + 5e-4
    for i, mean, sd in ((0, 0.29369, 0.04270), (17, 0.24333, 0.03582)):
        agrees(parameters["theta"][..., i], mean, "mean", f"theta {i}")
        agrees(parameters["theta"][..., i], sd, "sd", f"theta {i}")


def test_float32_agrees_with_the_exact_posterior_too() -> None:
    name = "efron-morris-75"
    nuts = NUTS(num_chains=4, num_warmup=1000, num_draws=2000, target_accept=0.9)
    draws = sample(jax.random.key(0), CollapsedPartialPooling(), TABLES[name], nuts)
    parameters = jax.tree.map(lambda leaf: np.asarray(leaf, float), draws.parameters)
    for variable in ("phi", "kappa_log"):
        agrees(parameters[variable], EXACT[name][f"{variable}_mean"], "mean", variable)
        agrees(parameters[variable], EXACT[name][f"{variable}_sd"], "sd", variable)
    for i, mean in enumerate(EXACT[name]["theta_mean"]):
        agrees(parameters["theta"][..., i], mean, "mean", f"theta {i}")


def test_draws_reach_out_where_the_sampler_of_chains_reaches() -> None:
    """The host's chains and the pure program are the same sampler: they agree with one truth."""
    name = "efron-morris-75"
    nuts = NUTS(num_chains=4, num_warmup=1000, num_draws=2000, target_accept=0.9)
    with jax.enable_x64(True):
        positions, _ = Chains(
            jax.random.key(3), CollapsedPartialPooling(), TABLES[name], nuts
        ).run()
    kappa_log = np.exp(positions[..., 0])
    agrees(kappa_log, EXACT[name]["kappa_log_mean"], "mean", "kappa_log")
    agrees(1 / (1 + np.exp(-positions[..., 1])), EXACT[name]["phi_mean"], "mean", "phi")
