import logging

import jax
import numpy as np
import pytest
from tables import WITH_ROOKIE

import hierpool as hp
from hierpool import thetas
from hierpool.exploring import position_of
from hierpool.tally import distinct

NUM_DRAWS = 100


@pytest.mark.parametrize(
    "model",
    [
        hp.PartialPooling(),
        hp.CollapsedPartialPooling(),
        hp.CompletePooling(),
        hp.NoPooling(),
        hp.LogitPartialPooling(),
        hp.CollapsedLogitPartialPooling(),
    ],
    ids=lambda model: type(model).__name__,
)
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
