"""Draws against the truth, in units of their own Monte Carlo error."""

import numpy as np
from arviz_stats.base import array_stats

MIN_EFFECTIVE = 400
FAR = 5


def agrees(draws: np.ndarray, want: float, method: str, what: str, **options: float) -> None:
    """Fails unless a statistic of draws (chain, draw) is within 5 standard errors of the truth."""
    axes = {"chain_axis": 0, "draw_axis": 1}
    effective = float(array_stats.ess(draws, method=method, **axes, **options))
    assert effective >= MIN_EFFECTIVE, (what, effective)
    error = float(array_stats.mcse(draws, method=method, **axes, **options))
    got = {
        "mean": draws.mean,
        "sd": draws.std,
        "quantile": lambda: np.quantile(draws, options.get("prob")),
    }[method]()
    assert abs(got - want) < FAR * error, (what, got, want, error)
