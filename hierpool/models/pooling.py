"""Models without a population: one chance of success for all groups, or a separate one for each.

Source: Efron and Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations";
Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling for Repeated Binary Trials".
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.counts import Counts
from hierpool.likelihood.binomial import beta_binomial, binomial, reference
from hierpool.likelihood.special import log_beta, logit
from hierpool.models.protocol import (
    NumpyParameters,
    Parameters,
    Position,
    draw_beta,
    floats,
    model,
    number,
)


@model
class CompletePooling:
    """Complete pooling: every group has the same chance of success, phi.

        phi ~ Beta(phi_alpha, phi_beta)
        theta_i = phi
        y_i ~ Binomial(n_i, theta_i)

    The posterior is a Beta distribution. There is nothing to explore: the position is empty, and
    ``log_density`` is the log evidence, up to the constant of the data. ``model="complete"`` means
    this model with its defaults.

    Args:
        phi_alpha: () first parameter of the Beta prior on phi, positive.
        phi_beta: () second parameter of the Beta prior on phi, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        Groups with nearly equal rates favour complete pooling over no pooling.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> counts = hp.Counts(successes=np.array([18, 17, 16]), trials=np.array([45, 45, 45]))
        >>> complete = hp.CompletePooling().log_density({}, counts)
        >>> bool(complete > hp.NoPooling().log_density({}, counts))
        True
    """

    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0
    groups_differ: ClassVar[bool] = False
    statements: ClassVar[tuple[str, ...]] = (
        "phi ~ Beta(phi_alpha, phi_beta)",
        "theta_i = phi",
        "y_i ~ Binomial(n_i, theta_i)",
    )
    integrated_out: ClassVar[tuple[str, ...]] = ("phi", "theta_i")

    def init(self, key: jax.Array, data: Counts) -> Position:
        """Returns an empty position."""
        return {}

    def log_density(self, position: Position, data: Counts) -> jax.Array:
        """Returns () the log evidence, up to a constant of the data."""
        successes, failures, trials = data.as_floats()
        a, b = floats(self.phi_alpha, self.phi_beta)
        pooled = log_beta(a + successes.sum(), b + failures.sum()) - log_beta(a, b)
        log_coefficients = -log_beta(successes + 1, failures + 1) - jnp.log1p(trials)
        return pooled + jnp.sum(log_coefficients - reference(data))

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns ``phi`` drawn from its Beta posterior, and ``theta`` (group,) equal to it."""
        successes, failures, _ = data.as_floats()
        a, b = floats(self.phi_alpha, self.phi_beta)
        phi = jax.random.beta(key, a + successes.sum(), b + failures.sum())
        return {"phi": phi, "theta": jnp.full(successes.shape, phi)}

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log Binomial(y_i | n_i, phi)."""
        return binomial(logit(parameters["phi"]), data) + reference(data)

    def collapsed(self) -> "CompletePooling":
        """Returns the model itself, because it has no theta to integrate out."""
        return self

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns ``phi`` (draw,) and ``theta`` (draw, group) from the prior."""
        phi = draw_beta(rng, self.phi_alpha, self.phi_beta, (num_draws,))
        return {"phi": phi, "theta": self.draw_theta_prior(rng, {"phi": phi}, num_groups)}

    def draw_theta_prior(
        self, rng: np.random.Generator, parameters: Mapping[str, np.ndarray], num_groups: int
    ) -> np.ndarray:
        """Returns (draw, group) theta, each equal to phi. Nothing is random."""
        return np.repeat(parameters["phi"][:, None], num_groups, axis=1)


@model
class NoPooling:
    """No pooling: every group has a theta of its own, estimated from its own trials only.

        theta_i ~ Beta(theta_alpha, theta_beta)
        y_i ~ Binomial(n_i, theta_i)

    The posterior is a product of Beta distributions. There is nothing to explore: the position is
    empty, and ``log_density`` is the log evidence, up to the constant of the data.
    ``model="none"`` means this model with its defaults.

    Args:
        theta_alpha: () first parameter of the Beta prior on each theta, positive.
        theta_beta: () second parameter of the Beta prior on each theta, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        Under the uniform prior, every number of successes in 9 trials has probability 1 / 10.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> counts = hp.Counts(successes=np.array([3, 8]), trials=np.array([9, 9]))
        >>> print(np.exp(hp.NoPooling().log_likelihood({}, counts)).round(2))
        [0.1 0.1]
    """

    theta_alpha: ArrayLike = 1.0
    theta_beta: ArrayLike = 1.0
    statements: ClassVar[tuple[str, ...]] = (
        "theta_i ~ Beta(theta_alpha, theta_beta)",
        "y_i ~ Binomial(n_i, theta_i)",
    )
    integrated_out: ClassVar[tuple[str, ...]] = ("theta_i",)

    def init(self, key: jax.Array, data: Counts) -> Position:
        """Returns an empty position."""
        return {}

    def log_density(self, position: Position, data: Counts) -> jax.Array:
        """Returns () the log evidence, up to a constant of the data."""
        return jnp.sum(self._marginal(data))

    def constrain(self, key: jax.Array, position: Position, data: Counts) -> Parameters:
        """Returns ``theta`` (group,), each drawn from its Beta posterior."""
        successes, failures, _ = data.as_floats()
        a, b = floats(self.theta_alpha, self.theta_beta)
        return {"theta": jax.random.beta(key, a + successes, b + failures)}

    def log_likelihood(self, parameters: Parameters, data: Counts) -> jax.Array:
        """Returns (group,) log probability of y_i with theta_i integrated over its prior."""
        return self._marginal(data) + reference(data)

    def collapsed(self) -> "NoPooling":
        """Returns the model itself, because theta is already integrated out."""
        return self

    def theta_prior(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (1,) parameters of theta's Beta prior."""
        return np.full(1, number(self.theta_alpha)), np.full(1, number(self.theta_beta))

    def draw_prior(
        self, rng: np.random.Generator, num_draws: int, num_groups: int
    ) -> NumpyParameters:
        """Returns ``theta`` (draw, group) from the prior."""
        shape = (num_draws, num_groups)
        return {"theta": draw_beta(rng, self.theta_alpha, self.theta_beta, shape)}

    def _marginal(self, data: Counts) -> jax.Array:
        a, b = floats(self.theta_alpha, self.theta_beta)
        return beta_binomial(jnp.log(a) - jnp.log(b), a + b, data)
