"""Fits that many tests ask, made once, and fits of draws that a test chooses."""

from functools import cache

import numpy as np
import xarray as xr
from arviz_base import from_dict

import hierpool as hp
from hierpool.models.protocol import GROUPS
from hierpool.posterior.tree import settings

COLUMNS = {
    "efron-morris-75": {"successes": "hits", "trials": "at_bats", "group": "player"},
    "rat-tumors": {"successes": "tumors", "trials": "rats", "group": "experiment"},
    "surgical-mortality": {"successes": "deaths", "trials": "operations", "group": "hospital"},
}
MODELS = {
    "complete": hp.CompletePooling(),
    "none": hp.NoPooling(),
    "beta": hp.CollapsedPartialPooling(),
    "logit": hp.CollapsedLogitPartialPooling(),
}
PLAYERS = hp.load_dataset("efron-morris-75")
NAMES = list(PLAYERS["player"])
"""Player 1 is the first one."""
REFERENCE_ERROR = 0.0008
"""Standard error of what the reference counted among draws."""


@cache
def fit_of(
    model: str = "beta", table: str = "efron-morris-75", *, with_unseen: bool = False
) -> xr.DataTree:
    """Returns independent draws, 4 chains of 1500: treat it as read-only."""
    return hp.fit(
        hp.load_dataset(table),
        **COLUMNS[table],
        model=MODELS[model],
        inference=hp.Quadrature(num_chains=4, num_draws=1500),
        new_groups={"unseen": (0, 0)} if with_unseen else None,
        seed=1,
    )


@cache
def four_fits() -> dict[str, xr.DataTree]:
    """Returns fits of the players by each model, 4 chains of 1000: treat them as read-only."""
    exact = hp.Quadrature(num_chains=4, num_draws=1000)
    return {
        name: hp.fit(PLAYERS, **COLUMNS["efron-morris-75"], model=model, inference=exact, seed=1)
        for name, model in MODELS.items()
    }


def tree_of(theta: np.ndarray, successes: list[int], trials: list[int]) -> xr.DataTree:
    """Returns a fit of log-odds with these draws of theta, (draw, group); labels are g0, g1, ...

    Such a fit is asked by its draws alone.
    """
    population = np.ones((1, len(theta)))
    tree = from_dict(
        {
            "posterior": {"theta": theta[None], "mu": population, "sigma": population},
            "observed_data": {"y": np.asarray(successes)},
            "constant_data": {"n": np.asarray(trials)},
        },
        coords={GROUPS: [f"g{i}" for i in range(theta.shape[1])]},
        dims={"theta": [GROUPS], "y": [GROUPS], "n": [GROUPS]},
    )
    tree.attrs["hierpool_model"] = settings(hp.CollapsedLogitPartialPooling())
    return tree


def draws_of(tree: xr.DataTree) -> np.ndarray:
    """Returns (draw, group) draws of theta, chain after chain."""
    theta = tree["posterior"]["theta"].transpose("chain", "draw", GROUPS).values
    return theta.reshape(-1, theta.shape[2])


def agrees(got: object, mcse: object, want: object, *, want_error: float = 0.0) -> None:
    """Fails unless every number is within 5 standard errors of what it should be."""
    allowed = 5 * np.hypot(np.asarray(mcse, float), want_error)
    gap = np.abs(np.asarray(got, float) - np.asarray(want, float))
    assert np.all(gap <= allowed), f"{got} is not within {allowed} of {want}"


REST = PLAYERS.set_index("player")["remaining_at_bats"]


ONE_FIVE_TEN = [NAMES[i - 1] for i in (1, 5, 10)]


FEW = np.array([[0.1, 0.5, 0.9], [0.2, 0.6, 0.8], [0.3, 0.2, 0.9], [0.4, 0.5, 0.9]])
