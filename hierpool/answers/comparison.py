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
from hierpool.input.table import InputError, read_table
from hierpool.likelihood.compress import Distinct, distinct
from hierpool.models.catalogue import COMPARED, check_model
from hierpool.models.protocol import Model
from hierpool.posterior.convergence import ConvergenceWarning, missed
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.sentences import name_of
from hierpool.posterior.values import by_group, data_hash, with_log_likelihood
from hierpool.runtime.answer import printed
from hierpool.runtime.tables import Table
from hierpool.runtime.warn import warn

CLEAR = 2.0
"""Number of standard errors beyond which a difference of elpd is called one."""

log = logging.getLogger(__name__)


@printed
class Comparison(NamedTuple):
    """Comparison of models of the same data: what ``compare`` and ``compare_fits`` return."""

    models: pd.DataFrame
    """One row per model (index ``model``, its name), the largest ``elpd`` first. Columns:

    - ``elpd``: expected log predictive density: the sum over groups of the log probability of a
      group's successes given all other groups. It is exact, not estimated from draws.
    - ``elpd_se``: standard error of ``elpd`` over groups.
    - ``difference``: ``elpd`` minus that of the best model, 0 or below.
    - ``difference_se``: standard error of ``difference`` over groups.
    - ``log_evidence``: log probability of the data under the model, binomial coefficients included.
    - ``log_bayes_factor``: log evidence minus the largest log evidence, 0 or below.
    - ``weight``: posterior probability of the model, if all are equally probable a priori.
    - ``error``: estimated error of the log evidence; 0 where it has a closed form.

    ``compare_fits`` adds:

    - ``psis_elpd``: ``elpd`` as ``az.loo`` estimates it from the draws.
    - ``pareto_k``: the largest Pareto k over groups.
    - ``unreliable``: number of groups whose Pareto k is too large for ``az.loo`` to be reliable."""
    pointwise: pd.DataFrame
    """One row per group with trials, one column per model: the contribution of the group to
    ``elpd``."""
    pareto_k: pd.DataFrame
    """One row per group with trials, one column per fit: Pareto k of the importance weights that
    leave the group out. Above min(1 - 1 / log10(draws), 0.7) the estimate of ``az.loo`` for the
    group is unreliable (the scores here are exact all the same). NaN where the log likelihood is
    the same in every draw. ``compare`` returns no columns."""

    @property
    def sentence(self) -> str:
        """The answer: which model predicts best, and which the evidence prefers."""
        return " ".join(filter(None, [_by_elpd(self.models), _by_evidence(self.models)]))

    def tables(self) -> list[Table]:
        """Returns the table of the models as it is printed."""
        title = "Models, by leave-one-group-out elpd (weight: by evidence)"
        keep = ("elpd", "difference", "difference_se", "weight", "log_evidence")
        return [Table("models", title, self.models, keep)]


def compare(
    frame: Any,
    successes: Hashable,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    models: Mapping[str, Model | str] | Sequence[str] | None = None,
    inference: Quadrature | None = None,
    new_groups: Any = None,
    aggregate: bool = False,
) -> Comparison:
    """Compares models of a table by exact leave-one-group-out predictive density and by evidence.

    Nothing is drawn at random. ``PartialPooling`` and ``LogitPartialPooling`` have the same
    posterior as their collapsed forms, and so the same scores. ``elpd`` measures how well a model
    predicts each group from the others. The evidence answers another question: how probable the
    whole table is under the prior. It therefore depends on the hyperpriors, and penalises wide
    ones. Groups without trials are left out.

    Args:
        frame: a table, as ``fit`` takes it.
        successes: column of successes.
        trials: column of trials, one number for all, or None, as in ``fit``.
        failures: column of failures, in place of trials.
        group: column of the groups' names, or a list of columns; by default the frame's index.
        models: models by name, or a list of the words that the command line has for them; by
            default "complete", "none", "partial" and "logit".
        inference: settings of the quadrature. An integration that does not converge is repeated
            with twice the nodes, at most four times.
        new_groups: further groups, {name: (successes, trials)} or a table with the same columns,
            added to those of the table.
        aggregate: add up rows of the same group, instead of rejecting them.

    Returns:
        A ``Comparison``:

        - ``models``: one row per model, the best first: ``elpd``, its ``difference`` from the best,
          their standard errors ``elpd_se`` and ``difference_se``, ``log_evidence``,
          ``log_bayes_factor`` against the largest evidence, ``weight`` (posterior probability if
          all models are equally probable a priori), and the ``error`` of the integration.
        - ``pointwise``: one row per group, one column per model: the contribution to ``elpd``.
        - ``pareto_k``: a table without columns.

    Raises:
        InputError: the data, a model or a setting breaks a rule, or no group has trials (it is a
            ``ValueError``).
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Warns:
        ConvergenceWarning: the integration of a model missed its tolerance.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> comparison = hp.compare(frame, **columns, models=["complete", "none"])
        >>> print(comparison.models[["elpd", "difference", "log_evidence"]].round(2))
                   elpd  difference  log_evidence
        model
        complete -46.43        0.00        -48.61
        none     -68.92      -22.48        -68.92
    """
    by_name = _by_name(COMPARED if models is None else models)
    quadrature = check_quadrature(inference, "compare")
    table = read_table(
        frame,
        successes=successes,
        trials=trials,
        failures=failures,
        group=group,
        new_groups=new_groups,
        aggregate=aggregate,
    )
    has_trials = table.trials > 0
    names = index_of(table.labels[has_trials])
    pairs = _pairs(table.successes[has_trials], table.trials[has_trials])
    return _tables(by_name, pairs, names, quadrature)


def compare_fits(
    fits: Mapping[str, xr.DataTree], *, inference: Quadrature | None = None
) -> Comparison:
    """Compares fits of the same data as ``compare`` does, and says where ``az.loo`` is reliable.

    The scores are exact, computed from the fitted models. The draws are used only for the columns
    ``psis_elpd``, ``pareto_k`` and ``unreliable``, which show where ``az.loo`` and ``az.compare``
    of the same trees can be trusted. For a fit that holds the hyperparameters only, ``psis_elpd``
    and ``pareto_k`` are NaN. ArviZ rejects a fit without pooling, whose log likelihood is the same
    in every draw; its exact score is here.

    Args:
        fits: fits by name: trees that ``fit`` returned or ``load`` read, of the same data.
        inference: settings of the quadrature. An integration that does not converge is repeated
            with twice the nodes, at most four times.

    Returns:
        A ``Comparison``, as ``compare`` returns it, with the names of the fits. ``models`` also has
        ``psis_elpd`` (``elpd`` as ``az.loo`` estimates it), the largest ``pareto_k``, and
        ``unreliable``, the number of groups where it is too large. ``pareto_k`` has one row per
        group and one column per fit.

    Raises:
        InputError: the fits are not of the same data, no group has trials, there is no fit, or a
            fit is of a model without a score.
        TypeError: ``fits`` is not a mapping, or one of its values is not a tree.

    Warns:
        ConvergenceWarning: a fit did not converge, or the integration of a model missed its
            tolerance.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> fits = {
        ...     model: hp.fit(frame, **columns, model=model, inference=hp.Quadrature())
        ...     for model in ("complete", "none")
        ... }
        >>> print(hp.compare_fits(fits).models[["elpd", "psis_elpd", "unreliable"]].round(1))
                  elpd  psis_elpd  unreliable
        model
        complete -46.4      -46.4           0
        none     -68.9      -68.9           0
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
    has_trials = fitted.trials > 0
    pairs = _pairs(fitted.successes[has_trials], fitted.trials[has_trials])
    compared = _tables(models, pairs, fitted.names[has_trials], quadrature)
    smoothed = {name: _pareto(tree, fitted, has_trials, pairs) for name, tree in fits.items()}
    pareto_k = pd.DataFrame(
        {name: k for name, (_, k) in smoothed.items()}, index=fitted.names[has_trials]
    )
    table = compared.models
    largest = {name: min(1 - 1 / np.log10(len(one.theta)), 0.7) for name, one in read.items()}
    table = table.assign(
        psis_elpd=[smoothed[name][0] for name in table.index],
        pareto_k=[pareto_k[name].max() for name in table.index],
        unreliable=[int((pareto_k[name] > largest[name]).sum()) for name in table.index],
    )
    return Comparison(table, compared.pointwise, pareto_k[list(table.index)])


def _by_elpd(models: pd.DataFrame) -> str:
    best, *others = (name_of(name) for name in models.index)
    if not others:
        return f"{best} alone: elpd {models['elpd'].iloc[0]:.2f}."
    gap, error = (abs(float(models[of].iloc[1])) for of in ("difference", "difference_se"))
    if gap == 0:
        return f"{best} and {others[0]} predict groups equally well."
    unclear = "" if gap > CLEAR * error else ", too little to tell them apart"
    return (
        f"{best} predicts a group from the others best: its elpd is {gap:.2g} (standard error "
        f"{error:.2g}) above that of {others[0]}{unclear}."
    )


def _by_evidence(models: pd.DataFrame) -> str:
    """Returns what the weights prefer, and if they order the models otherwise than elpd, why."""
    if len(models) == 1:
        return ""
    weights = models["weight"]
    start = "The evidence, by which the weights are,"
    preferred = f"prefers {name_of(weights.idxmax())}"
    weight = f"(weight {weights.max():.2f})"
    if weights.is_monotonic_decreasing:
        return f"{start} {preferred} too {weight}."
    if weights.iloc[0] == weights.max():
        behind = int(np.argmax(weights.diff() > 0))
        later, earlier = (name_of(models.index[place]) for place in (behind, behind - 1))
        preferred, weight = f"{preferred} too {weight},", f"but {later} to {earlier}"
    return (
        f"{start} {preferred} {weight}: it asks how probable the whole table is under a model's "
        "prior, and so penalises wide priors, while elpd asks how well a group is predicted once "
        "the others are known."
    )


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
        raise InputError("There is nothing to compare: give at least one model.")
    checked = {name: check_model(model) for name, model in models.items()}
    for model in checked.values():
        collapsed(model)
    return checked


def _pairs(successes: np.ndarray, trials: np.ndarray) -> Distinct:
    if not len(trials):
        raise InputError("No group has trials: there is nothing to predict.")
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
    tree: xr.DataTree, fitted: Fitted, has_trials: np.ndarray, pairs: Distinct
) -> tuple[float, np.ndarray]:
    """Returns the elpd estimated by Pareto-smoothed importance sampling, and (group,) Pareto k.

    Both equal those of ``az.loo``. Groups with the same successes and trials share them.
    """
    # Only the statistics: importing arviz itself would also load its plotting.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if "log_likelihood" not in tree.children:
        return np.nan, np.full(len(pairs.inverse), np.nan)
    _, first_rows = np.unique(pairs.inverse, return_index=True)
    # The pairs were found in the order of the first fit, so this fit is read in that order.
    scored = with_log_likelihood(tree, fitted.labels, fitted.trials)
    each = by_group(tree, "log_likelihood", "y", scored)
    if each.shape[-1] == len(fitted.labels):
        each = each[..., has_trials]
    each = each[..., first_rows].reshape(-1, len(first_rows))
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
