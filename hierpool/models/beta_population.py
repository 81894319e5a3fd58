"""Models with a Beta population of theta: everything but the prior on phi and kappa.

    phi, kappa ~ a prior
    theta_i ~ Beta(phi kappa, (1 - phi) kappa)
    y_i ~ Binomial(n_i, theta_i)

A model of this family defines its prior and the coordinate in which kappa is explored. The rest is
here, with theta integrated out, and in ``joint`` with every theta explored.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import exp, log_sigmoid, namespace, quietly, sigmoid
from hierpool.counts import Counts
from hierpool.input.errors import InputError
from hierpool.likelihood.binomial import beta_binomial, reference
from hierpool.likelihood.compress import Distinct, compress
from hierpool.likelihood.histograms import Data, log_marginal, totals
from hierpool.likelihood.special import (
    log_beta,
    logit,
)
from hierpool.models.protocol import Collapsible, NumpyParameters, Parameters, Position

OF_GROUPS = ("theta_i ~ Beta(phi kappa, (1 - phi) kappa)", "y_i ~ Binomial(n_i, theta_i)")
"""What a model states of its groups, as lines of its graph (``models.graph``)."""
WIDE = 20.0
"""Beyond these log-odds, of a rate of 2e-9, phi's chart has the scale of logit_phi's cube root."""


class BetaPopulation:
    """A Beta population with theta integrated out, in ``logit_phi`` () and a kappa coordinate ().

    A model adds ``log_prior``, ``start``, ``log_kappa``, ``population``, ``reported``,
    ``kappa_chart``, ``kappa_from_chart`` and ``draw_population``.
    """

    coordinate: ClassVar[str]
    """The name of kappa's coordinate in a position."""
    integrated_out: ClassVar[tuple[str, ...]] = ("theta_i",)
    """The quantities of its graph that it does not explore."""
    cost_of_group: ClassVar[float] = 1.0
    """How long the log probability of a group's counts takes, as against that of this family."""
    heavy_tailed: ClassVar[tuple[str, ...]] = ("kappa",)
    """The parameters whose posterior variance is infinite: kappa, under a Pareto prior or under one
    of the spread, since a likelihood does not vanish where kappa is infinite."""

    def log_prior(self, position: Position) -> jax.Array:
        """Returns () the normalized log prior density of a position."""
        raise NotImplementedError

    def start(self, key: jax.Array, data: Data) -> jax.Array:
        """Returns () a random start for kappa's coordinate, more dispersed than its posterior."""
        raise NotImplementedError

    def log_kappa(self, position: Position) -> jax.Array:
        """Returns () log kappa, limited so that kappa does not overflow."""
        raise NotImplementedError

    def population(self, position: Position) -> Parameters:
        """Returns the population's parameters by name."""
        raise NotImplementedError

    def reported(self, position: Position) -> Parameters:
        """Returns the parameters whose mean and sd are reported, at least phi and kappa_log."""
        raise NotImplementedError

    def kappa_chart(self, dtype: jax.typing.DTypeLike) -> tuple[Any, Any]:
        """Returns (point,) chart coordinates that cover all kappa, and the coordinate of kappa."""
        raise NotImplementedError

    def kappa_from_chart(self, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns () the coordinate of kappa at a chart coordinate, and the log-Jacobian."""
        raise NotImplementedError

    def draw_population(self, rng: np.random.Generator, num_draws: int) -> NumpyParameters:
        """Returns (draw,) the population's parameters from the prior, on the host."""
        raise NotImplementedError

    def init(self, key: jax.Array, data: Data) -> Position:
        """Returns a random start of the population, near the data."""
        phi_key, kappa_key = jax.random.split(key)
        position = {self.coordinate: self.start(kappa_key, data)}
        centre, spread = _around(self.log_kappa(position), data)
        logit_phi = centre + spread * jax.random.normal(phi_key, (), jnp.result_type(float))
        return {"logit_phi": logit_phi} | position

    @quietly
    def log_density(self, position: Position, data: Data) -> jax.Array:
        """Returns () the log posterior density of the population, up to a constant of the data.

        ``data`` may also be compressed, to ``Pairs`` or to ``Histograms``; the cost of the latter
        does not depend on the number of groups.
        """
        likelihood = log_marginal(position["logit_phi"], self.log_kappa(position), data)
        return self.log_prior(position) + likelihood

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns the population's parameters, and ``theta`` (group,) drawn given them."""
        successes, failures, _ = data.as_floats(position["logit_phi"].dtype)
        a, b = self.prior_counts(position)
        theta = jax.random.beta(key, a + successes, b + failures)
        return self.population(position) | {"theta": theta}

    def prior_counts(self, position: Position) -> tuple[jax.Array, jax.Array]:
        """Returns () phi kappa and (1 - phi) kappa."""
        kappa, logit_phi = exp(self.log_kappa(position)), position["logit_phi"]
        return kappa * sigmoid(logit_phi), kappa * sigmoid(-logit_phi)

    def standardize(self, position: Position, data: Data) -> Position:
        """Returns the position in the coordinates that NUTS explores.

        phi is standardized by its approximate mean and sd given kappa. The larger kappa is, the
        narrower is the posterior of phi; the standardization removes this funnel.
        ``unstandardize`` is the inverse.
        """
        centre, spread = _around(self.log_kappa(position), data)
        z_phi = (position["logit_phi"] - centre) / spread
        return {"z_phi": z_phi, "z_kappa": position[self.coordinate] / _kappa_spread(data)}

    def unstandardize(self, standard: Position, data: Data) -> tuple[Position, jax.Array]:
        """Returns the position, and () the log-Jacobian of the map to it."""
        kappa_spread = _kappa_spread(data)
        position = {self.coordinate: kappa_spread * standard["z_kappa"]}
        centre, spread = _around(self.log_kappa(position), data)
        logit_phi = centre + spread * standard["z_phi"]
        return {"logit_phi": logit_phi} | position, jnp.log(spread) + jnp.log(kappa_spread)

    def chart(self, data: Data) -> tuple[Position, jax.Array]:
        """Returns (point,) points that cover all kappa, and (point,) approximate sds of phi's.

        Both are in the coordinates of ``from_chart``, in ascending order of kappa.
        """
        places, values = self.kappa_chart(jnp.result_type(float))
        log_kappa = self.log_kappa({self.coordinate: values})
        logit_phi, spread = _around(log_kappa, data)
        xp = namespace(places, logit_phi, spread)
        logit_phi = xp.broadcast_to(logit_phi, places.shape)
        # This is the inverse of the cubic in ``from_chart``, in closed form.
        log_odds = 2 / 3**0.5 * WIDE * xp.sinh(xp.arcsinh(1.5 * 3**0.5 / WIDE * logit_phi) / 3)
        return {"excess": places, "log_odds": log_odds}, spread / (1 + 3 * (log_odds / WIDE) ** 2)

    def from_chart(self, point: Position) -> tuple[Position, jax.Array]:
        """Returns the position of a point of the chart, and () the log-Jacobian of the map to it.

            log_odds + log_odds^3 / WIDE^2 = logit_phi

        The prior on phi may fall slowly towards 0 or 1, as a power of phi: the cubic shortens such
        a tail. The model defines the scale of kappa.
        """
        value, of_kappa = self.kappa_from_chart(point["excess"])
        square = (point["log_odds"] / WIDE) ** 2
        position = {"logit_phi": point["log_odds"] * (1 + square), self.coordinate: value}
        return position, of_kappa + namespace(square).log1p(3 * square)

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log BetaBinomial(y_i | n_i, phi kappa, (1 - phi) kappa)."""
        marginal = beta_binomial(logit(parameters["phi"]), parameters["kappa"], data)
        return marginal + reference(data)

    def collapsed(self) -> "BetaPopulation":
        """Returns the model itself, because theta is already integrated out."""
        return self

    def compress(self, pairs: Distinct) -> Data:
        """Returns a data set as ``Histograms``, or as ``Pairs`` if these are few and large."""
        return compress(pairs)

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (draw,) parameters of theta's Beta prior: phi kappa and (1 - phi) kappa."""
        phi, kappa = parameters["phi"], parameters["kappa"]
        # The limit keeps the parameters positive where they underflow to 0.
        return np.maximum(phi * kappa, 1e-300), np.maximum((1 - phi) * kappa, 1e-300)

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns the parameters by name from the prior, on the host."""
        of = self.draw_population(rng, num_draws)
        a, b = (x[:, None] for x in self.theta_prior(of))
        return of | {"theta": rng.beta(a, b, (num_draws, num_groups))}


def beta_population_of(model: object, what: str) -> BetaPopulation:
    """Returns the model of the same posterior with theta integrated out.

    Args:
        model: a model.
        what: the name of the function that needs a Beta population, for the message.

    Raises:
        InputError: the groups of the model do not come from a Beta population.
    """
    collapsed = model.collapsed() if isinstance(model, Collapsible) else model
    if not isinstance(collapsed, BetaPopulation):
        raise InputError(
            f"{what} supports models with a Beta population, as CollapsedPartialPooling, not "
            f"{type(model).__name__}: fit draws from any model."
        )
    return collapsed


def log_prior_of_phi(logit_phi: jax.Array, alpha: jax.Array, beta: jax.Array) -> jax.Array:
    """Returns () the log density of logit_phi where phi ~ Beta(alpha, beta)."""
    # This uses log(1 - phi) = log phi - logit_phi.
    return (alpha + beta) * log_sigmoid(logit_phi) - beta * logit_phi - log_beta(alpha, beta)


def ceiling(dtype: jax.typing.DTypeLike) -> jax.Array:
    """Returns () the largest log kappa that is used, so that kappa does not overflow.

    Above it every theta equals phi: the likelihood is constant there, and only the prior falls.
    """
    return (0.9 * np.log(jnp.finfo(dtype).max)).astype(dtype)


def _kappa_spread(data: Data) -> jax.Array:
    """Returns () an approximate posterior sd of kappa's coordinate, from the number of groups."""
    _, _, groups = totals(data)
    return 1 / namespace(groups).sqrt(1 + 1.5 * groups)


def _around(log_kappa: ArrayLike, data: Data) -> tuple[jax.Array, jax.Array]:
    """Returns () approximate posterior mean and sd of logit_phi given kappa."""
    successes, failures, groups = totals(data)
    trials = successes + failures
    # The sd is the standard error of the population's log-odds. A group counts for its number of
    # trials, but for no more than kappa.
    xp = namespace(log_kappa, trials)
    most = groups * xp.exp(log_kappa)
    worth = trials / (1 + (trials + 1) / xp.maximum(most, 1))
    rarer = (xp.minimum(successes, failures) + 0.5) / (trials + 1)
    spread = xp.minimum(1 / xp.sqrt((worth + 1) * rarer), 1)
    return xp.log(successes + 0.5) - xp.log(failures + 0.5), spread
