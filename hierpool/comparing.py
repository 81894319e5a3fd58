"""Which model foretells a group best? Exact leave-one-group-out scores and the evidence.

Source: Vehtari, Gelman and Gabry (2017), "Practical Bayesian Model Evaluation Using Leave-One-Out
Cross-Validation and WAIC", for the score, its standard error, and Pareto k.
"""

import os
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from hierpool.arguments import check_model, check_quadrature
from hierpool.convergence import ConvergenceWarning, missed
from hierpool.fitted import Fitted, read_fit
from hierpool.inference_data import GROUPS
from hierpool.leave_one_out import collapsed, leave_one_out
from hierpool.logit_normal import CollapsedLogitPartialPooling
from hierpool.models import CollapsedPartialPooling, CompletePooling, Model, NoPooling
from hierpool.quadrature import Quadrature
from hierpool.table import InputError, read_table
from hierpool.tally import Distinct, distinct


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
    *,
    successes: str,
    trials: str,
    group: str | None = None,
    models: Mapping[str, Model] | None = None,
    inference: Quadrature | None = None,
    new_groups: Mapping[str, tuple[int, int]] | None = None,
    aggregate: bool = False,
) -> Comparison:
    """Returns models of a table compared by how well they foretell each group from the others.

    Nothing is drawn. ``PartialPooling`` and ``LogitPartialPooling`` have the posterior of their
    collapsed twins, and so the same score. The evidence answers another question than elpd: how
    probable the whole table was before any of it was seen, so it depends on the hyperpriors, and
    punishes wide ones. Groups without trials foretell nothing, and are left out.

    Args:
        frame: a data frame, a mapping of column names to arrays, or the path of a CSV or TSV file.
        successes: column of successes.
        trials: column of trials.
        group: column of the groups' names; by default the frame's index.
        models: by name; by default ``complete``, ``none``, ``beta`` (CollapsedPartialPooling) and
            ``logit`` (CollapsedLogitPartialPooling).
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
    if models is None:
        models = {
            "complete": CompletePooling(),
            "none": NoPooling(),
            "beta": CollapsedPartialPooling(),
            "logit": CollapsedLogitPartialPooling(),
        }
    quadrature = _checked(models, inference)
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        group=group,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    tried = table.trials > 0
    names = pd.Index(table.labels[tried].astype(object), dtype=object, name="group")
    pairs = _pairs(table.successes[tried], table.trials[tried])
    return _tables(models, pairs, names, quadrature)


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
    quadrature = _checked({name: fitted.model for name, fitted in read.items()}, inference)
    first, *others = fits
    for name in others:
        if fits[name].attrs["data_sha256"] != fits[first].attrs["data_sha256"]:
            raise InputError(
                f"Fits {first!r} and {name!r} are not of the same data (names, order, successes "
                "and trials): fit both to one table."
            )
    fitted = read[first]
    tried = fitted.trials > 0
    pairs = _pairs(fitted.successes[tried], fitted.trials[tried])
    models = {name: one.model for name, one in read.items()}
    compared = _tables(models, pairs, fitted.names[tried], quadrature)
    smoothed = {name: _pareto(fits[name], read[name], tried, pairs) for name in fits}
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


def _checked(models: Mapping[str, Any], inference: Quadrature | None) -> Quadrature:
    if not isinstance(models, Mapping):
        raise TypeError(f"models must map names to models, and are {type(models).__name__}.")
    if not models:
        raise InputError("There is nothing to compare: give one model at least.")
    quadrature = Quadrature() if inference is None else inference
    check_quadrature(quadrature, "compare")
    for model in models.values():
        check_model(collapsed(model))
    return quadrature


def _pairs(successes: np.ndarray, trials: np.ndarray) -> Distinct:
    if not len(trials):
        raise InputError("No group has trials: there is nothing to foretell.")
    return distinct(successes, trials)


def _tables(
    models: Mapping[str, Model], pairs: Distinct, names: pd.Index, quadrature: Quadrature
) -> Comparison:
    # Side by side: nearly all of a first call is compiling, which takes one processor each.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = workers.map(lambda model: leave_one_out(model, pairs, quadrature), models.values())
        scores = dict(zip(models, found, strict=True))
    for name, of_model in scores.items():
        if not of_model.converged:
            sentence = missed(f" of {name!r}", of_model.error)
            warnings.warn(sentence, ConvergenceWarning, stacklevel=3)
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
    """Returns the standard errors of column sums over groups, as ArviZ has them."""
    return np.sqrt(len(pointwise) * pointwise.var(ddof=0))


def _pareto(
    tree: xr.DataTree, fitted: Fitted, tried: np.ndarray, pairs: Distinct
) -> tuple[float, np.ndarray]:
    """Returns the elpd that the draws tell by smoothed importance sampling, and (group,) Pareto k.

    Both are those of ``az.loo``; groups of the same successes and trials share them.
    """
    # Statistics alone: arviz itself would bring its plots along.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if "log_likelihood" not in tree.children:
        return np.nan, np.full(len(pairs.inverse), np.nan)
    _, places = np.unique(pairs.inverse, return_index=True)
    each = tree["log_likelihood"]["y"].transpose("chain", "draw", GROUPS)
    each = each.sel({GROUPS: fitted.labels[tried][places].astype(str)}).values
    each = each.reshape(len(fitted.theta), -1)
    k, elpd = np.full(each.shape[1], np.nan), each.mean(axis=0)
    # What is the same in every draw needs no weights, and ArviZ refuses it.
    varies = np.ptp(each, axis=0) > 1e-12
    if varies.any():
        log_weights, k[varies] = array_stats.psislw(
            each[:, varies], r_eff=_relative_efficiency(tree), axis=0
        )
        elpd[varies] = logsumexp(log_weights + each[:, varies].T, axis=1)
    return float(pairs.groups @ elpd), k[pairs.inverse]


def _relative_efficiency(tree: xr.DataTree) -> float:
    """Returns effective draws a draw, over all parameters, as ``az.loo`` takes it by default."""
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
