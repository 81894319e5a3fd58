"""Detects a population that contradicts the groups to which it was fitted.

Under kappa ~ Pareto(1, 1.5) large values have small prior probability: Pr(kappa > 1e5) = 3e-8. A
few groups with rates near .001 that differ little need such a kappa, but do not outweigh the prior.
Then the posterior has kappa near 1, and a mean phi many times the groups' rates. The estimate of
each group is still close to its data, but that of a new group is not.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from hierpool.runtime.warn import warn

FURTHER = 3
"""Largest allowed distance of the population's mean from all groups' rates, in units of the range
of these rates and of the standard error of the nearest, on the log-odds scale."""
LEAST = 1.0
"""A smaller distance in log-odds is never a contradiction."""


class PopulationWarning(UserWarning):
    """The fitted population does not look like one from which its groups came.

    Few groups with very low or very high rates do not outweigh the prior of kappa. Their own
    estimates can be used, but not those of the population or of a new group.

    Examples:
        >>> import warnings
        >>> import hierpool as hp
        >>> frame = {"successes": [1, 2, 1], "trials": [1000, 1000, 1000]}
        >>> with warnings.catch_warnings(action="error", category=hp.PopulationWarning):
        ...     hp.fit(frame, "successes", "trials", model="collapsed", inference="quadrature")
        Traceback (most recent call last):
        hierpool.posterior.contradiction.PopulationWarning: The population contradicts its ...
    """


def new_rates_of(parameters: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Returns (draw,) means of a new group's theta given the population; None if there is none.

    Args:
        parameters: parameters of the population by name, (draw,) each.
    """
    if "phi" in parameters:
        return parameters["phi"]
    if "mu" not in parameters:
        return None
    # Imported late: it takes longer than the work of a small `estimate`, which does not need it.
    from scipy.special import expit

    nodes, weights = np.polynomial.hermite_e.hermegauss(32)
    mu, sigma = parameters["mu"], parameters["sigma"]
    total = np.zeros(len(mu))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        total += weight * expit(mu + sigma * node)
    return total


def warn_of_contradiction(
    successes: np.ndarray,
    trials: np.ndarray,
    parameters: Mapping[str, np.ndarray],
    *,
    of: str = "",
) -> None:
    """Warns, at the user's line of code, if a new group is expected far beyond all groups.

    Args:
        successes: (group,) successes.
        trials: (group,) trials.
        parameters: parameters of the population by name, (draw,) each.
        of: text that names the data set, as " of 'A'"; may be empty.
    """
    new_rates = new_rates_of(parameters)
    if new_rates is None:
        return
    sentence = contradiction(successes, trials, float(new_rates.mean()), of=of)
    if sentence:
        warn(sentence, PopulationWarning)


def warn_of_first(sentences: Iterable[str | None], others: str) -> None:
    """Warns, at the user's line of code, of the first contradiction and the number of others.

    Args:
        sentences: what ``contradiction`` returned.
        others: what the others are, as "data sets".
    """
    found = [sentence for sentence in sentences if sentence]
    if found:
        more = f" So do those of {len(found) - 1} more {others}." if found[1:] else ""
        warn(found[0] + more, PopulationWarning)


def contradiction(
    successes: np.ndarray, trials: np.ndarray, new_rate: float, *, of: str = ""
) -> str | None:
    """Returns a sentence if a new group is expected far beyond all groups; else None.

    Far means a distance in log-odds of more than 1, more than 3 times the range of the groups'
    rates, and more than 3 standard errors of the nearest group's rate.

    Args:
        successes: (group,) successes.
        trials: (group,) trials. Groups of 0 trials are ignored; with fewer than 2 others the result
            is None.
        new_rate: the posterior mean of a new group's theta.
        of: text that names the data set, as " of 'A'"; may be empty.
    """
    has_trials = trials > 0
    y, n = successes[has_trials].astype(float), trials[has_trials].astype(float)
    if len(n) < 2:
        return None
    # Half a success and half a failure are added, so that no rate is 0 or 1.
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
        "estimates can be used, but not those of the population or of a new group: fit with "
        "model='spread' (--model spread), a prior of how far rates differ; if that was the model, "
        "with a smaller tau_sd, as SpreadPartialPooling(tau_sd=0.3) (--tau-sd 0.3)."
    )
