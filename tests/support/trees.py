"""Small trees in the form that fit returns, made by hand: nothing is sampled or compiled."""

import numpy as np
import xarray as xr

import hierpool as hp
from hierpool.input.table import Table
from hierpool.mcmc.stats import Stats
from hierpool.models.protocol import dims
from hierpool.posterior.tree import settings, to_datatree

NAMES = ["NA", "007", "Иван", "a,b", " padded", "None", "大谷"]
CHAINS, DRAWS, NUM_GROUPS = 2, 6, len(NAMES)
TRIALS = 9


def population_of(model: hp.Model, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns (chain, draw) parameters that the model's population may have."""
    shape = (CHAINS, DRAWS)
    if isinstance(model, hp.NoPooling):
        return {}
    if isinstance(model, hp.CompletePooling):
        return {"phi": rng.uniform(size=shape)}
    if isinstance(model, hp.LogitPartialPooling | hp.CollapsedLogitPartialPooling):
        return {"mu": rng.normal(size=shape), "sigma": rng.exponential(size=shape)}
    kappa_log = rng.exponential(size=shape)
    return {"phi": rng.uniform(size=shape), "kappa_log": kappa_log, "kappa": np.exp(kappa_log)}


def tree_of(
    names: list[str] = NAMES,
    *,
    successes: int | np.ndarray = 3,
    model: hp.Model | None = None,
    inference: hp.NUTS | hp.Quadrature | None = None,
) -> xr.DataTree:
    """Returns a fit by chains, or by independent draws, of groups of nine trials."""
    rng = np.random.default_rng(1)
    model = hp.PartialPooling(phi_alpha=2.5) if model is None else model
    inference = hp.NUTS() if inference is None else inference
    shape = (CHAINS, DRAWS)
    population = population_of(model, rng)
    theta = rng.uniform(size=(*shape, NUM_GROUPS))
    if isinstance(model, hp.CompletePooling):
        theta = np.broadcast_to(population["phi"][..., None], theta.shape).copy()
    whole = np.ones(shape, int)
    stats = Stats(
        **{
            name: (rng.normal(size=shape) > 1 if name == "diverging" else whole * 1.5)
            for name in Stats._fields
        }
    )
    table = Table(
        np.broadcast_to(successes, NUM_GROUPS).copy(),
        np.full(NUM_GROUPS, TRIALS),
        np.array(names),
        "hits",
        "tries",
    )
    return to_datatree(
        table,
        posterior=population | {"theta": theta},
        prior={"phi": rng.uniform(size=10), "theta": rng.uniform(size=(10, NUM_GROUPS))},
        log_likelihood=-rng.exponential(size=(*shape, NUM_GROUPS)),
        stats=stats if isinstance(inference, hp.NUTS) else None,
        seeds=np.random.SeedSequence(1).spawn(2),
        attributes={
            "hierpool_model": settings(model),
            "hierpool_inference": settings(inference),
            "hierpool_problems": "[]",
            "seed": 7,
            "sampling_time": 0.25,
            "new_groups": "{}",
        },
        dims=dims(model),
    )
