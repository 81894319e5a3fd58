import jax
import numpy as np
import pytest
from nuts_fits import every_model, fitted
from scipy import stats

import hierpool as hp
from hierpool.inference.explore import position_of
from hierpool.likelihood.compress import distinct
from hierpool.models.protocol import Parameters
from hierpool.posterior import theta as thetas

NUM_DRAWS = 100
OWN_DRAWS = 40
"""Their power of two no other test asks for: nothing of that size is compiled yet."""


@every_model
def test_the_log_likelihood_is_each_groups_own(model: hp.Model) -> None:
    tree = fitted(model)
    counts = hp.Counts(tree["observed_data"]["y"].values, tree["constant_data"]["n"].values)
    draws = {name: values[2, 7] for name, values in tree["posterior"].dataset.items()}
    with jax.enable_x64(True):
        want = model.log_likelihood({n: jax.numpy.asarray(v) for n, v in draws.items()}, counts)
    np.testing.assert_allclose(tree["log_likelihood"]["y"][2, 7], want, rtol=1e-11)


def test_a_log_likelihood_of_ones_own_sees_every_group_and_theta() -> None:
    class Own(hp.CollapsedPartialPooling):
        def log_likelihood(self, parameters: Parameters, counts: hp.Counts) -> jax.Array:
            return parameters["theta"] * jax.numpy.arange(len(counts.trials))

    jax.tree_util.register_dataclass(Own)
    y, n = np.zeros(9, int), np.ones(9, int)
    draws = {"theta": np.random.default_rng(0).uniform(size=(21, 9))}
    with jax.enable_x64(True):
        got = thetas.log_likelihood(Own(), hp.Counts(y, n), distinct(y, n), draws, 21)
    np.testing.assert_array_equal(got, draws["theta"] * np.arange(9))


@every_model
def test_how_the_draws_are_cut_in_pieces_changes_none_of_them(
    model: hp.Model, double: None
) -> None:
    # 70 groups are filled up to 128, of which 1024 draws are two pieces.
    rng = np.random.default_rng(5)
    n = rng.integers(1, 40, 70)
    counts = hp.Counts(rng.binomial(n, 0.3), n)
    position = position_of(model, counts)
    many = {name: rng.normal(size=(700, *leaf.shape)) for name, leaf in position.items()}
    few = {name: leaf[:9] for name, leaf in many.items()}
    key, seed = jax.random.key(7), np.random.SeedSequence(7)
    whole = thetas.theta(key, seed, model, counts, many, 700)
    assert whole.shape == (700, 70) and np.all((whole >= 0) & (whole <= 1))
    if type(model) in (hp.CollapsedPartialPooling, hp.NoPooling):
        return  # NumPy's, of which ``bulk`` cuts the pieces.
    # A program of another height rounds differently.
    np.testing.assert_allclose(thetas.theta(key, seed, model, counts, few, 9), whole[:9], rtol=1e-9)


def test_theta_of_the_joint_models_is_what_the_position_says(double: None) -> None:
    rng = np.random.default_rng(6)
    counts = hp.Counts(np.zeros(11, int), np.ones(11, int))
    key, seed = jax.random.key(0), np.random.SeedSequence(0)
    logit_theta = rng.normal(size=(20, 11))
    scalars = {name: rng.normal(size=20) for name in ("logit_phi", "log_kappa_log")}
    got = thetas.theta(
        key, seed, hp.PartialPooling(), counts, scalars | {"logit_theta": logit_theta}, 20
    )
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-logit_theta)), rtol=1e-12)
    mu, log_sigma, z = rng.normal(size=20), rng.normal(size=20), rng.normal(size=(20, 11))
    position = {"mu": mu, "log_sigma": log_sigma, "z": z}
    got = thetas.theta(key, seed, hp.LogitPartialPooling(), counts, position, 20)
    want = 1 / (1 + np.exp(-(mu[:, None] + np.exp(log_sigma)[:, None] * z)))
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("model", [hp.CompletePooling(2.0, 8.0), hp.NoPooling(2.0, 8.0)], ids=type)
def test_a_prior_of_unequal_parameters_is_followed_where_no_group_has_trials(
    model: hp.Model, double: None
) -> None:
    counts = hp.Counts(np.zeros(3, int), np.zeros(3, int))
    drawn = thetas.theta(jax.random.key(1), np.random.SeedSequence(1), model, counts, {}, 4000)
    for of_group in drawn.T:
        assert stats.kstest(of_group, stats.beta(2, 8).cdf).pvalue > 1e-4


@pytest.mark.parametrize("model", [hp.CollapsedPartialPooling(), hp.NoPooling()])
def test_theta_is_near_what_a_group_of_many_trials_has_shown(model: hp.Model) -> None:
    counts = hp.Counts(np.array([90_000, 10_000]), np.array([100_000, 100_000]))
    draws = 0.3 * np.random.default_rng(0).normal(size=(2, OWN_DRAWS))
    positions = {}
    if isinstance(model, hp.CollapsedPartialPooling):
        positions = {"logit_phi": draws[0], "log_kappa_log": draws[1]}
    with jax.enable_x64(True):
        seed = np.random.SeedSequence(0)
        found = thetas.theta(jax.random.key(0), seed, model, counts, positions, OWN_DRAWS)
    assert found.shape == (OWN_DRAWS, 2)
    np.testing.assert_allclose(found, np.broadcast_to([0.9, 0.1], found.shape), atol=0.01)
