"""Partial pooling with a normal population of log-odds, in the non-centred parametrization.

NUTS explores both models in coordinates in which their posterior is nearly normal: mu standardized
given sigma and the data, and each group's log-odds given the population and the data.

Source: the rstanarm version of Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling
for Repeated Binary Trials"; Papaspiliopoulos, Roberts and Skold (2007), "A General Framework for
the Parametrization of Hierarchical Models", for the parametrization.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import exp, log, namespace, quietly
from hierpool.counts import Counts
from hierpool.likelihood import logit_normal
from hierpool.likelihood.binomial import binomial, reference
from hierpool.likelihood.compress import (
    Distinct,
    padded_pairs,
    padded_rows,
    power_of_two,
    quarter_octave,
)
from hierpool.likelihood.histograms import Data, Histograms, Pairs, rows, totals
from hierpool.likelihood.special import HALF_LOG_TWO_PI
from hierpool.models.protocol import NumpyParameters, Parameters, Position, floats, model, number

STATEMENTS = (
    "mu ~ Normal(mu_mean, mu_sd)",
    "sigma ~ HalfNormal(sigma_sd)",
    "z_i ~ Normal(0, 1)",
    "theta_i = inverse_logit(mu + sigma z_i)",
    "y_i ~ Binomial(n_i, theta_i)",
)
"""Both models, as lines of their graph (``models.graph``)."""
HIGHEST_LOG_SIGMA = 14.0
"""The limit of log sigma, so that the square of sigma does not overflow in float32."""


class _LogOdds:
    """The methods on the host that both models of a normal population of log-odds share."""

    mu_mean: ArrayLike
    mu_sd: ArrayLike
    sigma_sd: ArrayLike

    def prior_trials(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns (draw,) the number of trials that has about the weight of the population."""
        # The variance of a Beta population is p (1 - p) / (kappa + 1), where kappa is that number;
        # the variance of theta here is about (p (1 - p) sigma)^2.
        chance = 1 / (1 + np.exp(-parameters["mu"]))
        return 1 / (chance * (1 - chance) * parameters["sigma"] ** 2)

    def draw_theta_prior(
        self, rng: np.random.Generator, parameters: Mapping[str, np.ndarray], num_groups: int
    ) -> np.ndarray:
        """Returns (draw, group) theta of groups without data, given the population."""
        mu, sigma = parameters["mu"], parameters["sigma"]
        # Imported late: it takes longer than the work of a small `estimate`.
        from scipy.special import expit

        return expit(mu[:, None] + sigma[:, None] * rng.normal(size=(len(mu), num_groups)))

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns ``mu`` (draw,), ``sigma`` (draw,) and ``theta`` (draw, group) from the prior."""
        mu = rng.normal(number(self.mu_mean), number(self.mu_sd), num_draws)
        sigma = np.abs(rng.normal(0, number(self.sigma_sd), num_draws))
        log_odds = mu[:, None] + sigma[:, None] * rng.normal(size=(num_draws, num_groups))
        return {"mu": mu, "sigma": sigma, "theta": 1 / (1 + np.exp(-log_odds))}


@model
class LogitPartialPooling(_LogOdds):
    """Partial pooling: the log-odds of the groups come from one normal population.

        mu ~ Normal(mu_mean, mu_sd)
        sigma ~ HalfNormal(sigma_sd)
        z_i ~ Normal(0, 1), theta_i = inverse_logit(mu + sigma z_i)
        y_i ~ Binomial(n_i, theta_i)

    The position is ``mu`` (), ``log_sigma`` () and ``z`` (group,). ``model="logit"`` means this
    model with its defaults.

    Args:
        mu_mean: () mean of the normal prior on mu, in log-odds, finite.
        mu_sd: () sd of the normal prior on mu, in log-odds, positive.
        sigma_sd: () scale of the half-normal prior on sigma, in log-odds, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        The prior median of every theta is inverse_logit(mu_mean).

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.LogitPartialPooling(mu_mean=-1.0)
        >>> draws = model.draw_prior(np.random.default_rng(0), num_draws=4000, num_groups=18)
        >>> print(round(float(np.median(draws["theta"])), 1))
        0.3
    """

    mu_mean: ArrayLike = -1.0
    mu_sd: ArrayLike = 1.0
    sigma_sd: ArrayLike = 1.0
    statements: ClassVar[tuple[str, ...]] = STATEMENTS

    def init(self, key: jax.Array, data: Counts | Pairs) -> Position:
        """Returns a random start: mu near the pooled log-odds, sigma from 0.05 to 1, then z."""
        counts, _ = rows(data)
        mu_key, sigma_key, z_key = jax.random.split(key, 3)
        successes, failures, _ = counts.as_floats()
        centre = jnp.log(successes.sum() + 0.5) - jnp.log(failures.sum() + 0.5)
        dtype = successes.dtype
        position = {
            "mu": centre + 0.1 * jax.random.normal(mu_key, (), dtype),
            "log_sigma": jax.random.uniform(sigma_key, (), dtype, -3.0, 0.0),
        }
        centre, spread = _z_around(position, counts)
        z = centre + spread * jax.random.normal(z_key, successes.shape, dtype)
        return position | {"z": z}

    def log_density(self, position: Position, data: Counts | Pairs) -> jax.Array:
        """Returns () the joint log posterior density, up to a constant of the data.

        ``data`` may also be ``Pairs`` with one row for each group, padded with rows of weight 0.
        """
        counts, weight = rows(data)
        mu, log_sigma, z = position["mu"], position["log_sigma"], position["z"]
        sigma = jnp.exp(log_sigma)
        likelihood = binomial(mu + sigma * z, counts)
        # The last term is log d sigma / d log_sigma.
        return (
            _log_prior(self, mu, sigma)
            + log_sigma
            + jnp.sum(weight * (_log_normal(z) + likelihood))
        )

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns ``mu``, ``sigma`` and ``theta`` (group,). Nothing is random."""
        sigma = jnp.exp(position["log_sigma"])
        theta = jax.nn.sigmoid(position["mu"] + sigma * position["z"])
        return {"mu": position["mu"], "sigma": sigma, "theta": theta}

    def standardize(self, position: Position, data: Counts | Pairs) -> Position:
        """Returns the position in NUTS's coordinates: mu given sigma, z given mu and sigma."""
        centre, spread = _z_around(position, data)
        return _standardize(self, position, data) | {"z_theta": (position["z"] - centre) / spread}

    def unstandardize(self, standard: Position, data: Counts | Pairs) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        position, log_jacobian = _unstandardize(self, standard, data)
        centre, spread = _z_around(position, data)
        z = centre + spread * standard["z_theta"]
        log_jacobian = log_jacobian + jnp.sum(rows(data)[1] * jnp.log(spread))
        return position | {"z": z}, log_jacobian

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over the population."""
        return _log_likelihood(parameters, data)

    def collapsed(self) -> "CollapsedLogitPartialPooling":
        """Returns the model of the same posterior with theta integrated out."""
        return CollapsedLogitPartialPooling(**vars(self))

    def compress(self, pairs: Distinct) -> Data:
        """Returns ``Pairs`` with one row for each group."""
        y, n = pairs.successes[pairs.inverse], pairs.trials[pairs.inverse]
        return padded_rows(y, n, quarter_octave(len(n)))


@model
class CollapsedLogitPartialPooling(_LogOdds):
    """The model of ``LogitPartialPooling`` with theta integrated out, which leaves two parameters.

        mu ~ Normal(mu_mean, mu_sd)
        sigma ~ HalfNormal(sigma_sd)
        y_i ~ Binomial(n_i, inverse_logit(mu + sigma z)) averaged over z ~ Normal(0, 1)
        theta_i | y_i: inverse_logit(mu + sigma z_i), z_i from its conditional

    The posterior is the same. The position is ``log_sigma`` () and ``mu`` (). The integral has no
    closed form: each distinct (y, n) needs a quadrature of 49 nodes, whose error is below 1e-9 in
    float64 for sigma up to 50 (``likelihood.logit_normal``). ``constrain`` draws theta by inverting
    a tabulated distribution function, with an error of at most 1e-6. ``model="collapsed-logit"``
    means this model with its defaults.

    Args:
        mu_mean: () mean of the normal prior on mu, in log-odds, finite.
        mu_sd: () sd of the normal prior on mu, in log-odds, positive.
        sigma_sd: () scale of the half-normal prior on sigma, in log-odds, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        With mu = -1 and sigma = 0.5, the population has about the weight of 20 trials.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.CollapsedLogitPartialPooling()
        >>> print(model.prior_trials({"mu": np.array([-1.0]), "sigma": np.array([0.5])}).round())
        [20.]
    """

    mu_mean: ArrayLike = -1.0
    mu_sd: ArrayLike = 1.0
    sigma_sd: ArrayLike = 1.0
    statements: ClassVar[tuple[str, ...]] = STATEMENTS
    integrated_out: ClassVar[tuple[str, ...]] = ("z_i", "theta_i")
    cost_of_group: ClassVar[float] = 10.0
    """How long the log probability of a group's counts takes, as against a Beta population's."""

    def init(self, key: jax.Array, data: Data) -> Position:
        """Returns a random start: mu near the pooled log-odds, sigma from 0.05 to 1."""
        _distinct(data)
        mu_key, sigma_key = jax.random.split(key)
        successes, failures, _ = totals(data)
        dtype = successes.dtype
        centre = jnp.log(successes + 0.5) - jnp.log(failures + 0.5)
        return {
            "log_sigma": jax.random.uniform(sigma_key, (), dtype, -3.0, 0.0),
            "mu": centre + 0.1 * jax.random.normal(mu_key, (), dtype),
        }

    @quietly
    def log_density(self, position: Position, data: Data) -> jax.Array:
        """Returns () the log posterior density of the population, up to a constant of the data.

        ``data`` may also be ``Pairs``; the cost is then proportional to the number of distinct
        (y, n).

        Raises:
            TypeError: ``data`` are ``Histograms``.
        """
        mu, log_sigma = position["mu"], position["log_sigma"]
        sigma = exp(log_sigma)
        distinct, groups = _distinct(data)
        each = logit_normal.logit_normal_binomial(mu, sigma, distinct)
        # log_sigma is log d sigma / d log_sigma.
        prior = _log_prior(self, mu, sigma) + log_sigma
        return prior + (namespace(groups).asarray(groups, mu.dtype) * each).sum(axis=-1)

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns ``mu``, ``sigma``, and ``theta`` (group,) drawn given them and the data."""
        mu, sigma = position["mu"], jnp.exp(position["log_sigma"])
        level = jax.random.uniform(key, jnp.shape(data.trials), mu.dtype)
        theta = logit_normal.theta_quantile(level, mu, sigma, data)
        return {"mu": mu, "sigma": sigma, "theta": theta}

    def chart(self, data: Data) -> tuple[Position, jax.Array]:
        """Returns (point,) points at which the exact integration starts, and sds of mu there."""
        return _chart(data)

    def from_chart(self, point: Position) -> tuple[Position, jax.Array]:
        """Returns the position of a point of the chart, which is the point itself, and () 0."""
        return point, 0 * point["mu"]

    def reported(self, position: Position) -> Position:
        """Returns mu and sigma, whose mean and sd the integration must determine accurately."""
        return {"mu": position["mu"], "sigma": exp(position["log_sigma"])}

    population = reported

    def standardize(self, position: Position, data: Data) -> Position:
        """Returns the position in NUTS's coordinates: mu standardized given sigma."""
        return _standardize(self, position, data)

    def unstandardize(self, standard: Position, data: Data) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        return _unstandardize(self, standard, data)

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over the population."""
        return _log_likelihood(parameters, data)

    def collapsed(self) -> "CollapsedLogitPartialPooling":
        """Returns the model itself, because theta is already integrated out."""
        return self

    def compress(self, pairs: Distinct) -> Data:
        """Returns the distinct (y, n), with the number of groups of each."""
        return padded_pairs(pairs, power_of_two(len(pairs.trials)))

    def unconstrain(self, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the positions of draws of the parameters, (draw,) each, on the host."""
        return {"log_sigma": np.log(parameters["sigma"]), "mu": parameters["mu"]}


LOG_SIGMAS = np.arange(-16, 12, 0.8)
"""The log(sigma) at which the posterior is evaluated before its mode is searched."""


def _chart(data: Data) -> tuple[Position, jax.Array]:
    """Returns (point,) points that cover all sigma, and (point,) approximate sds of mu at each."""
    successes, failures, groups = totals(data)
    xp = namespace(successes)
    log_sigma = LOG_SIGMAS.astype(successes.dtype)
    mu = xp.full_like(log_sigma, xp.log(successes + 0.5) - xp.log(failures + 0.5))
    rarer = xp.minimum(successes, failures) + 0.5
    reach = xp.sqrt(1 / rarer + xp.exp(2 * log_sigma) / xp.maximum(groups, 1))
    return {"log_sigma": log_sigma, "mu": mu}, reach


LogitModel = LogitPartialPooling | CollapsedLogitPartialPooling


def _standardize(model: LogitModel, position: Position, data: Data) -> Position:
    centre, spread = _mu_around(model, position["log_sigma"], data)
    z_mu = (position["mu"] - centre) / spread
    return {"z_mu": z_mu, "z_sigma": position["log_sigma"] / _sigma_spread(data)}


def _unstandardize(model: LogitModel, standard: Position, data: Data) -> tuple[Position, jax.Array]:
    sigma_spread = _sigma_spread(data)
    log_sigma = sigma_spread * standard["z_sigma"]
    centre, spread = _mu_around(model, log_sigma, data)
    position = {"log_sigma": log_sigma, "mu": centre + spread * standard["z_mu"]}
    return position, jnp.log(spread) + jnp.log(sigma_spread)


def _sigma_spread(data: Data) -> jax.Array:
    """Returns () an approximate posterior sd of log_sigma, from the number of groups."""
    _, _, groups = totals(data)
    return 1 / jnp.sqrt(1 + groups)


def _mu_around(model: LogitModel, log_sigma: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
    """Returns () approximate mean and sd of mu given sigma and the data.

    Each group's log-odds are treated as normal, and measured with a known variance. The smaller
    sigma is, the more weight groups with many trials have, and the smaller the sd of mu is.
    """
    mean, sd = floats(model.mu_mean, model.mu_sd)
    log_odds, variance, groups = _own_log_odds(data)
    precision = groups / (_held(log_sigma) ** 2 + variance)
    total = 1 / sd**2 + jnp.sum(precision)
    return (mean / sd**2 + jnp.sum(precision * log_odds)) / total, 1 / jnp.sqrt(total)


def _z_around(position: Position, counts: Counts | Pairs) -> tuple[jax.Array, jax.Array]:
    """Returns (group,) approximate mean and sd of z given the population and the data."""
    sigma = _held(position["log_sigma"])
    return logit_normal.standard_log_odds(position["mu"], sigma, rows(counts)[0])


def _own_log_odds(data: Data) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns each row's own estimate of its log-odds, its variance, and its number of groups.

    The outcome that is rarer overall is given 1/2 more, and the other outcome 1/2 times its pooled
    odds. With 1/2 more of both, groups without a success would all be biased in one direction.
    """
    counts, groups = _distinct(data)
    successes, failures, trials = counts.as_floats()
    all_successes, all_failures, _ = totals(data)
    odds = (all_successes + 0.5) / (all_failures + 0.5)
    a = successes + 0.5 * jnp.maximum(odds, 1)
    b = failures + 0.5 * jnp.maximum(1 / odds, 1)
    groups = jnp.where(trials > 0, jnp.asarray(groups, trials.dtype), 0)
    return jnp.log(a) - jnp.log(b), 1 / a + 1 / b, groups


def _held(log_sigma: jax.Array) -> jax.Array:
    """Returns sigma, limited so that its square does not overflow."""
    return jnp.exp(jnp.minimum(log_sigma, HIGHEST_LOG_SIGMA))


def _distinct(data: Data) -> tuple[Counts, ArrayLike]:
    """Returns the rows of a data set, and the number of groups with the counts of each row."""
    if isinstance(data, Histograms):
        raise TypeError(
            "CollapsedLogitPartialPooling needs the successes and trials of groups: pass "
            "Counts or Pairs, not Histograms, which do not contain them."
        )
    return (data.counts, data.groups) if isinstance(data, Pairs) else (data, 1)


def _log_likelihood(parameters: Parameters, counts: Counts) -> jax.Array:
    marginal = logit_normal.logit_normal_binomial(parameters["mu"], parameters["sigma"], counts)
    return marginal + reference(counts)


def _log_prior(model: LogitModel, mu: jax.Array, sigma: jax.Array) -> jax.Array:
    """Returns () the log prior density of mu and sigma."""
    mean, sd, scale = floats(model.mu_mean, model.mu_sd, model.sigma_sd)
    half_normal = _log_normal(sigma / scale) - log(scale) + math.log(2)
    return _log_normal((mu - mean) / sd) - log(sd) + half_normal


def _log_normal(x: jax.Array) -> jax.Array:
    return -0.5 * x * x - HALF_LOG_TWO_PI
