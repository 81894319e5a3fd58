"""Draws that weigh unequally: what new data make of the draws of a fit, without another fit.

The posterior given further data is the old one times their probability given the population. So a
draw of the population weighs in proportion to it, and means over draws become weighted means.

Source: Owen (2013), "Monte Carlo theory, methods and examples", chapter 9, for self-normalized
weights, their error and their effective number.
"""

import numpy as np

from hierpool.counts import Counts
from hierpool.likelihood.compress import distinct
from hierpool.posterior import theta as thetas
from hierpool.posterior.conditional import Betas, Points
from hierpool.posterior.fitted import Fitted
from hierpool.runtime.jax_settings import scope
from hierpool.runtime.warn import warn

FEWEST_EFFECTIVE = 100
"""With fewer effective draws than that, weighted means are not to be trusted."""
BLOCK = 2**20
"""Values of a block."""


class FewDrawsWarning(UserWarning):
    """The weights of the draws rest on few of them: new data contradict what was fitted."""


def log_probability(fitted: Fitted, successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns (draw, group) log probability of counts given each draw of the population.

    theta is integrated out. Without pooling there is no population, and one row says all.

    Args:
        fitted: a fit.
        successes: (group,) int64 successes.
        trials: (group,) int64 trials.
    """
    num_draws = len(fitted.theta) if fitted.parameters else 1
    pairs = distinct(successes, trials)
    with scope():
        return thetas.log_likelihood(
            fitted.model, Counts(successes, trials), pairs, fitted.parameters, num_draws
        )


def log_probability_of_all(fitted: Fitted, successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns (draw,) log probability of counts, all together, given each draw of the population.

    As ``log_probability``, but in blocks: groups times draws are never in memory.
    """
    pairs = distinct(successes, trials)
    total = np.zeros(len(fitted.theta))
    width = max(1, BLOCK // len(fitted.theta))
    for start in range(0, len(pairs.trials), width):
        some = slice(start, start + width)
        logs = log_probability(fitted, pairs.successes[some], pairs.trials[some])
        total += logs @ pairs.groups[some]
    return total


def weights_of(log_weights: np.ndarray) -> np.ndarray:
    """Returns (draw,) weights that add up to 1."""
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_draws(weight: np.ndarray) -> np.ndarray:
    """Returns (...) how many equally weighted draws (draw, ...) weights are worth."""
    return weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0)


def warn_of_few(number: float, num_draws: int, remedy: str) -> None:
    """Warns, at the user's own line, if the effective draws are few.

    The weights are probabilities, and so bounded: their variance is finite, and the effective
    number tells all that the shape of their tail would.
    """
    if number < FEWEST_EFFECTIVE and num_draws > 1:
        warn(
            f"{num_draws} draws are worth {number:.3g} here, and at least {FEWEST_EFFECTIVE} are "
            f"needed: {remedy}",
            FewDrawsWarning,
        )


def of_rows(weight: np.ndarray, rows: Betas | Points) -> np.ndarray:
    """Returns (row,) weights: those of the draws, but 1 where a single row says all."""
    is_single = isinstance(rows, Betas) and len(rows.alpha) == 1
    return np.ones(1) if is_single else weight


def moments(rows: Betas | Points, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (group,) each: mean and variance of theta, and the mean's Monte Carlo error.

    The variance is the weighted mean of those within rows, plus that of the means between rows.

    Args:
        rows: what is known of the groups.
        weight: (row,) weights that add up to 1.
    """
    num_groups = rows.theta.shape[1] if isinstance(rows, Points) else len(rows.successes)
    mean, variance, error = np.empty((3, num_groups))
    width = max(1, BLOCK // len(weight))
    for start in range(0, num_groups, width):
        some = slice(start, start + width)
        within: np.ndarray | float = 0.0
        if isinstance(rows, Points):
            means = rows.theta[:, some]
        else:
            a = rows.alpha[:, None] + rows.successes[some]
            total = a + (rows.beta[:, None] + rows.failures[some])
            means = a / total
            within = weight @ (means * (1 - means) / (total + 1))
        mean[some] = weight @ means
        means = means - mean[some]
        variance[some] = within + weight @ means**2
        error[some] = rows.error(len(weight) * weight[:, None] * means)
    return mean, variance, error


def resampled(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (draw,) places of draws that weigh the same, taken in proportion to their weights.

    Systematically: of draws that weigh the same already, each is taken once.
    """
    num_draws = len(weight)
    steps = (np.arange(num_draws) + rng.uniform()) / num_draws
    return np.minimum(np.searchsorted(np.cumsum(weight), steps), num_draws - 1)
