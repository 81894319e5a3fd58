"""Small tables, and the evidence of each model by means of its own, for leave-one-out scores."""

from typing import Any

import numpy as np
import oracle
from scipy.special import betaln, gammaln

import hierpool as hp

SMALL = {
    "uneven, two of them alike": ([0, 18, 7, 1, 7], [4, 45, 45, 1, 45]),
    "one far from the others": ([5, 6, 4, 0], [10, 10, 10, 10_000]),
    "a single group": ([3], [10]),
}


def evidence(name: str, model: Any, y: np.ndarray, n: np.ndarray) -> float:
    """Returns the log evidence by means of its own."""
    coefficients = np.sum(gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1))
    if name == "complete":
        a, b = model.phi_alpha, model.phi_beta
        return coefficients + betaln(a + y.sum(), b + (n - y).sum()) - betaln(a, b)
    if name == "none":
        a, b = model.theta_alpha, model.theta_beta
        return coefficients + np.sum(betaln(a + y, b + n - y) - betaln(a, b))
    if not len(y):
        return 0.0
    if name == "beta":
        return oracle.exact(y, n, **vars(model)).log_evidence
    return logit_evidence(model, y, n) + coefficients


def logit_evidence(model: Any, y: np.ndarray, n: np.ndarray) -> float:
    """Returns the log evidence less binomial coefficients, by trapezoid rules over everything."""
    x = np.linspace(-14, 12, 4001)
    log_theta, log_rest = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    mu, sigma, z = np.linspace(-9, 7, 321), np.linspace(0, 7, 141), np.linspace(-8, 8, 65)
    # The likelihood is interpolated to nodes that every population has of its own.
    at = mu[:, None, None] + sigma[:, None] * z
    mass = np.exp(-0.5 * z**2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    total = -0.5 * ((mu[:, None] - model.mu_mean) / model.mu_sd) ** 2
    total = total - 0.5 * (sigma / model.sigma_sd) ** 2 - np.log(np.pi * model.mu_sd)
    total = total - np.log(model.sigma_sd)
    # The density is even in sigma: at 0 it counts half.
    total[:, 0] -= np.log(2)
    pairs, times = np.unique(np.stack([y, n]), axis=1, return_counts=True)
    for (successes, trials), repeats in zip(pairs.T, times, strict=True):
        one = successes * log_theta + (trials - successes) * log_rest
        total += repeats * np.log(np.exp(np.interp(at, x, one)) @ mass + 1e-300)
    cell = np.log((mu[1] - mu[0]) * (sigma[1] - sigma[0]))
    return float(np.logaddexp.reduce(total.ravel()) + cell)


def frame(y: Any, n: Any) -> dict[str, np.ndarray]:
    return {"y": np.asarray(y), "n": np.asarray(n)}


def compared(y: Any, n: Any, models: Any = None) -> Any:
    return hp.compare(frame(y, n), successes="y", trials="n", models=models)
