"""Two more priors of kappa, against grids made elsewhere, in every place a model stands."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import arviz_stats as az
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import COLUMNS, PLAYERS, agrees
from scipy import stats
from scipy.integrate import quad
from scipy.special import digamma
from shell import Run

import hierpool as hp
from hierpool.models.catalogue import class_of_word
from hierpool.models.protocol import heavy_tailed

PLAYER = COLUMNS["efron-morris-75"]
ARMS = {"y": [1100, 900, 1300], "n": [10**6] * 3}
GAMMA, SPREAD = hp.GammaPartialPooling(), hp.SpreadPartialPooling()
BOTH = pytest.mark.parametrize("model", [GAMMA, SPREAD], ids=["gamma", "spread"])
EXACT = {
    GAMMA: {
        "log_evidence": (-63.07588, 5e-6),
        "phi_mean": (0.294783, 5e-7),
        "phi_sd": (0.040101, 5e-7),
        "kappa_mean": (7.6355, 5e-5),
        "kappa_log_mean": (1.98253, 5e-6),
        "kappa_log_sd": (0.32142, 5e-6),
    },
    SPREAD: {
        "log_evidence": (-50.019153, 5e-7),
        "phi_mean": (0.266391, 5e-7),
        "phi_sd": (0.017844, 5e-7),
        "tau_mean": (0.162270, 5e-7),
        "tau_sd": (0.108835, 5e-7),
    },
}
THETA = {GAMMA: (0.38456, 0.17514), SPREAD: (0.293044, 0.243934)}
OF_ARMS = {
    "log_evidence": (-29.01854, 5e-6),
    "phi_mean": (0.003362, 5e-7),
    "phi_sd": (0.017900, 5e-7),
    "tau_mean": (0.44863, 5e-6),
    "tau_sd": (0.38993, 5e-6),
}


@cache
def fitted(model: hp.Model) -> xr.DataTree:
    """Returns independent draws of the players: treat it as read-only."""
    exact = hp.Quadrature(num_chains=4, num_draws=1000)
    return hp.fit(PLAYERS, **PLAYER, model=model, inference=exact, seed=1)


def has(found: pd.Series, want: dict[str, tuple[float, float]]) -> None:
    for name, (value, rounding) in want.items():
        assert found[name] == pytest.approx(value, abs=rounding), name


@BOTH
def test_the_players_are_as_a_grid_has_them(model: hp.Model) -> None:
    found = hp.estimate(PLAYERS, **PLAYER, model=model)
    has(found.population.iloc[0], EXACT[model])
    means = found.groups["mean"].loc[["Roberto Clemente", "Max Alvis"]]
    np.testing.assert_allclose(means, THETA[model], atol=5e-6)


def test_three_arms_of_low_rates_are_as_a_grid_has_them_and_contradict_nothing() -> None:
    # Warnings are errors here.
    found = hp.estimate(ARMS, "y", "n", model="spread")
    has(found.population.iloc[0], OF_ARMS)
    want = [0.001100329, 0.000903552, 0.001297106]
    np.testing.assert_allclose(found.groups["mean"], want, atol=5e-10)


@pytest.mark.parametrize(
    "model",
    [GAMMA, hp.GammaPartialPooling(0.4, 0.02, 3, 2), SPREAD, hp.SpreadPartialPooling(0.3, 2, 5)],
)
def test_the_prior_integrates_to_one(model: Any, double: None) -> None:
    log_prior = jax.jit(jax.vmap(lambda k, x: model.log_prior({"log_kappa": k, "logit_phi": x})))

    def given(x: float) -> float:
        # The scale of tau at a phi far out is far out too: all of it is looked at.
        k = jnp.linspace(-80.0, 140.0, 40_001) + abs(x)
        density = jnp.exp(log_prior(k, jnp.full_like(k, x)))
        return float(jnp.sum(density) * (k[1] - k[0]))

    area, _ = quad(given, -40, 40, points=[-3, 0, 3], limit=60, epsabs=1e-7)
    assert area == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "model", [hp.GammaPartialPooling(0.4, 0.02, 3, 2), hp.SpreadPartialPooling(0.3, 2, 5)]
)
@pytest.mark.parametrize("x", [-2.0, 0.7])
def test_the_prior_of_phi_is_the_beta_that_was_asked_for(
    model: Any, x: float, double: None
) -> None:
    # Given phi, the rest of the prior integrates to one.
    k = np.linspace(-80.0, 140.0, 40_001)
    log_prior = jax.jit(jax.vmap(lambda k: model.log_prior({"log_kappa": k, "logit_phi": x})))
    found = float(np.exp(log_prior(k)).sum() * (k[1] - k[0]))
    phi = 1 / (1 + np.exp(-x))
    want = stats.beta.pdf(phi, model.phi_alpha, model.phi_beta) * phi * (1 - phi)
    assert found == pytest.approx(want, rel=1e-6)


def test_draws_from_the_prior_of_the_spread_are_one_of_another() -> None:
    model = hp.SpreadPartialPooling(tau_sd=0.4, phi_alpha=2.0, phi_beta=5.0)
    found = model.draw_population(np.random.default_rng(0), 20_000)
    phi, kappa = found["phi"], np.exp(found["kappa_log"])
    np.testing.assert_allclose(found["tau"] ** 2 * kappa * phi * (1 - phi), 1)
    np.testing.assert_allclose(kappa, found["kappa"])
    assert stats.kstest(found["tau"], stats.halfnorm(scale=0.4).cdf).pvalue > 1e-3
    assert stats.kstest(phi, stats.beta(2, 5).cdf).pvalue > 1e-3


def test_draws_from_a_gamma_prior_have_its_moments() -> None:
    model = hp.GammaPartialPooling(3.0, 0.5, 4.0, 6.0)
    draws = model.draw_prior(np.random.default_rng(0), num_draws=4000, num_groups=1)
    of_theta = draws["theta"][:, 0]
    for values, want in (
        (draws["kappa"], 3 / 0.5),
        (draws["kappa_log"], digamma(3.0) - np.log(0.5)),
        (draws["phi"], 0.4),
        (of_theta, 0.4),
    ):
        agrees(values.mean(), values.std() / len(values) ** 0.5, want)


def agree_with_the_exact_posterior(tree: xr.DataTree, model: hp.Model) -> None:
    """Fails unless the means of NUTS are within 5 of their standard errors, of enough draws."""
    exact = hp.estimate(PLAYERS, **PLAYER, model=model, prob=None)
    for name in ("phi", "kappa_log", "theta"):
        draws = tree["posterior"].dataset[[name]]
        assert float(az.ess(draws)[name].min()) > 400
        want = exact.groups["mean"] if name == "theta" else exact.population[f"{name}_mean"]
        agrees(draws[name].mean(["chain", "draw"]), az.mcse(draws)[name], want.to_numpy().squeeze())


@BOTH
def test_the_joint_density_has_the_same_posterior(model: hp.Model) -> None:
    nuts = hp.NUTS(num_warmup=1000, num_draws=1500)
    joint = hp.fit(PLAYERS, **PLAYER, model=hp.Joint(model), inference=nuts, seed=4)
    agree_with_the_exact_posterior(joint, model)
    assert joint.attrs["hierpool_model"] == fitted(model).attrs["hierpool_model"]


@BOTH
def test_nuts_agrees_with_the_exact_posterior(model: hp.Model) -> None:
    tree = hp.fit(PLAYERS, **PLAYER, model=model, inference=hp.NUTS(num_draws=2000), seed=5)
    agree_with_the_exact_posterior(tree, model)


ASKED = {"successes": {"Max Alvis": 3}, "trials": {"Max Alvis": 10}}
ANSWERS: dict[str, Callable[[xr.DataTree], Any]] = {
    "summarize": hp.summarize,
    "events": lambda tree: hp.events(tree, above=0.1),
    "season": lambda tree: hp.season(tree, above=0.3, trials_to_come=100),
    "select": lambda tree: hp.select(tree, above=0.2),
    "rank": hp.rank,
    "contrast": lambda tree: hp.contrast(tree, "Roberto Clemente", "Max Alvis"),
    "contrasts": lambda tree: hp.contrasts(tree, groups=["Roberto Clemente", "Max Alvis"]),
    "expected_loss": hp.expected_loss,
    "predict": lambda tree: hp.predict(tree, trials=10, new_groups={"rookie": (0, 4)}),
    "new_groups": lambda tree: hp.new_groups(tree, {"rookie": (0, 4), "unseen": (0, 0)}),
    "add_predictions": lambda tree: hp.add_predictions(tree, trials=10),
    "score": lambda tree: hp.score(tree, **ASKED),
    "coverage": lambda tree: hp.coverage(tree, **ASKED),
    "predictive_check": lambda tree: hp.predictive_check(tree, replicates="new-groups"),
    "exchangeability": hp.exchangeability,
    "check": hp.check,
    "compare_fits": lambda tree: hp.compare_fits({"one": tree}),
}


@BOTH
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_is_given(model: hp.Model, answer: str) -> None:
    assert ANSWERS[answer](fitted(model)) is not None


@BOTH
def test_a_newcomer_without_data_has_the_populations_chance(model: hp.Model) -> None:
    found = hp.new_groups(fitted(model), {"unseen": (0, 0)}).iloc[0]
    exact = hp.estimate(PLAYERS, **PLAYER, model=model).population.iloc[0]
    agrees(found["mean"], found["mcse"], exact["new_group_mean"])


@BOTH
def test_a_fit_survives_a_file(model: hp.Model, tmp_path: Path) -> None:
    hp.save(fitted(model), tmp_path / "fit.nc")
    tree = hp.load(tmp_path / "fit.nc")
    pd.testing.assert_frame_equal(
        hp.summarize(tree).groups, hp.summarize(fitted(model)).groups, check_exact=True
    )


@BOTH
def test_it_is_compared_by_its_evidence(model: hp.Model) -> None:
    found = hp.compare(PLAYERS, **PLAYER, models={"partial": "partial", "other": model})
    value, rounding = EXACT[model]["log_evidence"]
    assert found.models.loc["other", "log_evidence"] == pytest.approx(value, abs=rounding)


def test_they_stand_beside_the_sweep_of_priors() -> None:
    found = hp.sensitivity(PLAYERS, **PLAYER, kappa_log_rate=[1.5], models=["gamma", SPREAD])
    names = ["kappa_log_rate=1.5", "gamma", "SpreadPartialPooling", "empirical Bayes"]
    assert list(found.population.index) == names
    for name, model in zip(names[1:3], (GAMMA, SPREAD), strict=True):
        for column in ("phi_mean", "phi_sd", "log_evidence"):
            value, rounding = EXACT[model][column]
            assert found.population.loc[name, column] == pytest.approx(value, abs=rounding)
        got = found.groups["mean"].loc[name].loc[["Roberto Clemente", "Max Alvis"]]
        np.testing.assert_allclose(got, THETA[model], atol=5e-6)


@pytest.mark.parametrize("word", ["gamma", "spread"])
def test_the_command_knows_it(
    word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], jax_as_it_was: None
) -> None:
    columns = "efron-morris-75 --group player --successes hits --trials at_bats".split()
    few = "--draws 100 --inference quadrature --output".split()
    path = str(tmp_path / "fit.nc")
    assert Run(["fit", *columns, "--model", word, *few, path], capsys).code == 0
    assert Run(["summary", path], capsys).code == 0
    run = Run(["estimate", *columns, "--model", word, "--json"], capsys)
    assert run.code == 0
    value, _ = EXACT[{"gamma": GAMMA, "spread": SPREAD}[word]]["log_evidence"]
    assert json.loads(run.out)["population"][0]["log_evidence"] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "estimate --model gamma --tau-sd 1",
            "--tau-sd is not a hyperparameter of --model gamma, which has --kappa-shape",
        ),
        (
            "fit --model logit --joint",
            "--joint is for a model that explores its population alone",
        ),
    ],
)
def test_what_a_model_does_not_have_is_refused(
    words: str, message: str, refuses: Callable[[list[str], str], None]
) -> None:
    command, *rest = words.split()
    columns = "efron-morris-75 --group player --successes hits --trials at_bats".split()
    refuses([command, *columns, *rest], message)


@pytest.mark.parametrize("word", ["collapsed", "gamma", "spread"])
def test_a_model_reports_moments_of_all_parameters_but_those_of_heavy_tails(word: str) -> None:
    model = class_of_word(word)()
    position = {"logit_phi": jnp.zeros(()), model.coordinate: jnp.ones(())}
    reported, every = (set(of(position)) for of in (model.reported, model.population))
    assert reported == every - set(heavy_tailed(model))
    assert heavy_tailed(hp.Joint(model)) == heavy_tailed(model)


def test_kappa_has_a_mean_and_an_sd_under_a_gamma_prior() -> None:
    summary = hp.summarize(fitted(GAMMA))
    kappa = fitted(GAMMA)["posterior"]["kappa"].values
    row = summary.population.loc["kappa"]
    assert row["mean"] == pytest.approx(kappa.mean()) and row["sd"] == pytest.approx(
        kappa.std(), rel=1e-3
    )
    assert "Without mean and sd" not in str(summary)
    assert "Without mean and sd: kappa, " in str(hp.summarize(fitted(SPREAD)))


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (SPREAD, {"tau_sd": 1.0, "phi_alpha": 1.0, "phi_beta": 1.0}),
        (GAMMA, {"kappa_shape": 1.0, "kappa_rate": 1.0, "phi_alpha": 1.0, "phi_beta": 1.0}),
    ],
)
def test_the_defaults_are_those_of_the_manual(model: Any, settings: dict[str, float]) -> None:
    assert vars(model) == settings
