"""``estimate``: exact posteriors of a frame's groups and population, in two tables, without draws.

Groups with the same successes and trials have the same posterior, so the time grows with the number
of distinct pairs. Data sets run in batches, and their pairs in blocks (``hierpool.exact.batches``).
"""

import logging
import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any

import jax
import numpy as np
import pandas as pd

from hierpool.counts import Counts
from hierpool.exact.batches import (
    ON_ACCELERATOR,
    ON_PROCESSOR,
    UNPADDED,
    Batch,
    DataSets,
    batches_of,
    padded,
    program_shapes,
)
from hierpool.exact.beta_mixture import Mixture
from hierpool.exact.posterior import (
    Groups,
    Population,
)
from hierpool.exact.quadrature import Quadrature
from hierpool.exact.refining import INTERVAL_TOLERANCE, refined
from hierpool.inference.estimate_steps import AT_ONCE, compile_ahead, steps_for
from hierpool.inference.results import Estimate
from hierpool.inference.settings import check_quadrature
from hierpool.input.arguments import check_prob
from hierpool.input.new_groups import as_json
from hierpool.input.table import read_table
from hierpool.models.beta import PartialPooling
from hierpool.models.beta_population import BetaPopulation, beta_population_of
from hierpool.models.catalogue import check_model
from hierpool.models.protocol import Model
from hierpool.posterior.contradiction import contradiction, warn_of_first
from hierpool.posterior.convergence import ConvergenceWarning, missed
from hierpool.runtime.jax_settings import as_configured, platform, scope
from hierpool.runtime.order import noted
from hierpool.runtime.warn import warn

LEAST_DATA_SETS = 50_000
"""An accelerator is used from this many data sets on: programs for it take longer to compile."""
MOST_BATCHES = 4
"""Batches that an accelerator has room for: one runs while others are made."""
log = logging.getLogger(__name__)
OF_INTERVALS = ("lower", "upper", "median", "interval_error")
"""Endings of the names of columns that are absent without intervals."""
Columns = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""Columns of the groups, (pair,) each, and of the population, (data set,) each."""


def estimate(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    by: str | Sequence[Hashable] = (),
    model: Model | str | None = None,
    inference: Quadrature | None = None,
    prob: float | None = 0.89,
    new_groups: Any = None,
    aggregate: bool = False,
) -> Estimate:
    """Returns the exact posterior of every group's theta and of the population, in two tables.

    Nothing is drawn. The tests require moments with a relative error below 1e-6, and ends of
    intervals with an error below 1e-4. The memory grows with the table only. It runs in float64 in
    a scope of its own: no setting of JAX is changed. NumPy computes a small table at once; JAX
    compiles programs for a large one, and once a process has spent as long on small ones as
    compiling takes. The results of the two differ by rounding. On a machine with an accelerator,
    50,000 or more data sets run there, and fewer on the processor, which is then faster. JAX's
    default device and ``JAX_PLATFORMS`` are obeyed.

    Args:
        frame: data in any form that ``fit`` accepts.
        successes: column of successes.
        trials: column of trials; or the number of trials of every row; or None, if there are
            ``failures``, or if each row is one trial and its success is 0 or 1, as in ``fit``.
        failures: column of failures, in place of trials.
        group: column of the groups' names, or a list of columns; by default the frame's index.
            Numbers and times keep their type.
        by: column or columns that identify data sets, each of which has its own population.
        model: a model with a Beta population, or its word: "partial" (``PartialPooling()``, the
            default), "collapsed", "gamma" or "spread".
        inference: settings of the integration; ``Quadrature()`` by default. For data sets on which
            it does not converge, it is repeated with twice the nodes, up to four times.
        prob: probability of the equal-tailed intervals, between 0 and 1. None leaves all quantiles
            out, which takes a fraction of the time.
        new_groups: successes and trials of further groups by name, fitted with the rest:
            ``{"rookie": (0, 4)}``; or a table of them with the same columns. Not allowed with
            ``by``.
        aggregate: whether to add up rows of the same group (and data set), instead of refusing
            them.

    Returns:
        ``Estimate`` with two data frames. Columns of quantiles (``lower``, ``upper``, ``median``)
        and ``interval_error`` are absent if ``prob`` is None.

        - ``groups``: one row per group, in the order of the input, new groups last; the index is
          the name, after the columns of ``by``. Several columns of ``group`` make one name, as
          "north, 7", and stand first with their own values. ``successes`` and ``trials``;
          ``rate``, the raw rate, NaN without trials; ``mean``, ``sd``, ``lower`` and ``upper`` of
          theta, the chance of success; ``shrinkage``, the posterior mean of kappa / (kappa + n): 1
          is full pooling.
        - ``population``: one row per data set. ``phi_mean``, ``phi_sd``, ``phi_lower`` and
          ``phi_upper`` of phi, the population mean chance; ``kappa_log_mean`` and ``kappa_log_sd``
          of log(kappa); ``kappa_median``, ``kappa_lower`` and ``kappa_upper`` of kappa, the
          population concentration, in trials; means and sds of the model's other parameters, as
          ``tau_mean`` and ``tau_sd``; ``new_group_mean``, ``new_group_lower`` and
          ``new_group_upper`` of theta of a group not yet seen; ``log_evidence``, the log
          probability of the data under the model; ``error``, the estimated error of the log
          evidence, and of means and sds in units of the sd; ``interval_error``, the largest
          estimated error of the ends of the intervals of a group or a new group, in probability.

    Raises:
        InputError: the data or a setting break a rule (it is a ``ValueError``).
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Warns:
        ConvergenceWarning: the integration of a data set missed its tolerance.
        PopulationWarning: a population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> result = hp.estimate("efron-morris-75", "hits", "at_bats", group="player")
        >>> two = result.groups.loc[["Roberto Clemente", "Max Alvis"]]
        >>> two[["rate", "mean", "lower", "upper"]].round(2)
                          rate  mean  lower  upper
        group
        Roberto Clemente  0.40  0.32   0.25   0.41
        Max Alvis         0.16  0.22   0.15   0.29
    """
    collapsed = _collapsed(PartialPooling() if model is None else model)
    quadrature = check_quadrature(inference, "estimate")
    if prob is not None:
        check_prob(prob)
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        failures=failures,
        group=group,
        by=by,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    sets = DataSets(table.successes, table.trials, table.data_set)

    def integrate(settings: Quadrature, rough: Columns | None) -> Columns:
        if rough is None:
            return _solve(collapsed, sets, np.arange(sets.number), settings, prob)
        groups, population = rough
        (again,) = np.nonzero(~population["converged"])
        finer_groups, finer_population = _solve(collapsed, sets, again, settings, prob)
        for name, column in population.items():
            column[again] = finer_population[name][again]
        pairs = np.isin(sets.set_of_pair, again)
        for name, column in groups.items():
            column[pairs] = finer_groups[name][pairs]
        return groups, population

    with scope(is_large=sets.number >= LEAST_DATA_SETS):
        (groups, population), _ = refined(
            integrate, quadrature, lambda found: bool(found[1]["converged"].all())
        )
    _warn(population, table.data_sets)
    _warn_of_contradictions(sets, population["phi_mean"], table.data_sets)
    del population["converged"]

    has_trials = table.trials > 0
    rate = np.divide(
        table.successes, table.trials, out=np.full(len(has_trials), np.nan), where=has_trials
    )
    columns = {**table.group_columns, "successes": table.successes, "trials": table.trials}
    columns["rate"] = rate
    columns |= {name: column[sets.pair_of_group] for name, column in groups.items()}
    names = [] if table.data_sets is None else list(table.data_sets.names)
    index = _group_index(table.labels, table.data_set, table.data_sets)
    sets_index = pd.RangeIndex(1) if not names else table.data_sets
    new = list(map(str, as_json(table.new_groups))) or None
    return Estimate(
        noted(pd.DataFrame(columns, index=index), prob=prob, new_groups=new),
        noted(pd.DataFrame(population, index=sets_index), prob=prob),
    )


def _solve(
    model: BetaPopulation,
    sets: DataSets,
    numbers: np.ndarray,
    quadrature: Quadrature,
    prob: float | None,
) -> Columns:
    has_quantiles = prob is not None
    level = 0.5 if prob is None else prob
    steps = steps_for(model, sets, numbers, quadrature)
    sizes = ON_PROCESSOR if platform() == "cpu" else ON_ACCELERATOR
    sizes = UNPADDED if steps is AT_ONCE else sizes
    compiling = Lock()

    def run(make: Callable[[], Batch]) -> tuple[Batch, Population, list[Groups]]:
        batch = make()
        # One thread compiles, and the others wait for its programs.
        with compiling:
            shapes = program_shapes(batch, sizes)
            compile_ahead(steps, model, *shapes, quadrature, has_quantiles=has_quantiles)
        grids = steps.grids(model, batch.data, quadrature=quadrature)
        population, mixtures = steps.populations(
            model, grids, batch.data, level, has_quantiles=has_quantiles
        )
        starts = range(0, len(batch.rows), sizes.pairs[-1])
        # Batches keep every core busy where there are many. A few leave cores to their blocks.
        each = map if len(numbers) > threads * sizes.data_sets[-1] else blocks.map
        groups = each(as_configured(partial(block, mixtures, batch)), starts)
        return batch, *jax.tree.map(np.asarray, (population, list(groups)))

    def block(mixtures: Mixture, batch: Batch, start: int) -> Groups:
        here = slice(start, start + sizes.pairs[-1])
        rows, which = batch.rows[here], padded(batch.which[here], sizes)
        counts = Counts(padded(sets.y[rows], sizes), padded(sets.n[rows], sizes))
        found: Groups = jax.tree.map(np.asarray, steps.groups(mixtures, which, counts, level))
        return found

    threads = (os.cpu_count() or 1) if platform() == "cpu" else MOST_BATCHES
    of_pairs = {name: np.full(len(sets.y), np.nan) for name in Groups._fields}
    of_sets: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(threads) as workers, ThreadPoolExecutor(threads) as blocks:
        for batch, population, groups in workers.map(
            as_configured(run), batches_of(sets, numbers, sizes)
        ):
            for name, values in _columns(population).items():
                empty = np.full(sets.number, np.nan if values.dtype.kind == "f" else False)
                of_sets.setdefault(name, empty)[batch.numbers] = values[: len(batch.numbers)]
            for name, column in of_pairs.items():
                values = np.concatenate([getattr(part, name) for part in groups])
                column[batch.rows] = values[: len(batch.rows)]
    of_ends = of_pairs.pop("interval_error")
    if has_quantiles:
        # The largest error of a data set's intervals. Data sets that were not solved this time are
        # NaN.
        worst = np.fmax(of_sets["interval_error"], np.fmax.reduceat(of_ends, sets.first[:-1]))
        of_sets["interval_error"] = worst
        of_sets["converged"] &= worst < INTERVAL_TOLERANCE
        return of_pairs, of_sets
    for columns in (of_pairs, of_sets):
        for name in [name for name in columns if name.endswith(OF_INTERVALS)]:
            del columns[name]
    return of_pairs, of_sets


def _columns(population: Population) -> dict[str, np.ndarray]:
    """Returns (data set,) columns by name; a model's own parameters follow those of kappa."""
    columns = population._asdict()
    others = columns.pop("others")
    names = list(columns)
    after = names.index("new_group_mean")
    return {name: columns[name] for name in names[:after]} | others | columns


def _collapsed(model: Any) -> BetaPopulation:
    return beta_population_of(check_model(model), "estimate")


def _warn(population: dict[str, np.ndarray], data_sets: pd.MultiIndex | pd.Index | None) -> None:
    (rough,) = np.nonzero(~population["converged"])
    if len(rough):
        where = "" if data_sets is None else f" of {data_sets[rough[0]]!r}"
        more = f" (and {len(rough) - 1} more)" if len(rough) > 1 else ""
        error, of_ends = (
            population[name][rough[0]] if name in population else np.nan
            for name in ("error", "interval_error")
        )
        sentence = missed(where + more, error)
        # If the ends of intervals have the larger error, name that error: the moments may be exact.
        if of_ends > max(INTERVAL_TOLERANCE, error):
            sentence = missed(where + more, of_ends, "the error of ends of intervals")
        warn(sentence, ConvergenceWarning)


def _warn_of_contradictions(
    sets: DataSets, phi_mean: np.ndarray, data_sets: pd.MultiIndex | pd.Index | None
) -> None:
    found = []
    # Only a data set whose mean is beyond all its rates can have a contradiction, so only these few
    # are examined one by one.
    has_trials = sets.n > 0
    rates = np.divide(sets.y, sets.n, out=np.full(len(sets.n), np.nan), where=has_trials)
    lowest = np.fmin.reduceat(rates, sets.first[:-1])
    highest = np.fmax.reduceat(rates, sets.first[:-1])
    for number in np.flatnonzero((phi_mean < lowest) | (phi_mean > highest)):
        pairs = slice(*sets.first[number : number + 2])
        of = "" if data_sets is None else f" of {data_sets[int(number)]!r}"
        y, n = (np.repeat(counts[pairs], sets.groups[pairs]) for counts in (sets.y, sets.n))
        found.append(contradiction(y, n, float(phi_mean[number]), of=of))
    warn_of_first(found, "data sets")


def _group_index(
    labels: np.ndarray, data_set: np.ndarray | None, data_sets: pd.Index | None
) -> pd.Index:
    if data_sets is None or data_set is None:
        return pd.Index(labels, name="group")
    levels = [data_sets.get_level_values(i)[data_set] for i in range(data_sets.nlevels)]
    return pd.MultiIndex.from_arrays([*levels, labels], names=[*data_sets.names, "group"])
