"""Draws from each model's prior, by NumPy: they cost no compiling, and a tenth of JAX's time."""

from functools import singledispatch

import numpy as np
from jax.typing import ArrayLike

from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.logit_normal import CollapsedLogitPartialPooling, LogitPartialPooling
from hierpool.models.pooling import CompletePooling, NoPooling
from hierpool.models.protocol import Model

NumpyParameters = dict[str, np.ndarray]


@singledispatch
def draw_prior(
    model: Model, rng: np.random.Generator, num_draws: int, num_groups: int
) -> NumpyParameters | None:
    """Returns the parameters by name, (draw,) or (draw, group), from the prior of a model.

    A model of somebody else's, for which none is registered, gives None.

    Args:
        model: whose prior.
        rng: where the randomness comes from.
        num_draws: how many draws.
        num_groups: how many thetas each.
    """
    return None


@draw_prior.register
def _(
    model: CompletePooling, rng: np.random.Generator, num_draws: int, num_groups: int
) -> NumpyParameters:
    phi = _beta(rng, model.phi_alpha, model.phi_beta, (num_draws,))
    return {"phi": phi, "theta": np.repeat(phi[:, None], num_groups, axis=1)}


@draw_prior.register
def _(
    model: NoPooling, rng: np.random.Generator, num_draws: int, num_groups: int
) -> NumpyParameters:
    return {"theta": _beta(rng, model.theta_alpha, model.theta_beta, (num_draws, num_groups))}


@draw_prior.register(PartialPooling)
@draw_prior.register(CollapsedPartialPooling)
def _(
    model: PartialPooling | CollapsedPartialPooling,
    rng: np.random.Generator,
    num_draws: int,
    num_groups: int,
) -> NumpyParameters:
    phi = _beta(rng, model.phi_alpha, model.phi_beta, (num_draws,))
    kappa_log = rng.exponential(1 / _number(model.kappa_log_rate), num_draws)
    # Held below overflow: out there the population is a point.
    kappa = np.exp(np.minimum(kappa_log, 600))
    a, b = (kappa * phi)[:, None], (kappa * (1 - phi))[:, None]
    theta = _beta(rng, a, b, (num_draws, num_groups))
    return {"phi": phi, "kappa_log": kappa_log, "kappa": kappa, "theta": theta}


@draw_prior.register(LogitPartialPooling)
@draw_prior.register(CollapsedLogitPartialPooling)
def _(
    model: LogitPartialPooling | CollapsedLogitPartialPooling,
    rng: np.random.Generator,
    num_draws: int,
    num_groups: int,
) -> NumpyParameters:
    mu = rng.normal(_number(model.mu_mean), _number(model.mu_sd), num_draws)
    sigma = np.abs(rng.normal(0, _number(model.sigma_sd), num_draws))
    log_odds = mu[:, None] + sigma[:, None] * rng.normal(size=(num_draws, num_groups))
    return {"mu": mu, "sigma": sigma, "theta": 1 / (1 + np.exp(-log_odds))}


def _number(hyperparameter: ArrayLike) -> float:
    return float(np.asarray(hyperparameter))


def _beta(
    rng: np.random.Generator, alpha: ArrayLike, beta: ArrayLike, shape: tuple[int, ...]
) -> np.ndarray:
    # NumPy refuses parameters that have underflowed to 0: out there theta is 0 or 1 for certain.
    a, b = (np.maximum(np.asarray(value, float), 1e-300) for value in (alpha, beta))
    return rng.beta(a, b, shape)
