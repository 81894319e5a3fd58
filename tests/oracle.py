"""The exact posterior of the beta-binomial hierarchy, by other means than hierpool's.

NumPy and SciPy only: log Gamma functions on a grid over (logit phi, log kappa_log), the trapezoid
rule, and mixtures of Beta distributions for theta. Nothing is shared with the package.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import betainc, betaln, expit, gammaln, log_expit


@dataclass(frozen=True)
class Exact:
    """An exact posterior: a grid of populations, and the weight of each."""

    successes: np.ndarray
    trials: np.ndarray
    phi: np.ndarray
    kappa_log: np.ndarray
    weight: np.ndarray
    log_evidence: float

    def mean(self, values: np.ndarray) -> float:
        """Returns the posterior mean of a function of the population, given on the grid."""
        return float(np.sum(self.weight * values))

    def sd(self, values: np.ndarray) -> float:
        """Returns the posterior sd of a function of the population, given on the grid."""
        return float(np.sqrt(np.sum(self.weight * (values - self.mean(values)) ** 2)))

    def quantile(self, values: np.ndarray, level: float) -> float:
        """Returns a posterior quantile of a coordinate of the grid."""
        axis = 0 if np.ptp(values[:, 0]) > 0 else 1
        points = values[:, 0] if axis == 0 else values[0]
        cell = np.arange(len(points))
        density = CubicSpline(cell, self.weight.sum(axis=1 - axis))
        below = density.antiderivative()
        place = brentq(lambda x: below(x) - level * below(cell[-1]), 0, cell[-1])
        return float(CubicSpline(cell, points)(place))

    def theta_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and sd of each theta, (group,) each."""
        kappa = np.exp(self.kappa_log)
        means, sds = [], []
        for y, n in zip(self.successes, self.trials, strict=True):
            a, b = self.phi * kappa + y, (1 - self.phi) * kappa + n - y
            mean = a / (a + b)
            variance = mean * (1 - mean) / (a + b + 1)
            overall = self.mean(mean)
            means.append(overall)
            sds.append(np.sqrt(self.mean(variance + (mean - overall) ** 2)))
        return np.asarray(means), np.asarray(sds)

    def theta_quantile(self, group: int, level: float) -> float:
        """Returns a quantile of the mixture of Betas that one theta follows."""
        heavy = self.weight > self.weight.max() * 1e-9
        kappa = np.exp(self.kappa_log[heavy])
        weight = self.weight[heavy] / self.weight[heavy].sum()
        y, n = self.successes[group], self.trials[group]
        a, b = self.phi[heavy] * kappa + y, (1 - self.phi[heavy]) * kappa + n - y
        return float(brentq(lambda x: np.sum(weight * betainc(a, b, x)) - level, 0, 1, xtol=1e-9))


def exact(
    successes: np.ndarray,
    trials: np.ndarray,
    *,
    kappa_log_rate: float = 1.5,
    phi_alpha: float = 1.0,
    phi_beta: float = 1.0,
    size: int = 600,
) -> Exact:
    """Returns the exact posterior of a data set, (group,) each."""
    successes, trials = np.asarray(successes, float), np.asarray(trials, float)

    def log_posterior(logit_phi: np.ndarray, log_kappa_log: np.ndarray) -> np.ndarray:
        kappa_log = np.exp(log_kappa_log)
        a, b = np.exp(kappa_log + log_expit(logit_phi)), np.exp(kappa_log + log_expit(-logit_phi))
        total = phi_alpha * log_expit(logit_phi) + phi_beta * log_expit(-logit_phi)
        total = total - betaln(phi_alpha, phi_beta)
        total = total + np.log(kappa_log_rate) - kappa_log_rate * kappa_log + log_kappa_log
        pairs, repeats = np.unique(np.stack([successes, trials]), axis=1, return_counts=True)
        for (y, n), times in zip(pairs.T, repeats, strict=True):
            coefficient = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
            # B(a + y, b + n - y) / B(a, b) as three rising factorials.
            rising = _rising(a, y) + _rising(b, n - y) - _rising(a + b, n)
            total = total + times * (coefficient + rising)
        return total

    low, high = np.array([-40.0, -30.0]), np.array([40.0, 4.4])
    # Zoom until the box holds the mass and little else.
    for _ in range(8):
        axes = [np.linspace(low[i], high[i], 121) for i in range(2)]
        values = log_posterior(axes[0][:, None], axes[1][None, :])
        inside = values > values.max() - 45
        for i in range(2):
            hit = np.flatnonzero(inside.any(axis=1 - i))
            low[i] = axes[i][max(hit[0] - 1, 0)]
            high[i] = axes[i][min(hit[-1] + 1, 120)]
    axes = [np.linspace(low[i], high[i], size) for i in range(2)]
    values = log_posterior(axes[0][:, None], axes[1][None, :])
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    weight = np.exp(values - values.max())
    log_evidence = values.max() + np.log(weight.sum() * cell)
    phi = np.broadcast_to(expit(axes[0])[:, None], weight.shape)
    kappa_log = np.broadcast_to(np.exp(axes[1])[None, :], weight.shape)
    return Exact(successes, trials, phi, kappa_log, weight / weight.sum(), float(log_evidence))


def _rising(x: np.ndarray, count: float) -> np.ndarray:
    """Returns log(x (x + 1) ... (x + count - 1)), factor by factor where that is feasible."""
    if count > 2000:
        # Far above the count the two log Gammas agree in all their digits.
        far = np.maximum(x, 1e12)
        near = gammaln(x + count) - gammaln(x)
        beyond = count * np.log(far) + count * (count - 1) / (2 * far)
        return np.where(x > 1e12, beyond, near)
    total = np.zeros_like(x)
    # Eight factors a logarithm: x stays within 1e-20 to 1e20, so no product overflows.
    for first in range(0, int(count), 8):
        total += np.log(np.prod([x + j for j in range(first, min(first + 8, int(count)))], axis=0))
    return total
