"""Fits whose groups have names that are hard to write."""

import numpy as np
import xarray as xr
from fits import tree_of
from pictures import NAMES

from hierpool.models.protocol import GROUPS


def named_fit(number: int, num_draws: int = 200) -> xr.DataTree:
    """Returns a fit of that many groups, whose draws nobody sampled; the first names are hard."""
    rng = np.random.default_rng(number)
    trials = rng.integers(5, 500, number)
    centre = rng.beta(20, 60, number)
    spread = np.sqrt(centre * (1 - centre) / (trials + 80))
    theta = np.clip(centre + spread * rng.normal(size=(num_draws, number)), 0.001, 0.999)
    tree = tree_of(theta, rng.binomial(trials, centre).tolist(), trials.tolist())
    labels = [*NAMES[:number], *(f"group {i}" for i in range(len(NAMES), number))]
    attrs = tree.attrs
    tree = tree.map_over_datasets(
        lambda part: part.assign_coords({GROUPS: labels}) if GROUPS in part.dims else part
    )
    tree.attrs = attrs
    return tree
