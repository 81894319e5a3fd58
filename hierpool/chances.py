"""What is known of each group's chance of success in a row of the posterior: a Beta, or a number.

Given the population the groups are independent, so what is asked of them has a closed form in each
row. Averaged over the rows it has less noise than the share of draws in which something happens.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import betainc

from hierpool.fitted import Fitted, mcse
from hierpool.models import CollapsedPartialPooling, NoPooling, PartialPooling

BUDGET = 3_000_000
"""Closed forms that one answer evaluates: about a second. Past it, it takes every other draw."""
FEWEST = 200
"""Rows that are taken at least."""


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

    def above(self, line: float) -> np.ndarray:
        """Returns (row, group) probabilities that theta is above a line."""
        return self._by_pair(lambda a, b: betainc(b, a, 1 - line))

    def mean(self) -> np.ndarray:
        """Returns (row, group) means of theta."""
        return self._by_pair(lambda a, b: a / (a + b))

    def at_least(self, least: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Returns (row, group) probabilities of so many successes or more.

        Args:
            least: (group,) successes.
            trials: (group,) trials to come.
        """
        return self._by_pair(beta_binomial_tail, least, trials)

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)

    def _by_pair(self, function: Callable[..., np.ndarray], *of_groups: np.ndarray) -> np.ndarray:
        """Returns (row, group) values of a function, computed once for groups that are alike."""
        keys = np.stack([self.successes, self.failures, *of_groups], axis=1)
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        values = np.empty((len(self.alpha), len(distinct)))
        for column, (y, failures, *rest) in enumerate(distinct):
            values[:, column] = function(self.alpha + y, self.beta + failures, *map(int, rest))
        return values[:, inverse.ravel()]


class Points(NamedTuple):
    """In each row theta is known: a draw."""

    theta: np.ndarray
    """(row, group) chances of success."""
    num_chains: int
    """Chains that the rows come from."""
    is_independent: bool
    """Whether the rows are independent."""

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

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (row, ...) values."""
        return mcse(values, self.num_chains, is_independent=self.is_independent)


def rows_of(fitted: Fitted) -> Betas | Points:
    """Returns what is known of the groups, a row a draw; without pooling one row says it all.

    Under a Beta population, and without pooling, a row knows a Beta; else its draw of theta.
    """
    y, failures = fitted.successes, fitted.trials - fitted.successes
    model = fitted.model
    if isinstance(model, NoPooling):
        alpha, beta = (np.full(1, float(np.asarray(x))) for x in vars(model).values())
        return Betas(alpha, beta, y, failures, 1, True)
    if isinstance(model, PartialPooling | CollapsedPartialPooling):
        phi, kappa = fitted.parameters["phi"], fitted.parameters["kappa"]
        # Parameters that have underflowed to 0 are no Beta's.
        alpha, beta = np.maximum(phi * kappa, 1e-300), np.maximum((1 - phi) * kappa, 1e-300)
        return Betas(alpha, beta, y, failures, fitted.num_chains, fitted.is_independent)
    return Points(fitted.theta, fitted.num_chains, fitted.is_independent)


def chances_of(fitted: Fitted, cost: float = 1) -> Betas | Points:
    """Returns ``rows_of`` a fit, of every other draw, or fewer, where all would take too long.

    Args:
        fitted: a fit.
        cost: closed forms, or terms of a sum, that a group asks for in each row.
    """
    pairs = np.unique(np.stack([fitted.successes, fitted.trials]), axis=1).shape[1]
    wanted = max(FEWEST, BUDGET / (max(pairs, 1) * max(cost, 1)))
    return rows_of(fitted.thinned(max(1, int(np.ceil(len(fitted.theta) / wanted)))))


def beta_binomial_tail(a: np.ndarray, b: np.ndarray, least: int, trials: int) -> np.ndarray:
    """Returns (row,) probabilities of ``least`` successes or more, theta from Beta(a, b).

    Args:
        a: (row,) first parameters.
        b: (row,) second parameters.
        least: successes.
        trials: trials.
    """
    if least <= 0 or least > trials:
        return np.full(len(a), float(least <= 0))
    # The shorter of the two tails is summed.
    is_upper = trials - least < least
    z = np.arange(least, trials + 1) if is_upper else np.arange(least)
    total = np.empty(len(a))
    height = max(1, 2**18 // trials)
    for start in range(0, len(a), height):
        rows = slice(start, start + height)
        total[rows] = np.exp(log_beta_binomial(a[rows], b[rows], trials)[:, z]).sum(axis=1)
    return np.clip(total if is_upper else 1 - total, 0, 1)


def log_beta_binomial(a: np.ndarray, b: np.ndarray, trials: int) -> np.ndarray:
    """Returns (row, trials + 1) log probabilities of every number of successes.

    Args:
        a: (row,) first parameters.
        b: (row,) second parameters.
        trials: trials.
    """

    def risen(x: np.ndarray) -> np.ndarray:
        # log of x (x + 1) ... (x + m - 1) for m from 0: no large numbers are subtracted.
        logs = np.log(x[:, None] + np.arange(trials))
        return np.concatenate([np.zeros((len(x), 1)), logs.cumsum(axis=1)], axis=1)

    ones = risen(np.ones(1))
    combinations = ones[:, -1:] - ones - ones[:, ::-1]
    return combinations + risen(a) + risen(b)[:, ::-1] - risen(a + b)[:, -1:]
