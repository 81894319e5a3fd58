"""The exact posterior against an oracle that shares nothing with it, and against closed forms."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.base import array_stats
from oracle import Exact, exact
from scipy.special import gammaln, log_ndtr, ndtr
from tables import HARD_TABLES, HOSPITALS, PLAYERS, RATS, TABLES, close, tolerance

from hierpool import likelihood, mixture
from hierpool.counts import Counts, stack
from hierpool.grid import Grid, column_quantiles, draw, row_quantiles
from hierpool.histograms import Data
from hierpool.models import CollapsedPartialPooling, PartialPooling
from hierpool.quadrature import Quadrature
from hierpool.tally import compress, distinct

LEVELS = (0.055, 0.25, 0.5, 0.75, 0.945)
ENDS = (0.055, 0.945)
WIDTH = 128
"""Groups that are looked at, padded: so one program serves all tables."""
CASES = {name: (counts, 1.5) for name, counts in (TABLES | HARD_TABLES).items()}
CASES |= {f"players with rate {rate}": (PLAYERS, rate) for rate in (0.5, 5.0)}
SMALL = [name for name, (counts, _) in CASES.items() if np.max(counts.trials) < 2000]


class Summary(NamedTuple):
    """What a grid says of the population and of some groups."""

    grid: Grid
    phi: jax.Array
    """(2,) mean and sd, as those of kappa_log."""
    kappa_log: jax.Array
    theta: mixture.Moments
    theta_ends: jax.Array
    """(group, 2) quantiles at ``ENDS``."""
    theta_error: jax.Array
    phi_quantiles: jax.Array
    """(level,) quantiles, as those of kappa_log."""
    kappa_log_quantiles: jax.Array


@functools.partial(jax.jit, static_argnums=3)
def integrate(
    key: jax.Array, model: CollapsedPartialPooling, data: Data, quadrature: Quadrature
) -> Grid:
    return quadrature.integrate(
        key, lambda position: model.log_density(position, data), lambda key: model.init(key, data)
    )


@jax.jit
def summarise(grid: Grid, counts: Counts) -> Summary:
    phi = jax.nn.sigmoid(grid.positions["logit_phi"])
    kappa_log = jnp.exp(grid.positions["log_kappa_log"])

    def moments(values: jax.Array) -> jax.Array:
        mean = jnp.sum(grid.weight * values)
        return jnp.stack([mean, jnp.sqrt(jnp.sum(grid.weight * (values - mean) ** 2))])

    levels = jnp.asarray(LEVELS)
    return Summary(
        grid,
        moments(phi),
        moments(kappa_log),
        mixture.moments(mixture.population(grid), counts),
        *mixture.quantiles(grid, counts, jnp.asarray(ENDS)),
        jax.nn.sigmoid(column_quantiles(grid, levels)),
        jnp.exp(row_quantiles(grid, levels)),
    )


@functools.cache
def looked_at(name: str) -> Counts:
    """Returns the groups of a table that are looked at: the first of each (y, n), 100 at most."""
    counts, _ = CASES[name]
    pairs = distinct(*counts)
    _, first = np.unique(pairs.inverse, return_index=True)
    chosen = np.sort(first)[:100]
    return Counts(counts.successes[chosen], counts.trials[chosen])


@functools.cache
def got(name: str, precision: str = "float64") -> Summary:
    counts, rate = CASES[name]
    groups = looked_at(name)
    space = (0, WIDTH - len(groups.trials))
    with jax.enable_x64(precision == "float64"):
        data = compress(distinct(*counts))
        model = CollapsedPartialPooling(kappa_log_rate=rate)
        grid = integrate(jax.random.key(0), model, data, Quadrature())
        summary = summarise(grid, Counts(*(np.pad(column, space) for column in groups)))
        return jax.tree.map(np.asarray, summary)


@functools.cache
def truth(name: str) -> Exact:
    counts, rate = CASES[name]
    pairs = distinct(*counts)
    size = 60 if len(counts.trials) > 1000 else 600
    oracle = exact(
        pairs.successes, pairs.trials, repeats=pairs.groups, kappa_log_rate=rate, size=size
    )
    return dataclasses.replace(oracle, **looked_at(name)._asdict())
