"""The steps of ``estimate``: grids over populations, and populations and groups given these.

For a few groups NumPy takes the steps at once, in a few hundredths of a second. For more, or after
many calls, each is a compiled program: three compile on several cores at once, and while one is
compiled the next is traced.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from hierpool.arrays import quietly
from hierpool.counts import Counts
from hierpool.exact.at_once import is_at_once, seconds_of
from hierpool.exact.batches import DataSets
from hierpool.exact.beta_mixture import Mixture, mixture_of
from hierpool.exact.grid import Grid
from hierpool.exact.posterior import (
    Groups,
    Population,
    explore,
    of_groups,
    of_population,
    over_batch,
)
from hierpool.exact.quadrature import Quadrature
from hierpool.likelihood.compress import has_rows
from hierpool.likelihood.histograms import Data
from hierpool.models.beta_population import BetaPopulation
from hierpool.runtime.programs import BySize

log = logging.getLogger(__name__)
MANY_SIZES = 64
"""Sizes of a step whose programs are kept: a table of data sets of all sizes needs a few tens."""


@quietly
def _grids(model: BetaPopulation, data: Data, *, quadrature: Quadrature) -> Grid:
    return over_batch(lambda data: explore(model, data, quadrature), data)


@quietly
def _populations(
    model: BetaPopulation, grids: Grid, data: Data, prob: float, *, has_quantiles: bool
) -> tuple[Population, Mixture]:
    def one(of_set: tuple[Grid, Data]) -> tuple[Population, Mixture]:
        grid, data = of_set
        mixture = mixture_of(model, grid, has_quantiles=has_quantiles)
        return of_population(model, grid, mixture, data, prob), mixture

    return over_batch(one, (grids, data))


@quietly
def _groups(mixtures: Mixture, which: np.ndarray, counts: Counts, prob: float) -> Groups:
    return of_groups(mixtures, which, counts, prob)


class Steps(NamedTuple):
    """The functions that solve data sets, or their programs."""

    grids: Any
    """Integrates over the populations of a batch."""
    populations: Any
    """Returns the posteriors of the populations, given these, and what the groups' need."""
    groups: Any
    """Returns the posteriors of a block of groups, given that."""


AT_ONCE = Steps(_grids, _populations, _groups)
"""In NumPy."""
COMPILED = Steps(*(BySize(step, keep=MANY_SIZES) for step in AT_ONCE))
"""By programs of JAX."""


def steps_for(
    model: BetaPopulation, sets: DataSets, numbers: np.ndarray, quadrature: Quadrature
) -> Steps:
    """Returns the steps for data sets.

    Args:
        model: the model.
        sets: all data sets.
        numbers: (data set,) indices of those to solve.
        quadrature: settings of the integration.
    """
    sizes = sets.size[numbers]
    seconds = seconds_of(
        quadrature,
        num_integrals=len(numbers),
        num_rows=sizes[has_rows(sizes, sets.largest[numbers])].sum(),
        num_pairs=sizes.sum(),
    )
    return AT_ONCE if is_at_once("estimate", model, seconds) else COMPILED


def compile_ahead(
    steps: Steps,
    model: BetaPopulation,
    data: Data,
    num_pairs: int,
    quadrature: Quadrature,
    *,
    has_quantiles: bool,
) -> None:
    """Compiles a batch's programs at the same time, unless they are compiled, or need not be.

    Args:
        steps: the steps.
        model: the model; the values of its hyperparameters do not matter.
        data: shapes of the batch's data.
        num_pairs: number of pairs in a block.
        quadrature: settings of the integration.
        has_quantiles: whether to compute the intervals.
    """
    if steps is not COMPILED:
        return
    grids = steps.grids.of(model, data, quadrature=quadrature)
    if not grids.is_compiled:
        log.info("compiling")
    shapes, pair = grids.result, np.zeros(num_pairs, np.int64)
    populations = steps.populations.of(model, shapes, data, 0.5, has_quantiles=has_quantiles)
    _, mixtures = populations.result
    given = [populations, steps.groups.of(mixtures, pair, Counts(pair, pair), 0.5)]
    if all(program.is_compiled for program in (grids, *given)):
        return
    grids.lower()
    with ThreadPoolExecutor(1) as other:
        beside = other.submit(grids.compile)
        for program in given:
            program.compile()
        beside.result()
    log.info("integrating")
