"""The programs of ``estimate``: grids over populations, and populations and groups given these.

Three compile on several cores at once, and while one is compiled the next is traced.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from hierpool.counts import Counts
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
from hierpool.likelihood.histograms import Data
from hierpool.models.beta_population import BetaPopulation
from hierpool.runtime.jax_settings import platform
from hierpool.runtime.programs import COMPILED_SOON, BySize

log = logging.getLogger(__name__)
SIZES = 64
"""Programs kept of each kind: a table of data sets of all sizes needs a few tens."""
FEW_DATA_SETS, FEW_PAIRS = 8, 1000
"""Up to so many data sets, and distinct counts in all of them, it takes longer to compile than to
run."""


def _grids(model: BetaPopulation, data: Data, *, quadrature: Quadrature) -> Grid:
    return over_batch(lambda data: explore(model, data, quadrature), data)


def _populations(
    model: BetaPopulation, grids: Grid, data: Data, prob: float, *, has_quantiles: bool
) -> Population:
    def one(of_set: tuple[Grid, Data]) -> Population:
        return of_population(model, *of_set, prob, has_quantiles=has_quantiles)

    return over_batch(one, (grids, data))


def _groups(
    model: BetaPopulation,
    grids: Grid,
    which: np.ndarray,
    counts: Counts,
    prob: float,
    *,
    has_quantiles: bool,
) -> Groups:
    return of_groups(model, grids, jnp.asarray(which), counts, prob, has_quantiles=has_quantiles)


class Programs(NamedTuple):
    """The programs that solve data sets."""

    grids: BySize
    """Integrates over the populations of a batch."""
    populations: BySize
    """Returns the posteriors of the populations, given these."""
    groups: BySize
    """Returns the posteriors of a block of groups, given these."""


def _programs(options: dict[str, Any] | None) -> Programs:
    return Programs(*(BySize(part, options, SIZES) for part in (_grids, _populations, _groups)))


SOON, FAST = _programs(COMPILED_SOON), _programs(None)
"""The programs for few data sets and groups, which are compiled sooner, and for many."""


def programs_for(num_data_sets: int, num_pairs: int) -> Programs:
    """Returns the programs that take the least time in all, to compile and to run.

    Args:
        num_data_sets: number of data sets.
        num_pairs: number of distinct (y, n) of all of them.
    """
    is_little = num_data_sets <= FEW_DATA_SETS and num_pairs <= FEW_PAIRS and platform() == "cpu"
    return SOON if is_little else FAST


def compile_ahead(
    programs: Programs,
    model: BetaPopulation,
    data: Data,
    num_pairs: int,
    quadrature: Quadrature,
    *,
    has_quantiles: bool,
) -> None:
    """Compiles a batch's programs at the same time, unless they are compiled.

    Args:
        programs: the programs.
        model: the model; the values of its hyperparameters do not matter.
        data: shapes of the batch's data.
        num_pairs: number of pairs in a block.
        quadrature: settings of the integration.
        has_quantiles: whether to compute the intervals.
    """
    grids = programs.grids.of(model, data, quadrature=quadrature)
    if not grids.is_compiled:
        log.info("compiling")
    shapes, pair = grids.result, np.zeros(num_pairs, np.int64)
    given = [
        programs.populations.of(model, shapes, data, 0.5, has_quantiles=has_quantiles),
        programs.groups.of(
            model, shapes, pair, Counts(pair, pair), 0.5, has_quantiles=has_quantiles
        ),
    ]
    if all(program.is_compiled for program in (grids, *given)):
        return
    grids.lower()
    with ThreadPoolExecutor(1) as other:
        beside = other.submit(grids.compile)
        for program in given:
            program.compile()
        beside.result()
    log.info("integrating")
