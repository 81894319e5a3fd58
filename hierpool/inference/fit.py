"""``fit``: the posterior of a frame's groups, as an ArviZ tree."""

import json
import logging
import os
from collections.abc import Hashable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, overload

import jax
import numpy as np
import xarray as xr

from hierpool.exact.quadrature import Quadrature
from hierpool.inference import memory
from hierpool.inference.data_sets import fit_each
from hierpool.inference.explore import compressed, explore, position_of, require_two_numbers
from hierpool.inference.settings import check_inference
from hierpool.input.arguments import check_seed
from hierpool.input.new_groups import as_json
from hierpool.input.table import InputError, Table, read_table
from hierpool.likelihood.compress import distinct
from hierpool.mcmc.bars import Watch, followed
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.progress import Display, Progress
from hierpool.models.beta import PartialPooling
from hierpool.models.catalogue import check_model
from hierpool.models.protocol import Collapsible, DrawsPrior, Model, Position, check_dims, dims
from hierpool.posterior import theta as thetas
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.convergence import ConvergenceWarning
from hierpool.posterior.partial import PartialFitWarning, mark, marks
from hierpool.posterior.tree import settings, to_datatree
from hierpool.posterior.verdict import check
from hierpool.runtime.jax_settings import platform, scope
from hierpool.runtime.warn import warn

log = logging.getLogger(__name__)

NUM_PRIOR_DRAWS = 1000
LEAST_NUMBERS = 1000
"""An accelerator is used for NUTS from this many numbers on that a processor core would explore:
chains times numbers of a position, divided by the cores that they can use."""
MANY_GROUPS = 2000
"""With more groups than this, a model that keeps theta in its position is slow."""


class SlowModelWarning(UserWarning):
    """Another model has the same posterior, and is much faster.

    ``fit`` warns of it, before it runs, if a model explores theta and there are over 2000 groups.

    Examples:
        >>> import warnings
        >>> import hierpool as hp
        >>> frame = {"successes": [1] * 3000, "trials": [4] * 3000}
        >>> with warnings.catch_warnings(action="error", category=hp.SlowModelWarning):
        ...     hp.fit(frame, "successes", "trials", model="partial")
        Traceback (most recent call last):
        hierpool.inference.fit.SlowModelWarning: PartialPooling explores a number for each ...
    """


@overload
def fit(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    by: None = None,
    model: Model | str | None = None,
    inference: NUTS | Quadrature | str | None = None,
    seed: int = 0,
    new_groups: Any = None,
    aggregate: bool = False,
    hyperparameters_only: bool = False,
    progress: Watch = None,
) -> xr.DataTree: ...


@overload
def fit(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    by: Hashable | Sequence[Hashable],
    model: Model | str | None = None,
    inference: NUTS | Quadrature | str | None = None,
    seed: int = 0,
    new_groups: None = None,
    aggregate: bool = False,
    hyperparameters_only: bool = False,
    progress: Watch = None,
) -> dict[Any, xr.DataTree]: ...


def fit(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    by: Hashable | Sequence[Hashable] | None = None,
    model: Model | str | None = None,
    inference: NUTS | Quadrature | str | None = None,
    seed: int = 0,
    new_groups: Any = None,
    aggregate: bool = False,
    hyperparameters_only: bool = False,
    progress: Watch = None,
) -> xr.DataTree | dict[Any, xr.DataTree]:
    """Returns the posterior of every group's chance of success, as an ArviZ tree.

    It runs in float64 in a scope of its own: no setting of JAX is changed. On a machine with an
    accelerator, NUTS runs there if every core would explore at least 1000 numbers (chains times
    numbers of a position, divided by the cores that the chains can use), and else on the processor,
    which is then faster. ``NUTS(chain_method=...)``, JAX's default device and ``JAX_PLATFORMS`` are
    obeyed. The tree's attribute ``platform`` says where it ran.

    Ctrl-C after the warm-up of NUTS returns the draws that every chain has so far, with a warning;
    a second one, or one during warm-up, raises ``KeyboardInterrupt``.

    Args:
        frame: a data frame of pandas, or of any library that narwhals reads, lazy or not (polars,
            pyarrow, modin, DuckDB); a mapping of column names to arrays or Series (which are joined
            by their labels); an ``xarray.Dataset``; the path of a CSV, TSV or Parquet file, which
            may be compressed (``.csv.gz``); or the name of a table that ships with hierpool.
        successes: column of successes. This and the other columns may be levels of the index.
        trials: column of trials; 0 trials with 0 successes is a group not yet seen. Or a whole
            number, which is the number of trials of every row (a column of that name comes first).
            Without trials and failures each row is one trial, its success is 0, 1, True or False,
            and the rows of a group are added up.
        failures: column of failures, in place of trials.
        group: column of the groups' names; by default the frame's index. Numbers and times keep
            their type in the tree, in its file and in every answer, so that these can be joined to
            the frame; all names must have one type. Row numbers, and numbers in a file, become text
            if a new group has a text name. A list of columns, as ``["region", "store"]``, makes
            names as "north, 7"; the columns are coordinates too, and columns of ``summarize``.
        by: column or columns that identify data sets, each of which is fitted alone. The seed of a
            data set is derived from ``seed`` and its name alone, and is ``attrs["seed"]`` of its
            tree: its fit does not depend on the other data sets.
        model: a model, or its word on the command line: "partial" (``PartialPooling()``, the
            default), "collapsed", "gamma", "spread", "complete", "none", "logit" or
            "collapsed-logit".
        inference: ``NUTS()`` by default, 4 chains of 1000 draws after 1000 steps of warm-up.
            ``Quadrature()`` draws exactly and independently from a model with theta integrated
            out; if it does not converge, it is repeated with twice the nodes, up to four times.
            The words "nuts" and "quadrature" stand for these two.
        seed: whole number; the same seed on the same machine gives the same draws.
        new_groups: successes and trials of further groups by name, fitted with the rest:
            ``{"rookie": (0, 4)}``; or a table of them with the same columns. Not with ``by``.
        aggregate: whether to add up rows of the same group, instead of refusing them.
        hyperparameters_only: whether to keep only the population's parameters and the data: no
            theta, no replicates, no log likelihood. The memory then does not grow with groups times
            draws (except in a model that has theta in its position, which is explored anyway).
        progress: True shows a bar for each chain, on a terminal or in a notebook: its draws, time
            left, step size and divergences. A function is called from time to time with the steps
            done, the total of steps, and the number of divergent draws so far. ``Quadrature``,
            which takes milliseconds, ignores it.

    Returns:
        An ``xarray.DataTree`` in the layout of ArviZ. theta, y and n have the dimension ``groups``,
        with the groups' names as coordinate. With ``by`` it is a dictionary of such trees by the
        names of the data sets, which ArviZ's plots take. The children of a tree are:

        - ``posterior``: ``theta`` (chain, draw, groups), each group's chance of success, and the
          parameters of the population (chain, draw), as ``phi``, ``kappa_log`` and ``kappa``.
        - ``sample_stats``: statistics of NUTS (chain, draw), as ``diverging``. Absent if the draws
          are exact and independent.
        - ``posterior_predictive``: ``y`` (chain, draw, groups), replicated successes in n trials.
        - ``log_likelihood``: ``y`` (chain, draw, groups with trials), log probability of a group's
          successes given the population. theta is integrated out, so that ``az.loo`` and
          ``az.compare`` leave one group out. Under ``NoPooling`` it is the same in every draw,
          which they refuse: call ``compare_fits``, which has that score in closed form.
        - ``prior`` and ``prior_predictive``: the same parameters and ``y`` in 1000 draws of the
          prior. Absent if the model can't draw from its prior.
        - ``observed_data`` and ``constant_data``: successes ``y`` and trials ``n`` (groups,).

        Its attributes record how to repeat the fit: model, algorithm, seed and versions. A fit by
        ``Quadrature`` also has ``log_evidence`` (log probability of the data under the model,
        binomial coefficients included), ``quadrature_error`` (estimated error of the log evidence,
        and of means and sds in units of the sd), ``quadrature_converged`` (1 or 0) and
        ``quadrature_num_nodes``. A partial fit has ``draws_done`` and ``draws_planned``, a chain.

    Raises:
        InputError: the data or a setting break a rule, the model does not suit the algorithm, or
            the result would not fit in memory (it is a ``ValueError``).
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.
        KeyboardInterrupt: the user stopped the fit before every chain had 4 draws.

    Warns:
        PartialFitWarning: the user stopped the fit, which has fewer draws than were asked for.
        ConvergenceWarning: the draws should not be trusted; the message says what to change.
        PopulationWarning: the population contradicts its groups; the message says what to change.
        SlowModelWarning: there are many groups, and a faster model has the same posterior.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> quadrature = hp.Quadrature()
        >>> tree = hp.fit(
        ...     frame, "hits", "at_bats", group="player", model="collapsed", inference=quadrature
        ... )
        >>> print(tree.posterior["theta"].sel(groups="Roberto Clemente").values.mean().round(2))
        0.32
    """
    model = check_model(PartialPooling() if model is None else model)
    inference = check_inference(NUTS() if inference is None else inference)
    seed = check_seed(seed)
    follow = followed(progress)
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        failures=failures,
        group=group,
        by=() if by is None else by,
        new_groups=new_groups,
        aggregate=aggregate,
        one_kind=True,
    )
    run = partial(
        _fit,
        model=model,
        inference=inference,
        hyperparameters_only=hyperparameters_only,
        follow=follow,
    )
    if table.data_sets is None:
        return run(table, seed)
    num_draws = inference.num_chains * inference.num_draws
    num_groups, has_theta = len(table.labels), not hyperparameters_only
    needed = memory.needed(num_groups, num_draws, NUM_PRIOR_DRAWS, 0, with_theta=has_theta)
    memory.require(needed, num_groups, num_draws)
    return fit_each(table, seed, run)


def _fit(
    table: Table,
    seed: int,
    data_set: str | None = None,
    *,
    model: Model,
    inference: NUTS | Quadrature,
    hyperparameters_only: bool,
    follow: Progress | Display | None,
) -> xr.DataTree:
    """Returns the fit of a table; warnings and attributes name the data set, if it has a name."""
    num_groups = len(table.labels)
    shape: tuple[int, ...] = (inference.num_chains, inference.num_draws)
    num_draws = shape[0] * shape[1]
    theta_seed, *tree_seeds = np.random.SeedSequence(seed).spawn(3)
    with scope():
        pairs = distinct(table.successes, table.trials)
        data = compressed(model, table.counts, pairs)
        position = position_of(model, data)
        plain_position = position_of(model, table.counts)
        check_dims(model, plain_position, table.counts)
        if isinstance(inference, Quadrature):
            require_two_numbers(model, plain_position)
        memory.require(
            memory.needed(
                num_groups,
                num_draws,
                NUM_PRIOR_DRAWS,
                sum(leaf.size for leaf in jax.tree.leaves(position)),
                with_theta=not hyperparameters_only,
            ),
            num_groups,
            num_draws,
        )
        _advise(model, num_groups)
        run_key, theta_key = _keys(seed)

    with scope(is_large=suits_accelerator(inference, position)):
        explored = explore(run_key, model, data, pairs, inference, follow)
        where = platform()
    with scope():
        if explored.stats is not None:
            shape = explored.stats.lp.shape
            num_draws = shape[0] * shape[1]
        log.info("drawing theta and replicates")
        # Chains and draws are flattened into one dimension: each draw is now used by itself.
        positions = {
            name: leaf.reshape(num_draws, *leaf.shape[2:])
            for name, leaf in explored.positions.items()
        }
        draws = thetas.hyperparameters(theta_key, model, table.counts, positions, num_draws)
        if hyperparameters_only and not draws:
            raise InputError(
                f"{type(model).__name__} has no hyperparameters: fit it without "
                "hyperparameters_only (--hyperparameters-only)."
            )
        log_likelihood = None
        if not hyperparameters_only:
            draws["theta"] = thetas.theta(
                theta_key, theta_seed, model, table.counts, positions, num_draws
            )
            log_likelihood = thetas.log_likelihood(model, table.counts, pairs, draws, num_draws)
            log_likelihood = log_likelihood.reshape(*shape, num_groups)
    rng = np.random.default_rng(seed)
    num_thetas = 1 if hyperparameters_only else num_groups
    prior = None
    if isinstance(model, DrawsPrior):
        # A user's own population may be unable to draw from its prior.
        with suppress(NotImplementedError):
            prior = model.draw_prior(rng, NUM_PRIOR_DRAWS, num_thetas)
    if prior is not None and hyperparameters_only:
        del prior["theta"]
    tree = to_datatree(
        table,
        posterior={name: leaf.reshape(*shape, *leaf.shape[1:]) for name, leaf in draws.items()},
        prior=prior,
        log_likelihood=log_likelihood,
        stats=explored.stats,
        seeds=tree_seeds,
        attributes={
            "hierpool_model": settings(model),
            "hierpool_inference": settings(inference),
            "seed": seed,
            "platform": where,
            "precision": "float64",
            "new_groups": json.dumps(as_json(table.new_groups)),
            **({} if data_set is None else {"data_set": data_set}),
            **explored.attributes,
            **marks(shape[1], inference.num_draws),
        },
        dims=dims(model),
    )
    marked = mark(tree.attrs)
    if marked:
        warn(marked, PartialFitWarning)
    log.info("checking convergence")
    problems = check(tree).problems
    # Kept, so that answers can repeat the problems without computing the diagnostics again.
    tree.attrs["hierpool_problems"] = json.dumps(problems)
    if problems:
        of_which = [] if data_set is None else [f"Data set {data_set!r}:"]
        warn(" ".join([*of_which, *problems]), ConvergenceWarning)
    of = "" if data_set is None else f" of {data_set!r}"
    warn_of_contradiction(table.successes, table.trials, draws, of=of)
    return tree


def suits_accelerator(inference: NUTS | Quadrature, position: Position) -> bool:
    """Returns whether an algorithm is faster on an accelerator, or was told how to run."""
    if isinstance(inference, Quadrature):
        return False
    numbers = inference.num_chains * sum(leaf.size for leaf in jax.tree.leaves(position))
    cores = min(inference.num_chains, os.cpu_count() or 1)
    return inference.chain_method is not None or numbers >= LEAST_NUMBERS * cores


def _advise(model: Model, num_groups: int) -> None:
    """Warns if a model explores the theta of every group and there are many groups."""
    faster = type(model.collapsed() if isinstance(model, Collapsible) else model)
    if num_groups > MANY_GROUPS and faster is not type(model):
        warn(
            f"{type(model).__name__} explores a number for each of {num_groups:,} groups: "
            f"{faster.__name__} has the same posterior, explores two, and is much faster.",
            SlowModelWarning,
        )


# One compiled program for all keys: each small program costs 0.05 s at a cold start.
@jax.jit
def _keys(seed: int) -> tuple[jax.Array, jax.Array]:
    run_key, theta_key = jax.random.split(jax.random.key(seed))
    return run_key, theta_key
