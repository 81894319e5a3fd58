"""The exact density of a population agrees with exact draws."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fits import fit_of
from scipy.interpolate import RegularGridInterpolator

import hierpool as hp
from hierpool.inference.population_density import population_density
from hierpool.models.catalogue import remember
from hierpool.posterior.fitted import Fitted, read_fit


def of_prior(model: Any) -> Fitted:
    """Returns draws from the prior, which is the posterior of a group without trials."""
    none = np.zeros(1, np.int64)
    draws = model.draw_prior(np.random.default_rng(0), num_draws=20_000, num_groups=1)
    theta = draws.pop("theta")
    settings = {"name": type(model).__name__, **vars(model)}
    return Fitted(np.array(["a"]), none, none, settings, draws, theta, 1, True)


FITS = {
    "players": lambda: read_fit(fit_of()),
    "players, logit": lambda: read_fit(fit_of("logit")),
    "gamma": lambda: of_prior(hp.GammaPartialPooling(3.0, 0.5, 4.0, 6.0)),
    "spread": lambda: of_prior(hp.SpreadPartialPooling(0.7, 4.0, 6.0)),
}


@pytest.mark.parametrize("fit", FITS)
def test_the_contours_hold_their_shares_of_exact_draws(fit: str) -> None:
    fitted = FITS[fit]()
    exact = population_density(fitted)
    assert exact is not None
    # However unlikely the data are.
    assert exact.density.max() == 1
    first, second = exact.values
    assert (first, second) == (("mu", "sigma") if "logit" in fit else ("phi", "kappa_log"))
    height = RegularGridInterpolator(list(exact.values.values())[::-1], exact.density)
    heights = height(np.stack([fitted.parameters[second], fitted.parameters[first]], axis=1))
    for share, level in zip((0.5, 0.89), exact.levels([0.5, 0.89]), strict=True):
        error = np.sqrt(share * (1 - share) / len(heights))
        # The density is linear between the points of the grid.
        assert abs(np.mean(heights > level) - share) < 4 * error + 0.01


@pytest.mark.parametrize("model", ["complete", "none"])
def test_models_without_two_numbers_have_none(model: str) -> None:
    assert population_density(read_fit(fit_of(model))) is None


@hp.model
class ChancesAlone:
    """A model of a user's own without a population, which has no method but the four."""

    def init(self, key: jax.Array, counts: hp.Counts) -> Any:
        return {"x": jax.random.normal(key, counts.trials.shape)}

    def log_density(self, position: Any, counts: hp.Counts) -> jax.Array:
        return -jnp.sum(position["x"] ** 2)

    def constrain(self, key: jax.Array, position: Any, counts: hp.Counts) -> Any:
        return {"theta": jax.nn.sigmoid(position["x"])}

    def log_likelihood(self, parameters: Any, counts: hp.Counts) -> jax.Array:
        return jnp.zeros(counts.trials.shape)


def test_a_model_of_ones_own_without_a_population_has_none() -> None:
    remember(ChancesAlone)
    fitted = read_fit(fit_of())._replace(settings={"name": "ChancesAlone"}, parameters={})
    assert population_density(fitted) is None


def test_a_position_is_found_from_phi_and_kappa_log() -> None:
    for model in (hp.CollapsedPartialPooling(), hp.SpreadPartialPooling()):
        position = model.unconstrain({"phi": np.array(0.3), "kappa_log": np.array(2.5)})
        found = model.reported(position)
        assert np.allclose([found["phi"], found["kappa_log"]], [0.3, 2.5], atol=1e-6)
