"""Draws from the priors, and what is known of a group without data, follow the prior's law."""

from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats
from tables import close

import hierpool as hp
from hierpool.posterior.fitted import read_fit

NUM_DRAWS = 4000
UNSEEN = {"y": [0, 0], "n": [0, 0]}


def follows(draws: np.ndarray, law: Any) -> None:
    """Fails unless independent draws follow a law, by Kolmogorov and Smirnov."""
    assert stats.kstest(np.ravel(draws), law.cdf).pvalue > 1e-4


def fitted(model: hp.Model) -> Any:
    exact = hp.Quadrature(num_chains=4, num_draws=NUM_DRAWS // 4)
    return hp.fit(UNSEEN, successes="y", trials="n", model=model, inference=exact)


@pytest.mark.parametrize(
    "model", [hp.PartialPooling(0.7, 2, 5), hp.CollapsedPartialPooling(0.7, 2, 5)]
)
def test_prior_draws_of_a_beta_population_follow_its_hyperpriors(model: hp.Model) -> None:
    prior = model.draw_prior(np.random.default_rng(0), NUM_DRAWS, 3)
    follows(prior["phi"], stats.beta(2, 5))
    follows(prior["kappa_log"], stats.expon(scale=1 / 0.7))
    close(prior["kappa"], np.exp(np.minimum(prior["kappa_log"], 600)), relative=1e-12)
    phi, kappa = prior["phi"][:, None], prior["kappa"][:, None]
    # Each theta by its own Beta: uniform after the Beta's distribution function.
    some = kappa[:, 0] < 1e6
    level = stats.beta.cdf(prior["theta"], phi * kappa, (1 - phi) * kappa)[some]
    follows(level[:, 0], stats.uniform())
    follows(level[:, 2], stats.uniform())
    assert abs(np.corrcoef(level[:, 0], level[:, 2])[0, 1]) < 5 / some.sum() ** 0.5


@pytest.mark.parametrize(
    "model", [hp.LogitPartialPooling(-1, 2, 0.5), hp.CollapsedLogitPartialPooling(-1, 2, 0.5)]
)
def test_prior_draws_of_log_odds_follow_their_hyperpriors(model: hp.Model) -> None:
    prior = model.draw_prior(np.random.default_rng(0), NUM_DRAWS, 3)
    follows(prior["mu"], stats.norm(-1, 2))
    follows(prior["sigma"], stats.halfnorm(scale=0.5))
    log_odds = np.log(prior["theta"] / (1 - prior["theta"]))
    follows((log_odds - prior["mu"][:, None])[:, 1] / prior["sigma"], stats.norm())


def test_prior_draws_without_a_population_follow_the_prior_of_a_chance() -> None:
    of_one = hp.CompletePooling(2, 8).draw_prior(np.random.default_rng(0), NUM_DRAWS, 3)
    of_each = hp.NoPooling(2, 8).draw_prior(np.random.default_rng(0), NUM_DRAWS, 3)
    assert of_one is not None and of_each is not None
    follows(of_one["phi"], stats.beta(2, 8))
    assert (of_one["theta"] == of_one["phi"][:, None]).all()
    follows(of_each["theta"], stats.beta(2, 8))


@pytest.mark.parametrize("model", [hp.NoPooling(2, 8), hp.CompletePooling(2, 8)])
def test_a_group_without_data_follows_its_prior_by_fit_and_by_sample(model: hp.Model) -> None:
    theta = fitted(model)["posterior"]["theta"].values[..., 0]
    follows(theta, stats.beta(2, 8))
    nuts = hp.NUTS(num_chains=2, num_warmup=10, num_draws=1000)
    counts = hp.Counts(*map(np.array, UNSEEN.values()))
    draws = hp.sample(jax.random.key(0), model, counts, nuts)
    follows(np.asarray(draws.parameters["theta"])[..., 0], stats.beta(2, 8))


def test_every_answer_of_an_unseen_group_knows_the_prior_of_its_chance() -> None:
    tree = fitted(hp.NoPooling(2, 8))
    close(hp.predict(tree, trials=100)["mean"], 20, relative=1e-12)
    close(hp.new_groups(tree, {"new": (0, 0)})["mean"], 0.2, relative=1e-12)
    above = hp.events(tree, above=0.3).groups["probability"]
    close(above, stats.beta.sf(0.3, 2, 8), relative=1e-12)
    season = hp.season(tree, above=0.3, trials_to_come=50)["probability"]
    close(season, stats.betabinom.sf(15, 50, 2, 8), relative=1e-9)
    seen = hp.fit({"y": [3, 4], "n": [10, 10]}, successes="y", trials="n", model=hp.NoPooling(2, 8))
    rates = hp.predictive_check(seen, replicates="new-groups").loc[("rates", "mean")]
    assert abs(rates["mean"] - 0.2) < 5 * rates["mean_mcse"]


def test_replicates_of_new_groups_follow_an_uneven_prior() -> None:
    from hierpool.answers.predictive_check import new_replicates

    y = new_replicates(read_fit(fitted(hp.NoPooling(2, 8))), np.array([10**6]), 3)
    follows(y / 10**6, stats.beta(2, 8))
