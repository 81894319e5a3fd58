import logging

import jax
import numpy as np
import pytest
from nuts_fits import every_model, fitted
from tables import WITH_ROOKIE

import hierpool as hp
from hierpool import thetas
from hierpool.exploring import position_of
from hierpool.population import Parameters
from hierpool.tally import distinct

NUM_DRAWS = 100


@every_model
def test_what_is_compiled_ahead_is_what_a_fit_asks_for(
    model: hp.Model, double: None, caplog: pytest.LogCaptureFixture
) -> None:
    key, counts = jax.random.key(0), WITH_ROOKIE
    pairs = distinct(np.asarray(counts.successes), np.asarray(counts.trials))
    position = position_of(model, counts)
    jax.clear_caches()
    thetas.compile_ahead(key, model, counts, pairs, position, NUM_DRAWS)
    positions = {name: np.zeros((NUM_DRAWS, *leaf.shape)) for name, leaf in position.items()}
    with jax.log_compiles(True), caplog.at_level(logging.WARNING):
        draws = thetas.hyperparameters(key, model, counts, positions, NUM_DRAWS)
        draws["theta"] = np.full((NUM_DRAWS, len(pairs.inverse)), 0.5)
        found = thetas.log_likelihood(model, counts, pairs, draws, NUM_DRAWS)
    compiled = [record.message for record in caplog.records if "Compiling" in record.message]
    assert compiled == []
    assert np.isfinite(found).all()


def test_nothing_is_asked_ahead_of_somebody_elses_model(double: None) -> None:
    class Own(hp.PartialPooling):
        def log_likelihood(self, parameters, counts):  # type: ignore[no-untyped-def]
            raise AssertionError("asked")

    counts = WITH_ROOKIE
    pairs = distinct(np.asarray(counts.successes), np.asarray(counts.trials))
    position = position_of(hp.PartialPooling(), counts)
    thetas.compile_ahead(jax.random.key(0), Own(), counts, pairs, position, NUM_DRAWS)


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
