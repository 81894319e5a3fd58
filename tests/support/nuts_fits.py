"""Fits of the players by NUTS, of every model, made once."""

from functools import cache

import fits
import pytest
import xarray as xr
from fits import PLAYERS

import hierpool as hp

COLUMNS = fits.COLUMNS["efron-morris-75"]
SHORT = hp.NUTS(num_chains=4, num_warmup=1000, num_draws=1500, target_accept=0.95)
JOINT = [hp.PartialPooling(), hp.LogitPartialPooling()]
COLLAPSED = hp.CollapsedPartialPooling()
NOT_EXPLORED = [hp.CompletePooling(), hp.NoPooling()]
MODELS = [*JOINT, COLLAPSED, hp.CollapsedLogitPartialPooling(), *NOT_EXPLORED]


@cache
def fitted(model: hp.Model) -> xr.DataTree:
    """Returns a fit of the players and a rookie, 0 for 4: treat it as read-only."""
    return hp.fit(PLAYERS, **COLUMNS, model=model, inference=SHORT, new_groups={"rookie": (0, 4)})


def name_of(model: hp.Model) -> str:
    """Returns what a test of this model is called."""
    return type(model).__name__


every_model = pytest.mark.parametrize("model", MODELS, ids=name_of)
