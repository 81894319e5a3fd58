"""The Beta population that the partial-pooling models share, on the unconstrained space.

    phi ~ Beta(phi_alpha, phi_beta)
    kappa_log ~ Exponential(kappa_log_rate), kappa = exp(kappa_log)

Its position is ``logit_phi`` () and ``log_kappa_log`` ().
"""

from collections.abc import Mapping
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood.binomial import beta_binomial, reference
from hierpool.likelihood.histograms import Data, totals
from hierpool.likelihood.special import log_beta, logit
from hierpool.models.protocol import (
    NumpyParameters,
    Parameters,
    Position,
    draw_beta,
    floats,
    number,
)


class Hyperpriors(Protocol):
    """The fields of a model with a Beta population."""

    @property
    def kappa_log_rate(self) -> ArrayLike:
        """Rate of kappa_log's exponential prior; kappa is a priori Pareto(1, kappa_log_rate)."""

    @property
    def phi_alpha(self) -> ArrayLike:
        """First parameter of phi's Beta prior."""

    @property
    def phi_beta(self) -> ArrayLike:
        """Second parameter of phi's Beta prior."""


def start(key: jax.Array, data: Data) -> Position:
    """Returns a rough draw of the population, spread a little wider than its posterior."""
    phi_key, kappa_key = jax.random.split(key)
    dtype = jnp.result_type(float)
    log_kappa_log = jnp.log(jax.random.uniform(kappa_key, (), dtype, 1.0, 6.0))
    centre, spread = _around(log_kappa_log, data)
    logit_phi = centre + spread * jax.random.normal(phi_key, (), dtype)
    return {"logit_phi": logit_phi, "log_kappa_log": log_kappa_log}


FAR = 22.0
"""Up to there the scale of the chart is that of log(kappa - 1), beyond that of its log."""
FOLD = 5.0
"""About how far the change from one to the other takes."""


def _on_chart(log_excess: np.ndarray) -> np.ndarray:
    """Returns the inverse of the map of ``from_chart`` from excess to log(kappa - 1)."""
    excess = np.minimum(log_excess, FAR + FOLD * np.log(np.maximum(log_excess, FOLD) / FOLD))
    for _ in range(60):
        beyond = np.exp((excess - FAR) / FOLD)
        excess = excess - (excess + FOLD * beyond - log_excess) / (1 + beyond)
    return excess


LOG_EXCESSES = np.concatenate(
    [np.arange(-20, 0, 2), np.arange(0, 26, 1.25), [28, 33, 40, 55, 100, 1000]]
)
"""log(kappa - 1) where the posterior is looked at before it is searched. A log likelihood of counts
up to a billion bends on no smaller scale than these are apart, and beyond them not at all."""
CHART = _on_chart(LOG_EXCESSES)
"""The same on the scale of the chart."""
WIDE = 20.0
"""Beyond there, a rate of 1e-9, the scale of the chart is that of the cubic root of logit_phi."""


def chart(data: Data) -> tuple[Position, jax.Array]:
    """Returns points (point,) along the whole line of kappa, and (point,) spreads of logit_phi.

    They are in the coordinates of ``from_chart``; kappa ascends.
    """
    excess = jnp.asarray(CHART, jnp.result_type(float))
    log_kappa_log = _log_kappa_log(jnp.asarray(LOG_EXCESSES, excess.dtype))
    logit_phi, spread = jax.vmap(_around, (0, None))(log_kappa_log, data)
    # The inverse of the cubic of ``from_chart``, by a third of its angle.
    log_odds = 2 / 3**0.5 * WIDE * jnp.sinh(jnp.arcsinh(1.5 * 3**0.5 / WIDE * logit_phi) / 3)
    return {"excess": excess, "log_odds": log_odds}, spread / (1 + 3 * (log_odds / WIDE) ** 2)


def from_chart(point: Position) -> tuple[Position, jax.Array]:
    """Returns the position of a point of the chart, and () the log-Jacobian of the map to it.

        excess + FOLD exp((excess - FAR) / FOLD) = log(kappa - 1)
        log_odds + log_odds^3 / WIDE^2 = logit_phi

    For a kappa near 1 log(kappa - 1) is log_kappa_log, for a large one kappa_log itself. So it sees
    the bends of the likelihood, which are on the scale of kappa_log, equally wide everywhere, and
    the end of the line at kappa = 1 is far away. Where no likelihood bends any more and only a
    prior falls, slowly perhaps, excess is a logarithm of it. So may the prior of phi fall
    slowly towards 0 or 1, by its power of phi: the cubic brings that near.
    """
    beyond = jnp.exp((point["excess"] - FAR) / FOLD)
    log_excess = point["excess"] + FOLD * beyond
    log_kappa_log = _log_kappa_log(log_excess)
    square = (point["log_odds"] / WIDE) ** 2
    position = {"logit_phi": point["log_odds"] * (1 + square), "log_kappa_log": log_kappa_log}
    of_kappa = jax.nn.log_sigmoid(log_excess) - log_kappa_log + jnp.log1p(beyond)
    return position, of_kappa + jnp.log1p(3 * square)


def _log_kappa_log(log_excess: jax.Array) -> jax.Array:
    """Returns log log kappa from log(kappa - 1)."""
    near = jnp.minimum(log_excess, -20)
    far = jnp.maximum(log_excess, -20)
    return jnp.where(log_excess < -20, near - 0.5 * jnp.exp(near), jnp.log(jax.nn.softplus(far)))


def standardize(position: Position, data: Data) -> Position:
    """Returns a population as NUTS explores it: in units of what the data leave open, roughly.

    The more a group weighs, the narrower the posterior of phi: with the spread that goes with each
    kappa taken out, that funnel is gone. ``unstandardize`` is the inverse.
    """
    centre, spread = _around(position["log_kappa_log"], data)
    z_phi = (position["logit_phi"] - centre) / spread
    return {"z_phi": z_phi, "z_kappa": position["log_kappa_log"] / _kappa_spread(data)}


def unstandardize(standard: Position, data: Data) -> tuple[Position, jax.Array]:
    """Returns the position, and () the log-Jacobian of the map to it."""
    kappa_spread = _kappa_spread(data)
    log_kappa_log = kappa_spread * standard["z_kappa"]
    centre, spread = _around(log_kappa_log, data)
    logit_phi = centre + spread * standard["z_phi"]
    position = {"logit_phi": logit_phi, "log_kappa_log": log_kappa_log}
    return position, jnp.log(spread) + jnp.log(kappa_spread)


def _kappa_spread(data: Data) -> jax.Array:
    """Returns () how uncertain as many groups leave log_kappa_log, roughly."""
    _, _, groups = totals(data)
    return 1 / jnp.sqrt(1 + 1.5 * groups)


def _around(log_kappa_log: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
    """Returns () where the data put logit_phi, and how uncertain a kappa leaves it, roughly."""
    successes, failures, groups = totals(data)
    trials = successes + failures
    # The standard error of the population's log-odds, each group counting for the trials it is
    # worth: its own, but no more than kappa.
    most = groups * concentration(log_kappa_log)
    worth = trials / (1 + (trials + 1) / jnp.maximum(most, 1))
    rarer = (jnp.minimum(successes, failures) + 0.5) / (trials + 1)
    spread = jnp.minimum(1 / jnp.sqrt((worth + 1) * rarer), 1)
    return jnp.log(successes + 0.5) - jnp.log(failures + 0.5), spread


def log_concentration(log_kappa_log: jax.Array) -> jax.Array:
    """Returns log kappa = exp(log_kappa_log), held below where kappa overflows.

    Up there the population is a point: the likelihood has reached its limit, only the prior falls.
    """
    ceiling = (0.9 * jnp.log(jnp.finfo(log_kappa_log.dtype).max)).astype(log_kappa_log.dtype)
    return jnp.minimum(jnp.exp(log_kappa_log), ceiling)


def concentration(log_kappa_log: jax.Array) -> jax.Array:
    """Returns kappa = exp(exp(log_kappa_log)), held below overflow."""
    return jnp.exp(log_concentration(log_kappa_log))


def log_prior(model: Hyperpriors, position: Position) -> jax.Array:
    """Returns () the log prior density of logit_phi and log_kappa_log. Its integral is 1."""
    logit_phi, log_kappa_log = position["logit_phi"], position["log_kappa_log"]
    a, b, rate = floats(model.phi_alpha, model.phi_beta, model.kappa_log_rate)
    # log(1 - phi) = log phi - logit_phi.
    phi = (a + b) * jax.nn.log_sigmoid(logit_phi) - b * logit_phi
    # Exponential(rate) on kappa_log is Pareto(1, rate) on kappa; the last term is
    # log d kappa_log / d log_kappa_log.
    kappa = jnp.log(rate) - rate * jnp.exp(log_kappa_log) + log_kappa_log
    return phi - log_beta(a, b) + kappa


def reported(position: Position) -> Parameters:
    """Returns phi and kappa_log, which have means and sds; kappa, of infinite variance, has not."""
    return {
        "phi": jax.nn.sigmoid(position["logit_phi"]),
        "kappa_log": jnp.exp(position["log_kappa_log"]),
    }


def constrain(position: Position) -> Parameters:
    """Returns phi, kappa_log and kappa."""
    return reported(position) | {"kappa": concentration(position["log_kappa_log"])}


def draw_theta(key: jax.Array, position: Position, counts: Counts) -> jax.Array:
    """Returns theta (group,) drawn from its exact conditional given the population."""
    successes, failures, _ = counts.as_floats(position["logit_phi"].dtype)
    kappa = concentration(position["log_kappa_log"])
    a = kappa * jax.nn.sigmoid(position["logit_phi"])
    b = kappa * jax.nn.sigmoid(-position["logit_phi"])
    return jax.random.beta(key, a + successes, b + failures)


def log_likelihood(parameters: Parameters, counts: Counts) -> jax.Array:
    """Returns (group,) log BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)."""
    marginal = beta_binomial(logit(parameters["phi"]), parameters["kappa"], counts)
    return marginal + reference(counts)


def theta_prior(parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns (draw,) phi kappa and (1 - phi) kappa, on the host."""
    phi, kappa = parameters["phi"], parameters["kappa"]
    # Parameters that have underflowed to 0 are no Beta's.
    return np.maximum(phi * kappa, 1e-300), np.maximum((1 - phi) * kappa, 1e-300)


def draw_prior(
    model: Hyperpriors, rng: np.random.Generator, num_draws: int, num_groups: int
) -> NumpyParameters:
    """Returns ``phi``, ``kappa_log``, ``kappa`` and ``theta`` from the prior, on the host."""
    phi = draw_beta(rng, model.phi_alpha, model.phi_beta, (num_draws,))
    kappa_log = rng.exponential(1 / number(model.kappa_log_rate), num_draws)
    # Held below overflow: out there the population is a point.
    kappa = np.exp(np.minimum(kappa_log, 600))
    a, b = (kappa * phi)[:, None], (kappa * (1 - phi))[:, None]
    theta = draw_beta(rng, a, b, (num_draws, num_groups))
    return {"phi": phi, "kappa_log": kappa_log, "kappa": kappa, "theta": theta}
