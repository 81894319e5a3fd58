"""Limits of the raw rate of a new group in any number of trials: what a funnel is made of.

    theta ~ population, averaged over the posterior of its parameters
    y ~ Binomial(n, theta)

The distribution of theta is taken in cells of log-odds. Under a Beta population the probability of
a cell is exact given the draws; otherwise it is the share of draws of theta.

Counts are discrete, so that hardly any limit holds its probability exactly. The limits here are
mid-quantiles: a count y is above the upper limit if P(Y > y) + P(Y = y) / 2 is below its tail.

Source: Spiegelhalter (2005), "Funnel plots for comparing institutional performance", whose limits
for an overdispersed population are approximations; Ma, Genton and Parzen (2011), "Asymptotic
properties of sample quantiles of discrete distributions", for mid-quantiles.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import betainc, betaincc, expit, logit, ndtr, ndtri

from hierpool.input.errors import InputError
from hierpool.models.protocol import BetaGroups, DrawsTheta, require
from hierpool.posterior.fitted import Fitted
from hierpool.posterior.random import stream

NUM_CELLS = 600
"""Cells of log-odds: the limits then hold their probabilities to 1e-4 of the tail or so."""
NUM_EDGES = 250
"""Log-odds at which the distribution function is computed, to be interpolated between them."""
FAR = 9.0
"""Standard errors from k / n beyond which a binomial probability is 0 or 1, to 1e-15 or so."""
STEPS = 30
"""Halvings of the interval from 0 to 1 in a first guess at a quantile."""
DRAWN = 2**18
"""Draws of theta, of which there are at least 8 for each draw of the population."""
LARGEST_KAPPA = 1e12
"""A population that is more concentrated is as good as a point."""
LEAST = 1e-10
"""Smallest probability of a cell that is kept."""
BLOCK = 2**21
"""Number of values that are in memory at a time."""


class NewRate(NamedTuple):
    """The distribution of theta of a group not yet seen, as a few values."""

    theta: np.ndarray
    """(cell,) values, ascending."""
    probability: np.ndarray
    """(cell,) their probabilities, which add up to 1."""

    @property
    def mean(self) -> float:
        """The mean of theta."""
        return float(self.probability @ self.theta)

    def limits(self, trials: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Returns (level, size) mid-quantiles of the rate of a new group in that many trials.

        A limit is 0 or 1 where no rate is beyond it.

        Args:
            trials: (size,) numbers of trials, from 1 on.
            levels: (level,) probabilities, between 0 and 1.
        """
        level, n = (x.ravel() for x in np.meshgrid(levels, trials, indexing="ij"))
        k = self._quantile(n, level)
        below, at, after = (self.middle(each, n) for each in (k - 1, k, k + 1))
        # The middle of the step at the quantile may still be below the level.
        is_next = at < level
        k, start, end = k + is_next, np.where(is_next, at, below), np.where(is_next, after, at)
        count = k - 1 + (level - start) / np.maximum(end - start, 1e-300)
        count = np.where(k == 0, 0, np.where(k > n, n, count))
        return (count / n).reshape(len(levels), len(trials))

    def middle(self, successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (pair,) P(Y < y) + P(Y = y) / 2, where Y are the successes of a new group.

        Args:
            successes: (pair,) numbers of successes y.
            trials: (pair,) numbers of trials.
        """
        return (self._at_most(successes - 1, trials) + self._at_most(successes, trials)) / 2

    def _quantile(self, trials: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Returns (pair,) the smallest k for which P(Y <= k) is at least the level."""
        guess = self._roughly(trials, level)
        reach = 2 + np.floor(0.02 * np.sqrt(trials)).astype(np.int64)
        # The quantile lies in (low, high].
        low, high = np.maximum(guess - reach, -1), np.minimum(guess + reach, trials)
        low = np.where(self._at_most(low, trials) >= level, -1, low)
        high = np.where(self._at_most(high, trials) >= level, high, trials)
        while (open_ := np.flatnonzero(high - low > 1)).size:
            middle = (low[open_] + high[open_]) // 2
            reaches = self._at_most(middle, trials[open_]) >= level[open_]
            low[open_] = np.where(reaches, low[open_], middle)
            high[open_] = np.where(reaches, middle, high[open_])
        return high

    def _roughly(self, trials: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Returns (pair,) about that quantile, by normal approximations of the binomials."""
        spread = np.sqrt(np.maximum(self.theta * (1 - self.theta), 1e-30))
        low, high = np.zeros(len(trials)), np.ones(len(trials))
        root = np.sqrt(trials)[:, None]
        for _ in range(STEPS):
            middle = (low + high) / 2
            reaches = ndtr((middle[:, None] - self.theta) / spread * root) @ self.probability
            low, high = (
                np.where(reaches >= level, low, middle),
                np.where(reaches >= level, middle, high),
            )
        return np.rint(high * trials - 0.5).astype(np.int64)

    def _at_most(self, k: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (pair,) P(Y <= k)."""
        total = np.where(k < 0, 0.0, 1.0)
        (inside,) = np.nonzero((k >= 0) & (k < trials))
        k, n = k[inside].astype(float), trials[inside].astype(float)
        # Far below and far above k / n the binomial probability is 1 and 0.
        middle = (k + 1) / (n + 1)
        reach = FAR * np.sqrt(middle * (1 - middle) / n) + FAR**2 / n
        first = np.searchsorted(self.theta, middle - reach)
        last = np.searchsorted(self.theta, middle + reach)
        below = np.append(0.0, np.cumsum(self.probability))
        for pair, (start, end) in enumerate(zip(first, last, strict=True)):
            near = slice(start, end)
            values = betaincc(k[pair] + 1, n[pair] - k[pair], self.theta[near])
            total[inside[pair]] = below[start] + values @ self.probability[near]
        return total


def new_rate_of_point(rate: float) -> NewRate:
    """Returns the distribution of a theta that is known: one value."""
    return NewRate(np.array([rate]), np.ones(1))


def new_rate(fitted: Fitted, seed: int = 0) -> NewRate:
    """Returns the posterior predictive distribution of theta of a new group.

    Args:
        fitted: a fit; its theta is not needed.
        seed: seed of draws of theta.

    Raises:
        InputError: the model has no population, or can't draw a new group from it.
    """
    if not fitted.parameters:
        raise InputError(
            f"{fitted.settings['name']} has no population, so that nothing is known of a new "
            "group: fit another model."
        )
    drawn = np.sort(_draws(fitted, seed).ravel())
    # Theta of less than a hundred-thousandth of a success in all trials is as good as 0.
    least = 1e-5 / max(1.0, float(fitted.trials.max(initial=1)))
    ends = logit(np.clip(drawn[[0, -1]], least, 1 - max(least, 1e-15)))
    margin = 0.1 * (ends[1] - ends[0]) + 1e-6
    edges = np.linspace(ends[0] - margin, ends[1] + margin, NUM_EDGES)
    below = probability_below(fitted, expit(edges), seed)
    # On the scale of a normal distribution it is nearly straight, and is refined there.
    finer = np.linspace(edges[0], edges[-1], NUM_CELLS + 1)
    below = ndtr(PchipInterpolator(edges, ndtri(np.clip(below, 1e-14, 1 - 1e-14)))(finer))
    # What is beyond the ends belongs to the outermost cells.
    below[0], below[-1] = 0.0, 1.0
    probability = np.diff(below)
    kept = probability > LEAST
    theta = expit((finer[:-1] + finer[1:]) / 2)[kept]
    return NewRate(theta, probability[kept] / probability[kept].sum())


def probability_below(fitted: Fitted, values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns (value,) probabilities that theta of a group not yet seen is below each value.

    Args:
        fitted: a fit; its theta is not needed.
        values: (value,) chances of success.
        seed: seed of draws of theta, where its population is no Beta.

    Raises:
        InputError: the model can't draw theta of a new group.
    """
    if isinstance(fitted.model, BetaGroups):
        return _mean_below(*_beta(fitted, fitted.model), values)
    drawn = np.sort(_draws(fitted, seed).ravel())
    return np.searchsorted(drawn, values) / len(drawn)


def _draws(fitted: Fitted, seed: int) -> np.ndarray:
    """Returns draws of theta of new groups, several for each draw of the population."""
    rng = np.random.default_rng(stream(seed, "new rate"))
    num_draws, model = len(fitted.theta), fitted.model
    if isinstance(model, BetaGroups):
        alpha, beta = _beta(fitted, model)
        return rng.beta(alpha, beta, (8, num_draws))
    each = max(8, DRAWN // num_draws)
    return require(model, DrawsTheta).draw_theta_prior(rng, fitted.parameters, each)


def _beta(fitted: Fitted, model: BetaGroups) -> tuple[np.ndarray, np.ndarray]:
    """Returns (draw,) parameters of theta's Beta, limited to what can be computed."""
    alpha, beta = model.theta_prior(fitted.parameters)
    shrunk = np.minimum(1, LARGEST_KAPPA / (alpha + beta))
    return np.maximum(alpha * shrunk, 1e-300), np.maximum(beta * shrunk, 1e-300)


def _mean_below(alpha: np.ndarray, beta: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns (value,) probabilities that theta is below a value, averaged over the draws."""
    height = max(1, BLOCK // len(alpha))
    blocks = np.array_split(values, int(np.ceil(len(values) / height)))
    return np.concatenate([betainc(alpha, beta, some[:, None]).mean(axis=1) for some in blocks])
