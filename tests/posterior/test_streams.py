"""Random numbers for different uses have nothing to do with one another."""

import numpy as np
import pytest
from fits import four_fits

import hierpool as hp
from hierpool.answers.new_groups import draw_theta
from hierpool.answers.predictive_check import new_replicates
from hierpool.posterior import random as bulk
from hierpool.posterior.fitted import read_fit

SEED = 1
"""That of ``four_fits``: the streams must differ although the seed is the same."""


def test_no_piece_draws_what_another_one_drew() -> None:
    none = np.zeros(1)
    drawn = bulk.betas(
        np.random.SeedSequence(0), np.ones(4 * bulk.PIECE), np.ones(4 * bulk.PIECE), none, none
    )
    assert len(np.unique(drawn)) == 4 * bulk.PIECE


def standard(values: np.ndarray) -> np.ndarray:
    """Returns (draw, group) values less their mean, in units of their sd."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def uncorrelated(one: np.ndarray, other: np.ndarray) -> None:
    """Fails unless (draw, group) values of equal places have nothing to do with one another."""
    product = (standard(one) * standard(other)).mean(axis=1)
    assert abs(product.mean()) < 5 * product.std() / len(product) ** 0.5


def residuals(y: np.ndarray, n: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return (y - n * theta) / np.sqrt(n * theta * (1 - theta))


@pytest.mark.parametrize("model", ["none", "beta", "logit"])
def test_replicates_of_the_fit_and_predictions_are_uncorrelated(model: str) -> None:
    tree = four_fits()[model]
    theta = tree["posterior"]["theta"].values.reshape(-1, 18)
    of_fit = tree["posterior_predictive"]["y"].values.reshape(-1, 18)
    # The same numbers of trials: from one stream they would be the same numbers.
    ahead = hp.add_predictions(tree, trials=45, seed=SEED)["predictions"]["y"].values
    uncorrelated(residuals(of_fit, 45, theta), residuals(ahead.reshape(-1, 18), 45, theta))


def test_thetas_of_newcomers_are_not_those_of_the_fit() -> None:
    fitted = read_fit(four_fits()["none"])
    # Newcomers with the data of the groups: from one stream they would be the same numbers.
    uncorrelated(fitted.theta, draw_theta(fitted, SEED))
    uncorrelated(draw_theta(fitted, SEED, 0), draw_theta(fitted, SEED, 1))


def test_replicates_of_new_groups_are_not_the_thetas_of_the_fit() -> None:
    # The prior of every chance is the posterior of groups without data.
    names = {"y": [0] * 18, "n": [0] * 18}
    tree = hp.fit(names, successes="y", trials="n", model=hp.NoPooling(), seed=SEED)
    theta = tree["posterior"]["theta"].values.reshape(-1, 18)
    y = new_replicates(read_fit(tree), np.full(18, 10**6), SEED)
    uncorrelated(theta, y / 10**6)
