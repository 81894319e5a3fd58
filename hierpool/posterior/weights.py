"""Importance weights of a fit's draws, which update the posterior for new data without a new fit.

The posterior given further data is proportional to the old posterior times the probability of the
new data given the population. So each draw of the population has a weight proportional to that
probability, and means over draws become weighted means.

Source: Owen (2013), "Monte Carlo theory, methods and examples", chapter 9, for self-normalized
weights, their error and their effective sample size.
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
"""With fewer effective draws than this, weighted means should not be trusted."""
BLOCK = 2**20
"""Values of a block."""


class FewDrawsWarning(UserWarning):
    """A few draws have most of the weight, since new data contradict the fit: results are rough.

    The message says what to do, usually a new fit that includes the new data.

    Examples:
        >>> import warnings
        >>> import hierpool as hp
        >>> tree = hp.fit(
        ...     "efron-morris-75",
        ...     "hits",
        ...     "at_bats",
        ...     group="player",
        ...     model="collapsed",
        ...     inference="quadrature",
        ... )
        >>> with warnings.catch_warnings(action="error", category=hp.FewDrawsWarning):
        ...     hp.new_groups(tree, {"rookie": (500, 500)})
        Traceback (most recent call last):
        hierpool.posterior.weights.FewDrawsWarning: 4000 draws are worth ...
    """


def log_probability(fitted: Fitted, successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns (draw, group) log probability of counts given each draw of the population.

    theta is integrated out. Without pooling there is no population, and there is a single row.

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
    """Returns (draw,) joint log probability of all counts given each draw of the population.

    It sums ``log_probability`` in blocks, so that no (draw, group) array is in memory.

    Args:
        fitted: a fit.
        successes: (group,) int64 successes.
        trials: (group,) int64 trials.
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
    """Returns (draw,) weights that add up to 1, given their logarithms up to a constant."""
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_draws(weight: np.ndarray) -> np.ndarray:
    """Returns (...) effective sample sizes of (draw, ...) weights."""
    return weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0)


def warn_of_few(number: float, num_draws: int, remedy: str) -> None:
    """Warns, at the user's own line of code, if the effective draws are few.

    The weights are probabilities, and so bounded: their variance is finite. So their effective
    sample size is enough, and the shape of their tail need not be examined.

    Args:
        number: effective sample size.
        num_draws: number of draws; a single one never warns.
        remedy: what to do, as the end of the message.
    """
    if number < FEWEST_EFFECTIVE and num_draws > 1:
        warn(
            f"{num_draws} draws are worth {number:.3g} here, and at least {FEWEST_EFFECTIVE} are "
            f"needed: {remedy}",
            FewDrawsWarning,
        )


def of_rows(weight: np.ndarray, rows: Betas | Points) -> np.ndarray:
    """Returns (row,) weights: those of the draws, or a weight of 1 if there is a single row."""
    is_single = isinstance(rows, Betas) and len(rows.alpha) == 1
    return np.ones(1) if is_single else weight


def moments(rows: Betas | Points, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the mean and variance of theta, and the mean's Monte Carlo error, (group,) each.

    The variance is the weighted mean of the variances within rows, plus the weighted variance of
    the means between rows.

    Args:
        rows: the distribution of each theta, by rows.
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
    """Returns (draw,) indices of draws, resampled in proportion to their weights.

    By systematic resampling: if all weights are equal, each draw is taken once.

    Args:
        weight: (draw,) weights that add up to 1.
        rng: random generator.
    """
    num_draws = len(weight)
    steps = (np.arange(num_draws) + rng.uniform()) / num_draws
    return np.minimum(np.searchsorted(np.cumsum(weight), steps), num_draws - 1)
