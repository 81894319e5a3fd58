"""The distribution of each theta given one posterior draw of the population: a Beta, or a value.

A row is one draw. Given the population the groups are independent, so probabilities and means have
a closed form in each row. Their average over rows has less Monte Carlo error than the share of
draws of theta in which an event occurs.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.special import betainc

from hierpool.likelihood.beta_binomial import beta_binomial_tail
from hierpool.likelihood.compress import distinct_rows
from hierpool.models.protocol import BetaGroups
from hierpool.posterior.fitted import Fitted, mcse, read_fit

BUDGET = 3_000_000
"""Most closed forms that one answer evaluates, which takes about a second. If all draws would need
more, the answer thins them."""
FEWEST = 400
"""Least number of rows kept by thinning: with 200, the mean of skewed values is at times more than
4 of its standard errors away."""


class Alike(NamedTuple):
    """Groups that share a distribution, so that a result for one of them holds for all."""

    first: np.ndarray
    """(distinct,) index of one group of each kind."""
    inverse: np.ndarray
    """(group,) index of the kind of each group, into ``first``."""


class Betas(NamedTuple):
    """In each row theta_i ~ Beta(alpha + successes_i, beta + failures_i), independently."""

    alpha: np.ndarray
    """(row,) positive."""
    beta: np.ndarray
    """(row,) positive."""
    successes: np.ndarray
    """(group,) successes so far."""
    failures: np.ndarray
    """(group,) failures so far."""
    num_chains: int
    """Number of chains that the rows come from."""
    is_independent: bool
    """Whether the rows are independent."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(self.alpha)

    def above(self, line: float) -> np.ndarray:
        """Returns (row, group) probabilities that theta is above the threshold ``line``."""
        alpha, beta = self._posterior()
        return betainc(beta, alpha, 1 - line)

    def mean(self) -> np.ndarray:
        """Returns (row, group) means of theta."""
        alpha, beta = self._posterior()
        return alpha / (alpha + beta)

    def at_least(self, least: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (row, group) probabilities of at least ``least`` successes in future trials.

        Args:
            least: (group,) number of successes.
            trials: (group,) future trials.
        """
        values = np.empty((len(self.alpha), len(self.successes)))
        for column, (k, m) in enumerate(zip(least.tolist(), trials.tolist(), strict=True)):
            a, b = self.alpha + self.successes[column], self.beta + self.failures[column]
            values[:, column] = beta_binomial_tail(a, b, k, m)
        return values

    def of(self, places: slice) -> "Betas":
        """Returns the distributions of a slice of the groups."""
        return self._replace(successes=self.successes[places], failures=self.failures[places])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns (row, group) parameters of theta's Beta."""
        return self.alpha[:, None] + self.successes, self.beta[:, None] + self.failures


class Points(NamedTuple):
    """In each row theta_i is a single value, a draw from its posterior."""

    theta: np.ndarray
    """(row, group) chances of success."""
    num_chains: int
    """Number of chains that the rows come from."""
    is_independent: bool
    """Whether the rows are independent."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(self.theta)

    def above(self, line: float) -> np.ndarray:
        """Returns (row, group) 1 where theta is above the threshold ``line``, and 0 elsewhere."""
        return (self.theta > line).astype(float)

    def mean(self) -> np.ndarray:
        """Returns (row, group) theta."""
        return self.theta

    def at_least(self, least: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (row, group) probabilities of at least ``least`` successes in future trials.

        Args:
            least: (group,) number of successes.
            trials: (group,) future trials.
        """
        certain = np.where(least <= 0, 1.0, 0.0)
        inside = (least > 0) & (least <= trials)
        k, m = np.where(inside, least, 1), np.where(inside, trials, 1)
        # The probability of k successes or more is that of Beta(k, m - k + 1) being below theta.
        return np.where(inside, betainc(k, m - k + 1, self.theta), certain)

    def of(self, places: slice) -> "Points":
        """Returns the values of a slice of the groups."""
        return self._replace(theta=self.theta[:, places])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)


def rows_of(fitted: Fitted) -> Betas | Points:
    """Returns the distribution of each theta, one row per draw; without pooling, a single row.

    It is a Beta under a Beta population and without pooling; otherwise it is the draw of theta.
    """
    y, failures = fitted.successes, fitted.trials - fitted.successes
    if isinstance(fitted.model, BetaGroups):
        alpha, beta = fitted.model.theta_prior(fitted.parameters)
        if not fitted.parameters:
            return Betas(alpha, beta, y, failures, 1, True)
        return Betas(alpha, beta, y, failures, fitted.num_chains, fitted.is_independent)
    return Points(fitted.theta, fitted.num_chains, fitted.is_independent)


def fit_of(tree: xr.DataTree) -> Fitted:
    """Returns a fit as arrays; theta may be missing if its conditional distribution is a Beta.

    Raises:
        InputError: theta is missing and its conditional distribution is not a Beta.
        TypeError: the argument is not a tree.
    """
    fitted = read_fit(tree, needs_theta=False)
    if isinstance(fitted.model, BetaGroups):
        return fitted
    return fitted.with_theta()


def alike(fitted: Fitted, *further: np.ndarray) -> Alike:
    """Returns the groups of a fit that share a distribution, since they have the same counts.

    Only Beta distributions can be shared. Where theta is known by its draws, no groups are alike.

    Args:
        fitted: a fit.
        further: (group,) each, numbers that must be equal too.
    """
    everyone = np.arange(len(fitted.trials))
    if not isinstance(fitted.model, BetaGroups):
        return Alike(everyone, everyone)
    return Alike(*distinct_rows(fitted.successes, fitted.trials, *further))


def spared(fitted: Fitted, cost: float) -> int:
    """Returns the step by which draws are thinned, so that closed forms take about a second.

    It is 1, so that all draws are used, where theta is known by its draws.

    Args:
        fitted: a fit.
        cost: number of closed forms evaluated per row.
    """
    if isinstance(rows_of(fitted), Points):
        return 1
    wanted = max(FEWEST, BUDGET / max(cost, 1))
    return int(np.ceil(len(fitted.theta) / wanted))
