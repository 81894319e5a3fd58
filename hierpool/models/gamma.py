"""Partial pooling with a Gamma prior on kappa, as used in evaluations of language models.

Source: Bowyer, Aitchison and Ivanova (2025), "Position: Don't Use the CLT in LLM Evals With Fewer
Than a Few Hundred Datapoints".
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import exp, lgamma, log
from hierpool.likelihood.histograms import Data
from hierpool.models.beta_population import OF_GROUPS, log_prior_of_phi
from hierpool.models.log_kappa import LogKappa
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
class GammaPartialPooling(LogKappa):
    """Partial pooling with a Gamma prior on kappa, and theta integrated out.

        phi ~ Beta(phi_alpha, phi_beta)
        kappa ~ Gamma(kappa_shape, kappa_rate)
        y_i ~ BetaBinomial(n_i, phi kappa, (1 - phi) kappa)
        theta_i | y_i ~ Beta(phi kappa + y_i, (1 - phi) kappa + n_i - y_i)

    kappa may be below 1, where most groups have a theta near 0 or 1. Under the default prior,
    Gamma(1, 1), its mean is 1, so that groups are shrunk little. The position is ``logit_phi`` ()
    and ``log_kappa`` (). ``model="gamma"`` means this model with its defaults.

    Args:
        kappa_shape: () shape of the Gamma prior on kappa, positive.
        kappa_rate: () rate of the Gamma prior on kappa, positive; the mean is shape / rate trials.
        phi_alpha: () first parameter of the Beta prior on phi, positive.
        phi_beta: () second parameter of the Beta prior on phi, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        Under Gamma(1, 1) the prior probability of a kappa below 1 is 1 - 1 / e.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.GammaPartialPooling(kappa_shape=1.0, kappa_rate=1.0)
        >>> draws = model.draw_prior(np.random.default_rng(0), num_draws=4000, num_groups=18)
        >>> print(round(float(np.mean(draws["kappa"] < 1)), 1))
        0.6
    """

    heavy_tailed: ClassVar[tuple[str, ...]] = ()

    kappa_shape: ArrayLike = 1.0
    kappa_rate: ArrayLike = 1.0
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0
    statements: ClassVar[tuple[str, ...]] = (
        "phi ~ Beta(phi_alpha, phi_beta)",
        "kappa ~ Gamma(kappa_shape, kappa_rate)",
        *OF_GROUPS,
    )

    def log_prior(self, position: Position) -> jax.Array:
        """Returns () the normalized log prior density of logit_phi and log_kappa."""
        log_kappa = position["log_kappa"]
        a, b, shape, rate = floats(self.phi_alpha, self.phi_beta, self.kappa_shape, self.kappa_rate)
        # The power of kappa is shape, not shape - 1, because d kappa / d log_kappa = kappa.
        of_kappa = shape * (log(rate) + log_kappa) - rate * exp(log_kappa)
        of_phi = log_prior_of_phi(position["logit_phi"], a, b)
        return of_phi + of_kappa - lgamma(shape)

    def start(self, key: jax.Array, data: Data) -> jax.Array:
        """Returns () a random start for log_kappa, uniform from -1 to 4."""
        return jax.random.uniform(key, (), jnp.result_type(float), -1.0, 4.0)

    def reported(self, position: Position) -> Parameters:
        """Returns phi, kappa_log and kappa, which has a mean and an sd under this prior."""
        return LogKappa.reported(self, position) | {"kappa": exp(self.log_kappa(position))}

    def draw_population(self, rng: np.random.Generator, num_draws: int) -> NumpyParameters:
        """Returns (draw,) ``phi``, ``kappa_log`` and ``kappa`` from the prior, on the host."""
        phi = draw_beta(rng, self.phi_alpha, self.phi_beta, (num_draws,))
        kappa = rng.gamma(number(self.kappa_shape), 1 / number(self.kappa_rate), num_draws)
        kappa = np.maximum(kappa, np.finfo(float).tiny)
        return {"phi": phi, "kappa_log": np.log(kappa), "kappa": kappa}
