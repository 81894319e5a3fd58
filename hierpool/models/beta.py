"""Partial pooling with a Pareto prior on kappa: the joint density, and theta integrated out.

Source: Efron and Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations";
Carpenter, Gabry and Goodrich (2016), "Hierarchical Partial Pooling for Repeated Binary Trials".
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from hierpool.arrays import exp, log, log_sigmoid, namespace, sigmoid, softplus
from hierpool.likelihood.histograms import Data
from hierpool.models.beta_population import (
    OF_GROUPS,
    BetaPopulation,
    ceiling,
    log_prior_of_phi,
)
from hierpool.models.joint import ExploresTheta
from hierpool.models.kappa_chart import LOG_EXCESSES, PLACES, unfolded
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
class PartialPooling(ExploresTheta):
    """Partial pooling: every theta comes from one Beta population, with a Pareto prior on kappa.

        phi ~ Beta(phi_alpha, phi_beta)
        kappa_log ~ Exponential(kappa_log_rate), kappa = exp(kappa_log)
        theta_i ~ Beta(phi kappa, (1 - phi) kappa)
        y_i ~ Binomial(n_i, theta_i)

    kappa is in units of trials, is always above 1, and has a Pareto(1, kappa_log_rate) prior. The
    position is ``logit_phi`` (), ``log_kappa_log`` () and ``logit_theta`` (group,); the density is
    the joint density of all of them. ``model="partial"`` means this model with its defaults.

    Args:
        kappa_log_rate: () rate of the exponential prior on kappa_log, positive.
        phi_alpha: () first parameter of the Beta prior on phi, positive.
        phi_beta: () second parameter of the Beta prior on phi, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        The prior probability that kappa exceeds 10 is 10 ** -1.5.

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.PartialPooling(kappa_log_rate=1.5)
        >>> draws = model.draw_prior(np.random.default_rng(0), num_draws=4000, num_groups=18)
        >>> draws["theta"].shape
        (4000, 18)
        >>> print(round(float(np.mean(draws["kappa"] > 10)), 2))
        0.03
    """

    kappa_log_rate: ArrayLike = 1.5
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0

    def collapsed(self) -> "CollapsedPartialPooling":
        """Returns the model of the same posterior with theta integrated out."""
        return CollapsedPartialPooling(**vars(self))


@model
class CollapsedPartialPooling(BetaPopulation):
    """The model of ``PartialPooling`` with theta integrated out, which leaves two parameters.

        phi ~ Beta(phi_alpha, phi_beta)
        kappa_log ~ Exponential(kappa_log_rate), kappa = exp(kappa_log)
        y_i ~ BetaBinomial(n_i, phi kappa, (1 - phi) kappa)
        theta_i | y_i ~ Beta(phi kappa + y_i, (1 - phi) kappa + n_i - y_i)

    The posterior is the same, because ``constrain`` draws theta exactly. Use this model for speed,
    for many groups, and where the joint density is hard to sample. The position is ``logit_phi`` ()
    and ``log_kappa_log`` (). ``model="collapsed"`` means this model with its defaults.

    Args:
        kappa_log_rate: () rate of the exponential prior on kappa_log, positive.
        phi_alpha: () first parameter of the Beta prior on phi, positive.
        phi_beta: () second parameter of the Beta prior on phi, positive.

    Raises:
        TypeError: a keyword is not one of these; the message lists them.

    Examples:
        Given phi = 0.25 and kappa = 40, the prior on theta is Beta(10, 30).

        >>> import numpy as np
        >>> import hierpool as hp
        >>> model = hp.CollapsedPartialPooling()
        >>> model.theta_prior({"phi": np.array([0.25]), "kappa": np.array([40.0])})
        (array([10.]), array([30.]))
    """

    kappa_log_rate: ArrayLike = 1.5
    phi_alpha: ArrayLike = 1.0
    phi_beta: ArrayLike = 1.0
    coordinate: ClassVar[str] = "log_kappa_log"
    statements: ClassVar[tuple[str, ...]] = (
        "phi ~ Beta(phi_alpha, phi_beta)",
        "kappa ~ Pareto(1, kappa_log_rate)",
        *OF_GROUPS,
    )

    def log_prior(self, position: Position) -> jax.Array:
        """Returns () the normalized log prior density of logit_phi and log_kappa_log."""
        log_kappa_log = position["log_kappa_log"]
        a, b, rate = floats(self.phi_alpha, self.phi_beta, self.kappa_log_rate)
        # Exponential(rate) on kappa_log is Pareto(1, rate) on kappa; the last term is
        # log d kappa_log / d log_kappa_log.
        kappa = log(rate) - rate * exp(log_kappa_log) + log_kappa_log
        return log_prior_of_phi(position["logit_phi"], a, b) + kappa

    def start(self, key: jax.Array, data: Data) -> jax.Array:
        """Returns () a random start for log_kappa_log: kappa_log is uniform from 1 to 6."""
        return jnp.log(jax.random.uniform(key, (), jnp.result_type(float), 1.0, 6.0))

    def log_kappa(self, position: Position) -> jax.Array:
        """Returns () log kappa = exp(log_kappa_log), limited so that kappa does not overflow."""
        log_kappa_log = position["log_kappa_log"]
        xp = namespace(log_kappa_log)
        return xp.minimum(xp.exp(log_kappa_log), ceiling(log_kappa_log.dtype))

    def reported(self, position: Position) -> Parameters:
        """Returns phi and kappa_log, but not kappa, whose variance may be infinite."""
        return {
            "phi": sigmoid(position["logit_phi"]),
            "kappa_log": exp(position["log_kappa_log"]),
        }

    def population(self, position: Position) -> Parameters:
        """Returns phi, kappa_log and kappa."""
        return self.reported(position) | {"kappa": exp(self.log_kappa(position))}

    def unconstrain(self, parameters: Mapping[str, np.ndarray]) -> NumpyParameters:
        """Returns the positions of draws of phi and kappa_log, (draw,) each, on the host."""
        # Imported late: it takes longer than the work of a small `estimate`.
        from scipy.special import logit

        log_kappa_log = np.log(parameters["kappa_log"])
        return {"logit_phi": logit(parameters["phi"]), "log_kappa_log": log_kappa_log}

    def kappa_chart(self, dtype: jax.typing.DTypeLike) -> tuple[Any, Any]:
        """Returns (point,) chart coordinates for kappa from near 1 to huge, and log_kappa_log."""
        return PLACES.astype(dtype), _log_kappa_log(LOG_EXCESSES.astype(dtype))

    def kappa_from_chart(self, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns () log_kappa_log at a chart coordinate, and the log-Jacobian.

        The coordinate is log(kappa - 1), which is about log_kappa_log for a kappa near 1, and about
        kappa_log for a large kappa. The likelihood varies on the scale of kappa_log, so its
        features are equally wide everywhere, and the boundary kappa = 1 is far away.
        """
        log_excess, log_slope = unfolded(place)
        log_kappa_log = _log_kappa_log(log_excess)
        return log_kappa_log, log_sigmoid(log_excess) - log_kappa_log + log_slope

    def draw_population(self, rng: np.random.Generator, num_draws: int) -> NumpyParameters:
        """Returns (draw,) ``phi``, ``kappa_log`` and ``kappa`` from the prior, on the host."""
        phi = draw_beta(rng, self.phi_alpha, self.phi_beta, (num_draws,))
        kappa_log = rng.exponential(1 / number(self.kappa_log_rate), num_draws)
        # The limit avoids overflow. With such a kappa every theta equals phi.
        return {"phi": phi, "kappa_log": kappa_log, "kappa": np.exp(np.minimum(kappa_log, 600))}


def _log_kappa_log(log_excess: Any) -> Any:
    """Returns log log kappa from log(kappa - 1)."""
    xp = namespace(log_excess)
    near = xp.minimum(log_excess, -20)
    far = xp.maximum(log_excess, -20)
    return xp.where(log_excess < -20, near - 0.5 * exp(near), log(softplus(far)))
