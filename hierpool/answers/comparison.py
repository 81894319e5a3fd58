"""Compares models by exact leave-one-group-out log predictive density (elpd) and by evidence.

Source: Vehtari, Gelman and Gabry (2017), "Practical Bayesian Model Evaluation Using Leave-One-Out
Cross-Validation and WAIC", for the score, its standard error, and Pareto k.
"""

import logging
import os
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from hierpool.exact.leave_one_out import collapsed, leave_one_out
from hierpool.exact.quadrature import Quadrature
from hierpool.inference.settings import check_quadrature
from hierpool.input.labels import index_of
from hierpool.input.new_groups import NewGroups
from hierpool.input.table import InputError, read_table
from hierpool.likelihood.compress import Distinct, distinct
from hierpool.models.catalogue import COMPARED, check_model
from hierpool.models.protocol import Model
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.values import by_group, data_hash, with_log_likelihood
from hierpool.posterior.verdict import ConvergenceWarning, missed
from hierpool.runtime.warn import warn

log = logging.getLogger(__name__)


class Comparison(NamedTuple):
    """Models of the same data, in tables."""

    models: pd.DataFrame
    """A row a model, the best ``elpd`` first. ``elpd``: the sum over groups of the log probability
    of a group's successes given all other groups, exactly; ``elpd_se``, its standard error over
    groups; ``difference`` from the best and ``difference_se``; ``log_evidence``;
    ``log_bayes_factor`` against the model of the largest evidence; ``weight``, the posterior
    probability of the model if all are equally probable a priori; ``error``, the estimated error of
    the integration, 0 in closed form. Of fits also ``psis_elpd``, what ``az.loo`` estimates from
    the draws, the largest ``pareto_k``, and for how many groups it is ``unreliable``."""
    pointwise: pd.DataFrame
    """A row a group, a column a model: its part of ``elpd``."""
    pareto_k: pd.DataFrame
    """A row a group, a column a fit: Pareto k of the draws. Above ``1 - 1 / log10(draws)``, and
    above 0.7 at most, what ``az.loo`` says of the group is unreliable (what stands here is exact).
    NaN where nothing depends on draws. No columns if no fits were given."""


def compare(
    frame: Any,
    successes: Hashable,
    trials: Hashable,
    *,
    group: Hashable | None = None,
    models: Mapping[str, Model | str] | Sequence[str] | None = None,
    inference: Quadrature | None = None,
    new_groups: NewGroups | None = None,
    aggregate: bool = False,
) -> Comparison:
    """Returns models of a table compared by how well they foretell each group from the others.

    Nothing is drawn. ``PartialPooling`` and ``LogitPartialPooling`` have the posterior of their
    collapsed twins, and so the same score. The evidence answers another question than elpd: how
    probable the whole table was before any of it was seen, so it depends on the hyperpriors, and
    punishes wide ones. Groups without trials foretell nothing, and are left out.

    Args:
        frame: as ``fit`` takes it.
        successes: column of successes.
        trials: column of trials.
        group: column of the groups' names; by default the frame's index.
        models: by name, or a list of the command's words for them; by default ``complete``,
            ``none``, ``beta`` (CollapsedPartialPooling) and ``logit``.
        inference: settings of the quadrature.
        new_groups: successes and trials by name, observed with the rest.
        aggregate: add up rows of the same group, instead of refusing them.

    Raises:
        InputError: the data, a model or a setting break a rule (it is a ``ValueError``).
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Warns:
        ConvergenceWarning: the integration of a model missed its tolerance.
    """
    by_name = _by_name(COMPARED if models is None else models)
    quadrature = check_quadrature(inference, "compare")
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        group=group,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    tried = table.trials > 0
    names = index_of(table.labels[tried])
    pairs = _pairs(table.successes[tried], table.trials[tried])
    return _tables(by_name, pairs, names, quadrature)


def compare_fits(
    fits: Mapping[str, xr.DataTree], *, inference: Quadrature | None = None
) -> Comparison:
    """Returns fits of the same data compared, as ``compare`` does, with Pareto k beside.

    Scores are exact, from the models that were fitted: draws enter the columns ``psis_elpd``,
    ``pareto_k`` and ``unreliable`` alone, which tell where ``az.loo`` and ``az.compare`` of the
    same trees may be believed. NaN for a fit that holds the hyperparameters only. A fit without
    pooling, whose log likelihood is the same in every draw, is refused by those: ask for its score
    here.

    Args:
        fits: what ``fit`` returned, or ``load`` read, by name.
        inference: settings of the quadrature.

    Raises:
        InputError: the fits are not of the same data, or of a model that is not hierpool's.
        TypeError: one of them is no tree.

    Warns:
        ConvergenceWarning: the integration of a model missed its tolerance.
    """
    if not isinstance(fits, Mapping):
        raise TypeError(f"fits must map names to trees, and are {type(fits).__name__}.")
    read = {name: read_fit(tree, needs_theta=False) for name, tree in fits.items()}
    models = _by_name({name: fitted.model for name, fitted in read.items()})
    quadrature = check_quadrature(inference, "compare_fits")
    first, *others = fits
    hashes = {name: data_hash(one.labels, one.successes, one.trials) for name, one in read.items()}
    for name in others:
        if hashes[name] != hashes[first]:
            raise InputError(
                f"Fits {first!r} and {name!r} are not of the same data (names, successes and "
                "trials): fit both to one table."
            )
    fitted = read[first]
    tried = fitted.trials > 0
    pairs = _pairs(fitted.successes[tried], fitted.trials[tried])
    compared = _tables(models, pairs, fitted.names[tried], quadrature)
    smoothed = {name: _pareto(tree, fitted, tried, pairs) for name, tree in fits.items()}
    pareto_k = pd.DataFrame(
        {name: k for name, (_, k) in smoothed.items()}, index=fitted.names[tried]
    )
    table = compared.models
    largest = {name: min(1 - 1 / np.log10(len(one.theta)), 0.7) for name, one in read.items()}
    table = table.assign(
        psis_elpd=[smoothed[name][0] for name in table.index],
        pareto_k=[pareto_k[name].max() for name in table.index],
        unreliable=[int((pareto_k[name] > largest[name]).sum()) for name in table.index],
    )
    return Comparison(table, compared.pointwise, pareto_k[list(table.index)])


def _by_name(models: Any) -> dict[str, Model]:
    """Returns checked models by name; a model given as a word is named by that word."""
    if isinstance(models, list | tuple) and all(isinstance(word, str) for word in models):
        for word in models:
            if models.count(word) > 1:
                raise InputError(f"Model {word!r} is named twice: give each once.")
        models = {word: word for word in models}
    if not isinstance(models, Mapping):
        raise TypeError(
            'models must be a list of words, as ["none", "collapsed"], or map names to '
            f"models, and are {type(models).__name__}."
        )
    if not models:
        raise InputError("There is nothing to compare: give one model at least.")
    checked = {name: check_model(model) for name, model in models.items()}
    for model in checked.values():
        collapsed(model)
    return checked


def _pairs(successes: np.ndarray, trials: np.ndarray) -> Distinct:
    if not len(trials):
        raise InputError("No group has trials: there is nothing to foretell.")
    return distinct(successes, trials)


def _tables(
    models: Mapping[str, Model], pairs: Distinct, names: pd.Index, quadrature: Quadrature
) -> Comparison:
    log.info("integrating %s", ", ".join(models))
    # In threads: a first call spends nearly all its time compiling, which uses one core a model.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = workers.map(lambda model: leave_one_out(model, pairs, quadrature), models.values())
        scores = dict(zip(models, found, strict=True))
    for name, of_model in scores.items():
        if not of_model.converged:
            sentence = missed(f" of {name!r}", of_model.error)
            warn(sentence, ConvergenceWarning)
    best_first = sorted(scores, key=lambda name: -float(pairs.groups @ scores[name].elpd))
    pointwise = pd.DataFrame(
        {name: scores[name].elpd[pairs.inverse] for name in best_first}, index=names
    )
    best = pointwise.iloc[:, 0]
    log_evidence = np.array([scores[name].log_evidence for name in best_first])
    table = pd.DataFrame(
        {
            "elpd": pointwise.sum(),
            "elpd_se": _standard_error(pointwise),
            "difference": pointwise.sub(best, axis=0).sum(),
            "difference_se": _standard_error(pointwise.sub(best, axis=0)),
            "log_evidence": log_evidence,
            "log_bayes_factor": log_evidence - log_evidence.max(),
            "weight": np.exp(log_evidence - logsumexp(log_evidence)),
            "error": [scores[name].error for name in best_first],
        },
        index=pd.Index(best_first, dtype=object, name="model"),
    )
    return Comparison(table, pointwise, pd.DataFrame(index=names))


def _standard_error(pointwise: pd.DataFrame) -> pd.Series:
    """Returns the standard errors of column sums over groups, as ArviZ computes them."""
    return np.sqrt(len(pointwise) * pointwise.var(ddof=0))


def _pareto(
    tree: xr.DataTree, fitted: Fitted, tried: np.ndarray, pairs: Distinct
) -> tuple[float, np.ndarray]:
    """Returns the elpd estimated by Pareto-smoothed importance sampling, and (group,) Pareto k.

    Both equal those of ``az.loo``. Groups with the same successes and trials share them.
    """
    # Only the statistics: importing arviz itself would also load its plotting.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if "log_likelihood" not in tree.children:
        return np.nan, np.full(len(pairs.inverse), np.nan)
    _, places = np.unique(pairs.inverse, return_index=True)
    # The pairs were found in the order of the first fit, so this fit is read in that order.
    scored = with_log_likelihood(tree, fitted.labels, fitted.trials)
    each = by_group(tree, "log_likelihood", "y", scored)
    if each.shape[-1] == len(fitted.labels):
        each = each[..., tried]
    each = each[..., places].reshape(-1, len(places))
    k, elpd = np.full(each.shape[1], np.nan), each.mean(axis=0)
    # A log likelihood that is the same in every draw needs no weights, and ArviZ rejects it.
    varies = np.ptp(each, axis=0) > 1e-12
    if varies.any():
        log_weights, k[varies] = array_stats.psislw(
            each[:, varies], r_eff=_relative_efficiency(tree), axis=0
        )
        elpd[varies] = logsumexp(log_weights + each[:, varies].T, axis=1)
    return float(pairs.groups @ elpd), k[pairs.inverse]


def _relative_efficiency(tree: xr.DataTree) -> float:
    """Returns effective draws per draw, averaged over all parameters: the default of ``az.loo``."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    posterior = tree["posterior"].dataset
    if posterior.sizes["chain"] == 1:
        return 1.0
    shares = [
        np.ravel(
            array_stats.ess(
                variable.transpose("chain", "draw", ...).values,
                chain_axis=0,
                draw_axis=1,
                method="mean",
                relative=True,
            )
        )
        for variable in posterior.data_vars.values()
    ]
    return float(np.concatenate(shares).mean())
