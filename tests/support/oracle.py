"""The exact posterior of the beta-binomial hierarchy, by other means than hierpool's.

NumPy and SciPy only: rising factorials in 64-bit mantissas on equidistant log kappa_log, each with
equidistant logit phi of its own, the trapezoid rule, and mixtures of Beta distributions for theta.
Nothing is shared with the package.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import betainc, betaln, expit

FIRST = 32
"""Factors of a rising factorial that are taken one by one, before Stirling's series."""
OUTERMOST = np.array([[-40.0, -30.0], [40.0, 4.4]])
"""Where logit phi and log kappa_log are looked for."""


@dataclass(frozen=True)
class Exact:
    """An exact posterior: a grid of populations, and the weight of each."""

    successes: np.ndarray
    trials: np.ndarray
    logit_phi: np.ndarray
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
        """Returns a posterior quantile of ``phi`` or ``kappa_log``."""
        cell = np.arange(len(self.weight))
        if values is self.kappa_log:
            below = CubicSpline(cell, self.weight.sum(axis=0)).antiderivative()
            place = brentq(lambda x: below(x) - level * below(cell[-1]), 0, cell[-1])
            return float(CubicSpline(cell, values[0])(place))
        heavy = self.weight.sum(axis=0) > 1e-14
        parts = [CubicSpline(cell, part).antiderivative() for part in self.weight[:, heavy].T]
        low, high = self.logit_phi[0, heavy], self.logit_phi[-1, heavy]

        def gap(logit_phi: float) -> float:
            places = np.clip((logit_phi - low) / (high - low), 0, 1) * cell[-1]
            return sum(float(f(x)) for f, x in zip(parts, places, strict=True)) - level

        return float(expit(brentq(gap, low.min(), high.max(), xtol=1e-12)))

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

    def theta_below(self, group: int, point: float) -> float:
        """Returns the probability that one theta, a mixture of Betas, is below a point."""
        heavy = self.weight > self.weight.max() * 1e-9
        kappa = np.exp(self.kappa_log[heavy])
        weight = self.weight[heavy] / self.weight[heavy].sum()
        y, n = self.successes[group], self.trials[group]
        a, b = self.phi[heavy] * kappa + y, (1 - self.phi[heavy]) * kappa + n - y
        return float(np.sum(weight * betainc(a, b, point)))

    def theta_quantile(self, group: int, level: float) -> float:
        """Returns a quantile of the mixture of Betas that one theta follows."""
        return float(brentq(lambda x: self.theta_below(group, x) - level, 0, 1, xtol=1e-9))


def exact(
    successes: np.ndarray,
    trials: np.ndarray,
    *,
    repeats: np.ndarray | None = None,
    kappa_log_rate: float = 1.5,
    phi_alpha: float = 1.0,
    phi_beta: float = 1.0,
    size: int = 600,
) -> Exact:
    """Returns the exact posterior of a data set, (group,) each.

    With ``repeats``, (group,) whole numbers, every group is there so many times.
    """
    y, n = np.asarray(successes, np.int64), np.asarray(trials, np.int64)
    repeats = np.ones(len(y), np.int64) if repeats is None else np.asarray(repeats, np.int64)
    total_y, total_f = np.dot(repeats, y), np.dot(repeats, n - y)
    unit = np.ones((1, 1))
    # m! is 1 risen m times.
    coefficients = _rising(unit, n, repeats) - _rising(unit, y, repeats)
    coefficients = (coefficients - _rising(unit, n - y, repeats)).item()

    def log_posterior(logit_phi: np.ndarray, log_kappa_log: np.ndarray) -> np.ndarray:
        logit_phi, log_kappa_log = (x.astype(np.longdouble) for x in (logit_phi, log_kappa_log))
        kappa_log = np.exp(log_kappa_log)
        log_phi, log_rest = -np.logaddexp(0, -logit_phi), -np.logaddexp(0, logit_phi)
        a, b = np.exp(kappa_log + log_phi), np.exp(kappa_log + log_rest)
        prior = phi_alpha * log_phi + phi_beta * log_rest - betaln(phi_alpha, phi_beta)
        prior = prior + np.log(kappa_log_rate) - kappa_log_rate * kappa_log + log_kappa_log
        # B(a + y, b + n - y) / B(a, b) as three rising factorials, over phi^y (1 - phi)^(n - y).
        spread = _rising(a, y, repeats) + _rising(b, n - y, repeats)
        spread = spread - _rising(np.exp(kappa_log), n, repeats)
        return prior + coefficients + total_y * log_phi + total_f * log_rest + spread

    def over_phi(log_kappa_log: np.ndarray, num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns logit phi and the log posterior, (node, row) each, around each row's peak."""
        low, high = (np.full(len(log_kappa_log), bound) for bound in OUTERMOST[:, 0])
        for _ in range(12):
            values = log_posterior(np.linspace(low, high, 31), log_kappa_log)
            before = high - low
            low, high = _zoom(low, high, values, OUTERMOST[:, 0])
            if np.all(np.abs(high - low - before) < 0.3 * before):
                break
        logit_phi = np.linspace(low, high, num_nodes)
        return logit_phi, log_posterior(logit_phi, log_kappa_log)

    low, high = OUTERMOST[:, 1]
    for _ in range(6):
        logit_phi, values = over_phi(np.linspace(low, high, 31), 31)
        width = (logit_phi[-1] - logit_phi[0]).astype(np.longdouble)
        area = values.max(axis=0) + np.log(width)
        before = high - low
        low, high = _zoom(low, high, area, OUTERMOST[:, 1])
        if np.abs(high - low - before) < 0.3 * before:
            break
    log_kappa_log = np.linspace(low, high, size)
    logit_phi, values = over_phi(log_kappa_log, size)
    values = values + np.log((logit_phi[1] - logit_phi[0]) * (log_kappa_log[1] - log_kappa_log[0]))
    weight = np.exp((values - values.max()).astype(float))
    log_evidence = float(values.max() + np.log(weight.sum()))
    kappa_log = np.broadcast_to(np.exp(log_kappa_log), weight.shape)
    phi = expit(logit_phi)
    return Exact(y, n, logit_phi, phi, kappa_log, weight / weight.sum(), log_evidence)


def _zoom(
    low: np.ndarray, high: np.ndarray, values: np.ndarray, outermost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bounds of the mass, from values (31, ...) in between; at an edge, wider ones."""
    inside = values > values.max(axis=0) - 45
    first, last = inside.argmax(axis=0), 30 - inside[::-1].argmax(axis=0)
    step = (high - low) / 30
    new_low = low + np.where(first > 0, first - 1, -15) * step
    new_high = low + np.where(last < 30, last + 1, 45) * step
    return np.maximum(new_low, outermost[0]), np.minimum(new_high, outermost[1])


def _rising(x: np.ndarray, counts: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """Returns the sum over counts m of log(x (x + 1) ... (x + m - 1) / x^m)."""
    x = x.astype(np.longdouble)
    values, inverse = np.unique(counts, return_inverse=True)
    times = np.bincount(inverse, repeats)
    # Factor by factor as far as that is quicker: groups share the factors.
    is_far = values > max(FIRST, 2 * len(values))
    one_by_one = np.where(is_far, FIRST, values)
    total, rough = np.zeros_like(x), x.astype(float)
    for j in range(1, int(one_by_one.max())):
        total += times[one_by_one > j].sum() * np.log1p(j / rough)
    z = x + FIRST
    for m, repeat in zip(values[is_far], times[is_far], strict=True):
        rest = m - FIRST
        far = (z + rest - 0.5) * np.log1p(rest / z) - rest + _series(z + rest) - _series(z)
        total += repeat * (far + rest * np.log1p(FIRST / x))
    return total


def _series(x: np.ndarray) -> np.ndarray:
    """Returns log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x from 32, by Stirling."""
    square = 1 / (x * x)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x
