"""The catalogue says of each model what its class does, and what it offers agrees with it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import hierpool as hp
from hierpool.cli.main import COMMANDS
from hierpool.counts import Counts
from hierpool.likelihood.compress import distinct
from hierpool.models.catalogue import (
    CATALOGUE,
    COMPARED,
    HYPERPARAMETERS,
    MODELS,
    class_of_name,
    class_of_word,
)
from hierpool.models.protocol import (
    BetaGroups,
    Collapsible,
    Compressible,
    DrawsPrior,
    DrawsTheta,
    groups_differ,
)

ROWS = [pytest.param(row, id=word) for word, row in CATALOGUE.items()]
COUNTS = Counts(np.array([18, 7, 0, 7]), np.array([45, 45, 4, 45]))
NUM_DRAWS = 4000


def model_of(row):
    return class_of_name(row.name)()


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_the_fields_of_its_class_and_their_defaults(row) -> None:
    fields = {field.name: field.default for field in dataclasses.fields(model_of(row))}
    assert tuple(fields) == row.hyperparameters
    assert fields == {name: HYPERPARAMETERS[name].default for name in row.hyperparameters}


def test_every_hyperparameter_is_some_models() -> None:
    assert set(HYPERPARAMETERS) == {name for row in CATALOGUE.values() for name in row[2]}


def test_every_model_of_a_word_is_public() -> None:
    assert {class_of_word(word) for word in MODELS} == {
        getattr(hp, row.name) for row in CATALOGUE.values()
    }
    assert set(COMPARED) <= set(MODELS) and not set(MODELS) & set(COMMANDS)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_the_parameters_of_the_population(row) -> None:
    model, key = model_of(row), jax.random.key(0)
    parameters = model.constrain(key, model.init(key, COUNTS), COUNTS)
    assert set(row.parameters) == set(parameters) - {"theta"}
    assert row.is_explored == bool(model.init(key, COUNTS))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_the_collapsed_model(row) -> None:
    model = model_of(row)
    assert isinstance(model, Collapsible)
    collapsed = model.collapsed()
    assert type(collapsed).__name__ == (row.collapsed or row.name)
    assert vars(collapsed) == vars(model)
    # The same population: the same density of the data, theta integrated out.
    values = {"phi": 0.3, "kappa": 20.0, "mu": -1.0, "sigma": 0.4}
    parameters = {name: jnp.asarray(value) for name, value in values.items()}
    np.testing.assert_array_equal(
        model.log_likelihood(parameters, COUNTS), collapsed.log_likelihood(parameters, COUNTS)
    )


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].is_explored])
def test_the_density_is_the_same_of_compressed_data(row, double: None) -> None:
    model = model_of(row)
    assert isinstance(model, Compressible)
    data = model.compress(distinct(np.asarray(COUNTS.successes), np.asarray(COUNTS.trials)))
    key = jax.random.key(1)
    apart = []
    for of in (key, jax.random.key(2)):
        position = model.init(of, COUNTS)
        rows = {
            name: np.pad(leaf, (0, len(data.groups) - 4)) if np.ndim(leaf) else leaf
            for name, leaf in position.items()
        }
        apart.append(model.log_density(rows, data) - model.log_density(position, COUNTS))
    # But for a constant of the data.
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-9)


@pytest.mark.parametrize("row", ROWS)
def test_theta_of_a_prior_draw_follows_what_the_model_says_of_it(row) -> None:
    model, rng = model_of(row), np.random.default_rng(5)
    assert isinstance(model, DrawsPrior)
    draws = model.draw_prior(rng, NUM_DRAWS, 2)
    assert set(draws) == {*row.parameters, "theta"}
    if isinstance(model, BetaGroups):
        alpha, beta = model.theta_prior(draws)
        theta = draws["theta"][:, 1]
        # A chance of 1 stands for all that round to it: of few prior trials, that is many.
        below, above = (stats.beta.cdf(np.nextafter(theta, to), alpha, beta) for to in (0, 1))
        levels = below + (above - below) * rng.random(NUM_DRAWS)
        some = np.broadcast_to(alpha + beta < 1e6, levels.shape)
        assert stats.kstest(levels[some], "uniform").pvalue > 1e-4
    else:
        assert isinstance(model, DrawsTheta)
        again = model.draw_theta_prior(rng, draws, 2)
        assert again.shape == (NUM_DRAWS, 2)
        assert stats.ks_2samp(again[:, 1], draws["theta"][:, 1]).pvalue > 1e-4
    assert groups_differ(model) == bool((draws["theta"][:, 0] != draws["theta"][:, 1]).any())


def test_kappa_is_above_1_under_the_default_prior_alone() -> None:
    least = {word: entry.least_kappa for word, entry in CATALOGUE.items()}
    assert {least[word] for word in ("partial", "collapsed")} == {1.0}
    assert {least[word] for word in ("gamma", "spread")} == {0.0}
