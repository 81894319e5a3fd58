"""The empirical-Bayes plug-in: the population of greatest marginal likelihood, then Betas.

Its answers leave out what is not known of the population.
"""

import numpy as np
from scipy import optimize, special, stats

from benchmarks.bench.tables import Table

INTERVAL = (0.055, 0.945)
MOST_LOG_KAPPA = 20.0


def plug_in(table: Table) -> dict[str, np.ndarray]:
    """Returns means and sds of theta with intervals, and the population that was plugged in."""
    successes, failures = table.successes.astype(float), (table.trials - table.successes) * 1.0

    def loss(position: np.ndarray) -> float:
        phi, kappa = special.expit(position[0]), np.exp(position[1])
        a, b = phi * kappa, (1 - phi) * kappa
        log_marginal = special.betaln(a + successes, b + failures) - special.betaln(a, b)
        return -float(np.sum(log_marginal)) / len(successes)

    rate = (successes.sum() + 0.5) / (table.trials.sum() + 1)
    start = np.array([special.logit(rate), np.log(10.0)])
    bounds = [(-20.0, 20.0), (0.0, MOST_LOG_KAPPA)]
    best = optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    phi, kappa = special.expit(best[0]), np.exp(best[1])
    theta = stats.beta(phi * kappa + successes, (1 - phi) * kappa + failures)
    lower, upper = theta.ppf(INTERVAL[0]), theta.ppf(INTERVAL[1])
    return {
        "phi": np.asarray(phi),
        "kappa_log": np.asarray(best[1]),
        "theta": theta.mean(),
        "theta_sd": theta.std(),
        "theta_lower": lower,
        "theta_upper": upper,
    }
