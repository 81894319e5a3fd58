"""Whether a population contradicts the groups that it was fitted to.

Under kappa ~ Pareto(1, 1.5) a large kappa is improbable beforehand: one of 1e5 or more, 3e-8. A few
groups of rates near .001 that differ little would ask for such a kappa, and do not outweigh the
prior: then kappa is found near 1, and with it a mean phi that is many times the groups' rates. Each
group's own estimate is next to its data all the same; a new group's is not.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from hierpool.runtime.warn import warn

FURTHER = 3
"""How many times the spread of the groups' rates the population's mean may lie beyond them."""
LEAST = 1.0
"""What is no further in log-odds than this contradicts nothing."""


class PopulationWarning(UserWarning):
    """The population that was found is not one that its groups look as if they came from."""


def new_rate_of(parameters: Mapping[str, np.ndarray]) -> float | None:
    """Returns the mean chance of a new group; None where no population is known.

    Args:
        parameters: of the population by name, (draw,) each.
    """
    if "phi" in parameters:
        return float(np.mean(parameters["phi"]))
    if "mu" not in parameters:
        return None
    nodes, weights = np.polynomial.hermite_e.hermegauss(32)
    means = [np.mean(expit(parameters["mu"] + parameters["sigma"] * node)) for node in nodes]
    return float(np.dot(weights, means) / weights.sum())


def warn_of_contradiction(
    successes: np.ndarray, trials: np.ndarray, parameters: Mapping[str, np.ndarray]
) -> None:
    """Warns at the user's line if a new group is expected far beyond all groups.

    Args:
        successes: (group,) successes.
        trials: (group,) trials.
        parameters: of the population by name, (draw,) each.
    """
    new_rate = new_rate_of(parameters)
    sentence = None if new_rate is None else contradiction(successes, trials, new_rate)
    if sentence:
        warn(sentence, PopulationWarning)


def contradiction(
    successes: np.ndarray, trials: np.ndarray, new_rate: float, *, of: str = ""
) -> str | None:
    """Returns a sentence if a new group is expected far beyond all groups; else None.

    Far is more than 1 in log-odds, more than 3 times what the groups' rates spread over, and more
    than 3 standard errors of the nearest group's.

    Args:
        successes: (group,) successes.
        trials: (group,) trials; groups of 0 don't count, and it takes 2 groups to have a spread.
        new_rate: the posterior mean of a new group's chance.
        of: whose population, as " of 'A'".
    """
    has_trials = trials > 0
    y, n = successes[has_trials].astype(float), trials[has_trials].astype(float)
    if len(n) < 2:
        return None
    # Half a success and half a failure more, so that no rate is 0 or 1.
    log_odds = np.log(y + 0.5) - np.log(n - y + 0.5)
    expected = np.log(new_rate) - np.log1p(-new_rate)
    nearest = int(np.argmin(np.abs(log_odds - expected)))
    low, high = log_odds.min(), log_odds.max()
    distance = max(low - expected, expected - high)
    error = np.sqrt(1 / (y[nearest] + 0.5) + 1 / (n[nearest] - y[nearest] + 0.5))
    if not distance > max(LEAST, FURTHER * (high - low), FURTHER * error):
        return None
    rates = y / n
    return (
        f"The population{of} contradicts its groups: it expects {new_rate:.3g} of a new one, and "
        f"the rates of all {len(n)} lie from {rates.min():.3g} to {rates.max():.3g}. Their own "
        "estimates stand; do not use the population or a new group's under this prior, but one "
        "that suits any rate: model='spread' (--model spread)."
    )
