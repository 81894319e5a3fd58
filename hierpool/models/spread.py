"""Partial pooling with a prior on the sd of the groups' log-odds, which suits rates of any size."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import exp, log, log_sigmoid
from hierpool.likelihood.histograms import Data, totals
from hierpool.likelihood.special import HALF_LOG_TWO_PI
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
class SpreadPartialPooling(LogKappa):
    """Partial pooling with a half-normal prior on the sd of log-odds, and theta integrated out.

        phi ~ Beta(phi_alpha, phi_beta)
        tau ~ HalfNormal(tau_sd), kappa = 1 / (tau^2 phi (1 - phi))
        y_i ~ BetaBinomial(n_i, phi kappa, (1 - phi) kappa)
        theta_i | y_i ~ Beta(phi kappa + y_i, (1 - phi) kappa + n_i - y_i)

    tau is approximately the sd of the groups' log-odds. An sd of 0.3 means the same for rates near
    0.3 as for rates near 0.00003, so the prior suits both. The position is ``logit_phi`` () and
    ``log_kappa`` (). ``model="spread"`` means this model with its defaults.

    Args:
        tau_sd: () scale of the half-normal prior on tau, in log-odds, positive.
        phi_alpha: () first parameter of the Beta prior on phi, positive.
        phi_beta: () second parameter of the Beta prior on phi, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        The prior median of tau is 0.67 ``tau_sd``.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.SpreadPartialPooling(tau_sd=1.0)
        >>> draws = model.draw_prior(np.random.default_rng(0), num_draws=4000, num_groups=18)
        >>> print(round(float(np.median(draws["tau"])), 1))
        0.7
    """

    tau_sd: ArrayLike = 1.0
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0
    statements: ClassVar[tuple[str, ...]] = (
        "phi ~ Beta(phi_alpha, phi_beta)",
        "tau ~ HalfNormal(tau_sd)",
        "kappa = 1 / (tau^2 phi (1 - phi))",
        *OF_GROUPS,
    )

    def log_prior(self, position: Position) -> jax.Array:
        """Returns () the normalized log prior density of logit_phi and log_kappa."""
        a, b, sd = floats(self.phi_alpha, self.phi_beta, self.tau_sd)
        log_tau = _log_tau(position)
        # The Jacobian |d tau / d log_kappa| is tau / 2 at any phi.
        of_tau = log_tau - log(sd) - HALF_LOG_TWO_PI - 0.5 * (exp(log_tau) / sd) ** 2
        return log_prior_of_phi(position["logit_phi"], a, b) + of_tau

    def start(self, key: jax.Array, data: Data) -> jax.Array:
        """Returns () a random start for log_kappa: tau from 0.1 to 1, at the pooled rate."""
        successes, failures, _ = totals(data)
        log_tau = jax.random.uniform(key, (), jnp.result_type(float), -2.3, 0.0)
        trials = successes + failures + 1
        log_spread = jnp.log((successes + 0.5) / trials) + jnp.log((failures + 0.5) / trials)
        return -2 * log_tau - log_spread

    def reported(self, position: Position) -> Parameters:
        """Returns phi, kappa_log and tau, whose mean and sd are reported."""
        return LogKappa.reported(self, position) | {"tau": exp(_log_tau(position))}

    def draw_population(self, rng: np.random.Generator, num_draws: int) -> NumpyParameters:
        """Returns (draw,) ``phi``, ``kappa_log``, ``kappa`` and ``tau`` from the prior."""
        phi = draw_beta(rng, self.phi_alpha, self.phi_beta, (num_draws,))
        tau = np.abs(rng.normal(0, number(self.tau_sd), num_draws))
        tiny = np.finfo(float).tiny
        kappa_log = -2 * np.log(np.maximum(tau, tiny)) - np.log(np.maximum(phi * (1 - phi), tiny))
        # The limit avoids overflow. With such a kappa every theta equals phi.
        kappa = np.exp(np.minimum(kappa_log, 600))
        return {"phi": phi, "kappa_log": kappa_log, "kappa": kappa, "tau": tau}


def _log_tau(position: Position) -> jax.Array:
    """Returns () log tau = -log(kappa phi (1 - phi)) / 2."""
    log_phi = log_sigmoid(position["logit_phi"])
    log_rest = log_sigmoid(-position["logit_phi"])
    return -0.5 * (position["log_kappa"] + log_phi + log_rest)
