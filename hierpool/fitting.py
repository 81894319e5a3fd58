"""``fit``: a frame goes in, an ArviZ tree comes out."""

import json
import time
import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr

from hierpool.chains import Chains, Progress
from hierpool.convergence import ConvergenceWarning, check
from hierpool.counts import Counts
from hierpool.inference_data import settings, to_datatree
from hierpool.models import Model, PartialPooling
from hierpool.nuts import NUTS, Stats
from hierpool.population import Parameters
from hierpool.priors import draw_prior
from hierpool.sampling import Flat
from hierpool.table import InputError, read_table

NUM_PRIOR_DRAWS = 1000


def fit(
    frame: Any,
    *,
    successes: str,
    trials: str,
    group: str | None = None,
    model: Model | None = None,
    inference: NUTS | None = None,
    seed: int = 0,
    new_groups: Mapping[str, tuple[int, int]] | None = None,
    aggregate: bool = False,
    progress: Progress | None = None,
) -> xr.DataTree:
    """Returns the posterior of every group's chance of success, as an ArviZ tree.

    The groups of the tree are ``posterior``, ``sample_stats``, ``posterior_predictive`` (``y``),
    ``log_likelihood`` (``y``: theta is integrated out, so leaving one out leaves a group out),
    ``prior``, ``prior_predictive``, ``observed_data`` (``y``) and ``constant_data`` (``n``); theta,
    y and n carry the groups' names. Its attributes tell how to repeat the fit.

    It runs in float64 in a scope of its own: no setting of JAX is changed.

    Args:
        frame: a data frame, a mapping of column names to arrays, or the path of a CSV or TSV file.
        successes: column of successes.
        trials: column of trials; 0 trials with 0 successes is a group not yet seen.
        group: column of the groups' names; by default the frame's index.
        model: ``PartialPooling()`` by default.
        inference: ``NUTS()`` by default, 4 chains of 1000 draws after 1000 steps of warm-up.
        seed: the same seed on the same machine gives the same draws.
        new_groups: successes and trials by name, observed with the rest: ``{"rookie": (0, 4)}``.
        aggregate: add up rows of the same group, instead of refusing them.
        progress: called now and then with the steps done, the steps to do, and the number of
            divergent draws so far.

    Raises:
        InputError: the data or a setting break a rule (it is a ``ValueError``).
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Warns:
        ConvergenceWarning: the draws should not be trusted; the message says what to change.
    """
    model = PartialPooling() if model is None else model
    inference = NUTS() if inference is None else inference
    check_settings(model, inference, seed)
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        group=group,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        run_key, theta_key = jax.random.split(jax.random.key(seed))
        started = time.perf_counter()
        positions, stats, compile_seconds = _explore(
            run_key, model, table.counts, inference, progress
        )
        sampling_seconds = time.perf_counter() - started - compile_seconds
        posterior = _constrain(theta_key, model, table.counts, positions)
        log_likelihood = _log_likelihood(model, table.counts, posterior)
        posterior, log_likelihood = jax.tree.map(np.asarray, (posterior, log_likelihood))
    tree = to_datatree(
        table,
        posterior=posterior,
        prior=draw_prior(model, rng, NUM_PRIOR_DRAWS, len(table.labels)),
        log_likelihood=log_likelihood,
        stats=stats,
        rng=rng,
        attributes={
            "hierpool_model": settings(model),
            "hierpool_inference": settings(inference),
            "seed": seed,
            "platform": jax.default_backend(),
            "precision": "float64",
            "new_groups": json.dumps(dict(new_groups or {})),
            "compile_time": compile_seconds,
            "sampling_time": sampling_seconds,
        },
    )
    problems = check(tree).problems
    if problems:
        warnings.warn(" ".join(problems), ConvergenceWarning, stacklevel=2)
    return tree


def check_settings(model: Model, inference: NUTS, seed: int) -> None:
    """Raises ``InputError`` if a hyperparameter or a sampler's setting is out of its range."""
    for name, value in vars(model).items():
        is_location = name == "mu_mean"
        if np.ndim(value) or not np.isfinite(value) or (value <= 0 and not is_location):
            rule = "a finite number" if is_location else "a positive number"
            raise InputError(f"{type(model).__name__}: {name} must be {rule}, not {value}.")
    least = {"num_chains": 1, "num_warmup": 0, "num_draws": 4, "max_tree_depth": 1}
    for name, bound in least.items():
        value = getattr(inference, name)
        if not isinstance(value, int) or value < bound:
            raise InputError(f"{name} must be a whole number, at least {bound}, not {value}.")
    if not 0 < float(np.asarray(inference.target_accept)) < 1:
        raise InputError(f"target_accept must lie between 0 and 1, not {inference.target_accept}.")
    methods = ("parallel", "vectorized", "sequential")
    if inference.chain_method is not None and inference.chain_method not in methods:
        raise InputError(f"chain_method must be one of {methods}, not {inference.chain_method!r}.")
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise InputError(f"The seed must be a whole number from 0 to 2^63 - 1, not {seed}.")


def _explore(
    key: jax.Array, model: Model, counts: Counts, nuts: NUTS, progress: Progress | None
) -> tuple[np.ndarray, Stats | None, float]:
    """Returns positions (chain, draw, dim), their statistics, and the seconds of compiling."""
    if Flat(model, counts).num_dimensions == 0:
        return np.empty((nuts.num_chains, nuts.num_draws, 0)), None, 0.0
    started = time.perf_counter()
    chains = Chains(key, model, counts, nuts)
    compile_seconds = time.perf_counter() - started
    return *chains.run(progress), compile_seconds


@jax.jit
def _constrain(key: jax.Array, model: Model, counts: Counts, positions: jax.Array) -> Parameters:
    return Flat(model, counts).constrain(key, positions)


@jax.jit
def _log_likelihood(model: Model, counts: Counts, posterior: Parameters) -> jax.Array:
    def one(parameters: Parameters) -> jax.Array:
        return model.log_likelihood(parameters, counts)

    # Mapped, not batched, over chains: the integral of the logit model is large.
    return jax.lax.map(jax.vmap(one), posterior)
