"""The package ``proportions``: the population by importance sampling from its prior.

Theta is integrated out, as in the collapsed model. Its prior is another: kappa is uniform from 0.1
to 100, so that its answers are not held against the exact ones; what its draws are worth is told by
the package itself.
"""

from typing import Any

from proportions.core.models import BinomialData
from proportions.inference.hierarchical_bayes import hierarchical_bayes

from benchmarks.bench.tables import Table


def importance_sample(table: Table) -> dict[str, Any]:
    """Returns the population's means, and the effective number of the 2,000 draws."""
    data = BinomialData(x=table.successes, n=table.trials)
    found = hierarchical_bayes(data, random_seed=1)
    return {
        "phi": found.m_posterior_mean,
        "kappa": found.k_posterior_mean,
        "effective": found.diagnostics.effective_sample_size,
    }
