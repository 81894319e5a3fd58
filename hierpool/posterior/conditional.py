"""What is known of each group's chance of success in a row of the posterior: a Beta, or a number.

Given the population the groups are independent, so what is asked of them has a closed form in each
row. Averaged over the rows it has less noise than the share of draws in which something happens.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.special import betainc

from hierpool.likelihood.beta_binomial import beta_binomial_tail
from hierpool.models.protocol import BetaGroups
from hierpool.posterior.fitted import Fitted, mcse, read_fit

BUDGET = 3_000_000
"""Closed forms that one answer evaluates: about a second. Past it, it takes every other draw."""
FEWEST = 400
"""Rows that are taken at least: with 200 a skewed mean is now and then beyond 4 of its errors."""


class Alike(NamedTuple):
    """Groups of which the same is known: what is computed of one holds for all of them."""

    first: np.ndarray
    """(distinct,) places of one group of each kind."""
    inverse: np.ndarray
    """(group,) the kind that each group is of."""


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
    """Chains that the rows come from."""
    is_independent: bool
    """Whether the rows are independent."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.alpha)

    def above(self, line: float) -> np.ndarray:
        """Returns (row, group) probabilities that theta is above a line."""
        alpha, beta = self._posterior()
        return betainc(beta, alpha, 1 - line)

    def mean(self) -> np.ndarray:
        """Returns (row, group) means of theta."""
        alpha, beta = self._posterior()
        return alpha / (alpha + beta)

    def at_least(self, least: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (row, group) probabilities of so many successes or more.

        Args:
            least: (group,) successes.
            trials: (group,) trials to come.
        """
        values = np.empty((len(self.alpha), len(self.successes)))
        for column, (k, m) in enumerate(zip(least.tolist(), trials.tolist(), strict=True)):
            a, b = self.alpha + self.successes[column], self.beta + self.failures[column]
            values[:, column] = beta_binomial_tail(a, b, k, m)
        return values

    def of(self, places: slice) -> "Betas":
        """Returns what is known of some of the groups."""
        return self._replace(successes=self.successes[places], failures=self.failures[places])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns (row, group) parameters of theta's Beta."""
        return self.alpha[:, None] + self.successes, self.beta[:, None] + self.failures


class Points(NamedTuple):
    """In each row theta is known: a draw."""

    theta: np.ndarray
    """(row, group) chances of success."""
    num_chains: int
    """Chains that the rows come from."""
    is_independent: bool
    """Whether the rows are independent."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.theta)

    def above(self, line: float) -> np.ndarray:
        """Returns (row, group) ones where theta is above a line, and zeros elsewhere."""
        return (self.theta > line).astype(float)

    def mean(self) -> np.ndarray:
        """Returns (row, group) theta."""
        return self.theta

    def at_least(self, least: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (row, group) probabilities of so many successes or more.

        Args:
            least: (group,) successes.
            trials: (group,) trials to come.
        """
        certain = np.where(least <= 0, 1.0, 0.0)
        inside = (least > 0) & (least <= trials)
        k, m = np.where(inside, least, 1), np.where(inside, trials, 1)
        # The chance of k successes or more is that of Beta(k, m - k + 1) below theta.
        return np.where(inside, betainc(k, m - k + 1, self.theta), certain)

    def of(self, places: slice) -> "Points":
        """Returns what is known of some of the groups."""
        return self._replace(theta=self.theta[:, places])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)


def rows_of(fitted: Fitted) -> Betas | Points:
    """Returns what is known of the groups, a row a draw; without pooling one row says it all.

    Under a Beta population, and without pooling, a row knows a Beta; else its draw of theta.
    """
    y, failures = fitted.successes, fitted.trials - fitted.successes
    if isinstance(fitted.model, BetaGroups):
        alpha, beta = fitted.model.theta_prior(fitted.parameters)
        if not fitted.parameters:
            return Betas(alpha, beta, y, failures, 1, True)
        return Betas(alpha, beta, y, failures, fitted.num_chains, fitted.is_independent)
    return Points(fitted.theta, fitted.num_chains, fitted.is_independent)


def fit_of(tree: xr.DataTree) -> Fitted:
    """Returns a fit as arrays; theta may be missing where a Beta says what is known of it.

    Raises:
        InputError: theta is missing where draws of it alone say what is known.
        TypeError: it is no tree.
    """
    fitted = read_fit(tree, needs_theta=False)
    if isinstance(fitted.model, BetaGroups):
        return fitted
    return fitted.with_theta()


def alike(fitted: Fitted, *further: np.ndarray) -> Alike:
    """Returns which groups of a fit are alike: those of the same counts, where a Beta is known.

    Args:
        fitted: a fit.
        further: (group,) what else must be the same.
    """
    everyone = np.arange(len(fitted.trials))
    if not isinstance(fitted.model, BetaGroups):
        return Alike(everyone, everyone)
    keys = np.stack([fitted.successes, fitted.trials, *further], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return Alike(first, inverse.ravel())


def spared(fitted: Fitted, cost: float) -> int:
    """Returns the step at which draws are taken, so that closed forms take about a second.

    1, all draws, where theta is known by its draws.

    Args:
        fitted: a fit.
        cost: closed forms that a row takes.
    """
    if isinstance(rows_of(fitted), Points):
        return 1
    wanted = max(FEWEST, BUDGET / max(cost, 1))
    return max(1, int(np.ceil(len(fitted.theta) / wanted)))
