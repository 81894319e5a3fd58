"""Sensitivity to the hyperprior: the exact posterior under a range of hyperpriors."""

import logging
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
import xarray as xr

from hierpool.arrays import quietly
from hierpool.counts import Counts
from hierpool.exact.at_once import is_at_once, seconds_of
from hierpool.exact.posterior import Exact, explore, over_batch, posterior_of
from hierpool.exact.quadrature import Quadrature
from hierpool.exact.refining import INTERVAL_TOLERANCE, refined
from hierpool.inference.empirical_bayes import maximise, plug_in
from hierpool.inference.settings import check_quadrature
from hierpool.input.arguments import check_prob
from hierpool.input.labels import index_of
from hierpool.input.new_groups import as_json
from hierpool.input.table import InputError, read_table
from hierpool.likelihood.compress import compress, distinct, padded_pairs, power_of_two
from hierpool.likelihood.histograms import Data, num_rows
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.beta_population import BetaPopulation, beta_population_of
from hierpool.models.catalogue import check_model
from hierpool.models.protocol import Model
from hierpool.posterior.contradiction import contradiction, warn_of_first
from hierpool.posterior.convergence import ConvergenceWarning, missed
from hierpool.posterior.fitted import read_fit
from hierpool.posterior.sentences import OF_THETA, name_of, shown, titled
from hierpool.runtime.answer import printed
from hierpool.runtime.jax_settings import scope
from hierpool.runtime.order import noted
from hierpool.runtime.programs import COMPILED_SOON, BySize
from hierpool.runtime.tables import Table
from hierpool.runtime.warn import warn

log = logging.getLogger(__name__)

HYPERPRIORS = ["kappa_log_rate", "phi_alpha", "phi_beta"]
EMPIRICAL_BAYES = "empirical Bayes"


@printed
class Sensitivity(NamedTuple):
    """Posteriors under several hyperpriors, in two tables; empirical Bayes comes last in each."""

    population: pd.DataFrame
    """One row per hyperprior (index ``prior``, its name). Columns:

    - ``kappa_log_rate``, ``phi_alpha``, ``phi_beta``: the hyperparameters; NaN for a prior without
      them.
    - ``phi_mean``, ``phi_sd``: posterior mean and standard deviation of phi.
    - ``kappa_median``, ``kappa_lower``, ``kappa_upper``: posterior median of kappa, in trials, and
      the ends of its interval.
    - ``new_group_mean``, ``new_group_lower``, ``new_group_upper``: mean of theta of a new group
      without data, and the ends of its interval.
    - ``log_evidence``: log probability of the data under the prior.
    - ``error``: estimated error of the integration.

    Empirical Bayes takes phi and kappa as known: ``phi_sd`` and ``error`` are 0, the interval of
    kappa is a single value, and the evidence is NaN."""
    groups: pd.DataFrame
    """One row per hyperprior and group (index ``prior``, ``group``): ``mean`` and ``sd``, posterior
    mean and standard deviation of theta, and ``lower`` and ``upper``, the ends of its interval."""

    @property
    def sentence(self) -> str:
        """The answer: how far the priors move the groups and a new group."""
        priors = self.population.drop(EMPIRICAL_BAYES)
        new = priors["new_group_mean"]
        if len(priors) == 1:
            return f"One prior: a new group's mean is {shown(new.iloc[0])[0]}."
        by_prior = self.groups["mean"].to_numpy().reshape(len(priors) + 1, -1)[:-1]
        moves = np.ptp(by_prior, axis=0)
        low, high, most = shown(new.min(), new.max(), moves.max())
        moved = name_of(self.groups.index[int(moves.argmax())][-1])
        return (
            f"Over {len(priors)} priors the mean of a group moves by at most {most} ({moved}), and "
            f"that of a new group lies between {low} and {high}."
        )

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        population = Table(
            "population",
            titled("Population", self.groups),
            self.population,
            keep=("new_group_mean", "phi_mean", "kappa_median", "log_evidence"),
            has_scales=True,
        )
        title = titled("Groups", self.groups)
        return [population, Table("groups", title, self.groups, keep=OF_THETA, within=1)]


def sensitivity(
    data: Any,
    successes: Hashable | None = None,
    trials: Hashable | int | None = None,
    *,
    failures: Hashable | None = None,
    group: Hashable | list[Hashable] | None = None,
    kappa_log_rate: Sequence[float] = (0.5, 1.5, 5.0),
    phi_prior: Sequence[tuple[float, float]] | None = None,
    models: Sequence[Model | str] = (),
    prob: float = 0.89,
    inference: Quadrature | None = None,
    new_groups: Any = None,
    aggregate: bool = False,
) -> Sensitivity:
    """Returns the exact posterior of partial pooling under each of several hyperpriors.

    A priori kappa ~ Pareto(1, kappa_log_rate). A rate of 0.5 is the prior of Bayesian Data
    Analysis, chapter 5, and 1.5 that of the Stan case study; larger rates expect groups that differ
    more. The last row is empirical Bayes, which takes the most probable phi and kappa as known: its
    intervals show how much it understates the uncertainty. The log evidence of different rows can
    be compared.

    Args:
        data: a table, as ``fit`` takes it; or a fit of ``PartialPooling`` or
            ``CollapsedPartialPooling``, whose data are used.
        successes: column of successes; not with a fit.
        trials: column of trials, one number for all, or None, as in ``fit``; not with a fit.
        failures: column of failures, in place of trials; not with a fit.
        group: column of the groups' names, or a list of columns; by default the frame's index; not
            with a fit.
        kappa_log_rate: rates of the exponential prior of kappa_log.
        phi_prior: Beta priors (alpha, beta) of phi, each combined with every rate; by default that
            of the fit, or (1, 1).
        models: further priors of another kind, as words or as models with a Beta population:
            "spread", "gamma".
        prob: probability of the equal-tailed intervals, between 0 and 1.
        inference: settings of the quadrature. Where an integration does not converge, it is
            repeated with twice the nodes, at most four times.
        new_groups: further groups, {name: (successes, trials)} or a table with the same columns,
            added to those of the table; not with a fit.
        aggregate: add up rows of the same group, instead of rejecting them; not with a fit.

    Returns:
        A ``Sensitivity``:

        - ``population``: one row per hyperprior: its hyperparameters, ``phi_mean``, ``phi_sd``, the
          median and interval of kappa, the mean and interval of theta of a new group,
          ``log_evidence``, and the ``error`` of the integration.
        - ``groups``: one row per hyperprior and group: ``mean``, ``sd``, ``lower`` and ``upper`` of
          theta.

    Raises:
        InputError: the data, a prior or a setting breaks a rule, or the fit is of another model.
        TypeError: an argument has the wrong type.
        OSError: the file can't be read.

    Warns:
        ConvergenceWarning: the integration under a prior missed its tolerance, or the fit did not
            converge.
        PopulationWarning: under a prior the population contradicts its groups.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> answer = hp.sensitivity(frame, **columns)
        >>> print(answer.population[["phi_mean", "phi_sd", "log_evidence"]].round(2))
                            phi_mean  phi_sd  log_evidence
        prior
        kappa_log_rate=0.5      0.27    0.02        -50.59
        kappa_log_rate=1.5      0.27    0.02        -54.36
        kappa_log_rate=5        0.28    0.03        -64.89
        empirical Bayes         0.27    0.00           NaN
    """
    quadrature = check_quadrature(inference, "sensitivity")
    check_prob(prob)
    if isinstance(data, xr.DataTree):
        asked = (successes, trials, failures, group, new_groups)
        if aggregate or any(argument is not None for argument in asked):
            raise InputError("A fit holds its data: leave out the columns, or pass the table.")
        labels, y, n, own = _of_fit(data)
        added: list[str] = []
    else:
        if successes is None:
            raise InputError("A table needs its columns: give successes=... and trials=....")
        table = read_table(
            data,
            successes=successes,
            trials=trials,
            failures=failures,
            group=group,
            new_groups=new_groups,
            aggregate=aggregate,
        )
        labels, y, n, own = table.labels, table.successes, table.trials, (1.0, 1.0)
        added = list(map(str, as_json(table.new_groups)))
    priors = _priors(kappa_log_rate, [own] if phi_prior is None else phi_prior)
    others = _models_by_name(models)
    pairs = distinct(y, n)
    log.info("integrating under %d priors", len(priors) + len(others))
    best = maximise(pairs)
    rows = np.array(list(priors.values()), float).T
    rates = CollapsedPartialPooling(**dict(zip(HYPERPRIORS, rows, strict=True)))
    with scope():
        data = (
            jax.tree.map(np.asarray, compress(pairs)),
            padded_pairs(pairs, power_of_two(len(pairs.trials))).counts,
            prob,
        )
        exact = _posteriors(rates, data, len(pairs.trials), quadrature)
        for model in others.values():
            # float64 throughout: JAX would compile a program for each type of number.
            alone = jax.tree.map(lambda leaf: np.asarray([leaf], float), model)
            exact = _concatenate(exact, _posteriors(alone, data, len(pairs.trials), quadrature))
    names = [*priors, *others]
    _warn(names, exact)
    phi_mean = np.asarray(exact.population.phi_mean, float)
    warn_of_first(
        (
            contradiction(y, n, rate, of=f" under {name}")
            for name, rate in zip(names, phi_mean, strict=True)
        ),
        "priors",
    )

    new = plug_in(best, np.zeros(1, int), np.zeros(1, int), prob)
    known = dict.fromkeys(("kappa_median", "kappa_lower", "kappa_upper"), best.kappa)
    known |= {f"new_group_{name}": float(new[name][0]) for name in ("mean", "lower", "upper")}
    last = {"phi_mean": best.phi, "phi_sd": 0.0, **known, "error": 0.0}
    of = {
        name: [getattr(model, one, np.nan) for one in HYPERPRIORS] for name, model in others.items()
    }
    population = pd.DataFrame.from_dict(
        {**priors, **of}, orient="index", columns=HYPERPRIORS, dtype=float
    )
    for name in (*last, "log_evidence"):
        population[name] = getattr(exact.population, name)
    population = population[[*(name for name in population if name != "error"), "error"]]
    population.loc[EMPIRICAL_BAYES] = pd.Series(last)
    population.index.name = "prior"

    by_plug_in = plug_in(best, y, n, prob)
    columns = {
        name: np.append(getattr(exact.groups, name)[:, pairs.inverse].ravel(), by_plug_in[name])
        for name in ("mean", "sd", "lower", "upper")
    }
    index = pd.MultiIndex.from_product(
        [population.index, index_of(labels)], names=["prior", "group"]
    )
    groups = noted(pd.DataFrame(columns, index=index), prob=prob, new_groups=added or None)
    return Sensitivity(noted(population, prob=prob), groups)


def _models_by_name(models: Sequence[Model | str]) -> dict[str, BetaPopulation]:
    """Returns models of other kinds, with theta integrated out, by the names of their rows."""
    found = {}
    for given in models:
        name = given if isinstance(given, str) else type(given).__name__
        collapsed = beta_population_of(check_model(given), "sensitivity")
        if name in found:
            raise InputError(f"models name {name} twice: give each once.")
        found[name] = collapsed
    return found


def _posteriors(
    models: BetaPopulation, data: tuple[Any, ...], num_pairs: int, quadrature: Quadrature
) -> Exact:
    """Returns the posteriors under several models of one class, each leaf (prior, ...)."""

    def integrate(settings: Quadrature, before: Exact | None) -> Exact:
        num_priors = len(jax.tree.leaves(models)[0])
        seconds = num_priors * seconds_of(settings, num_rows=num_rows(data[0]), num_pairs=num_pairs)
        sweep = _sweep if is_at_once("sensitivity", models, seconds) else _compiled_sweep
        exact: Exact = jax.tree.map(np.asarray, sweep(models, *data, quadrature=settings))
        # Drops the groups that only pad the arrays, and what only some classes report.
        groups = jax.tree.map(lambda leaf: leaf[:, :num_pairs], exact.groups)
        exact = Exact(groups, exact.population._replace(others={}))
        return exact if before is None else _keep_converged(before, exact)

    exact, _ = refined(integrate, quadrature, lambda found: bool(_have_converged(found).all()))
    return exact


def _concatenate(first: Exact, second: Exact) -> Exact:
    """Returns two sets of posteriors, joined along the axis of priors."""
    joined: Exact = jax.tree.map(lambda *parts: np.concatenate(parts), first, second)
    return joined


def _error_of_ends(exact: Exact) -> np.ndarray:
    """Returns (prior,) the largest error of the ends of an interval, as a probability."""
    worst = np.asarray(exact.groups.interval_error).max(axis=1)
    return np.fmax(exact.population.interval_error, worst)


def _have_converged(exact: Exact) -> np.ndarray:
    """Returns (prior,) whether each posterior meets the tolerances of ``estimate``."""
    return np.asarray(exact.population.converged) & (_error_of_ends(exact) < INTERVAL_TOLERANCE)


def _keep_converged(before: Exact, exact: Exact) -> Exact:
    """Returns the earlier posterior where it had converged, and the new one elsewhere."""
    is_kept = _have_converged(before)

    def choose(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.where(is_kept.reshape(-1, *[1] * (new.ndim - 1)), old, new)

    kept: Exact = jax.tree.map(choose, before, exact)
    return kept


@quietly
def _sweep(
    models: BetaPopulation,
    data: Data,
    counts: Counts,
    prob: float,
    *,
    quadrature: Quadrature,
) -> Exact:
    """Returns ``integrate`` under each prior, every leaf (prior, ...), once per distinct pair."""

    def one(model: BetaPopulation) -> Exact:
        grid = explore(model, data, quadrature)
        return posterior_of(model, grid, data, counts, prob)

    return over_batch(one, models)


_compiled_sweep = BySize(_sweep, COMPILED_SOON)


def _of_fit(tree: xr.DataTree) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    fitted = read_fit(tree, needs_theta=False)
    model = fitted.model
    if not isinstance(model, PartialPooling | CollapsedPartialPooling):
        raise InputError(
            "sensitivity supports fits of PartialPooling and CollapsedPartialPooling only, not of "
            f"{type(model).__name__}: pass the table instead."
        )
    own = float(np.asarray(model.phi_alpha)), float(np.asarray(model.phi_beta))
    return fitted.labels, fitted.successes, fitted.trials, own


def _priors(rates: Any, phi_priors: Any) -> dict[str, tuple[float, float, float]]:
    """Returns (kappa_log_rate, phi_alpha, phi_beta) by the names of their rows."""
    priors: dict[str, tuple[float, float, float]] = {}
    for phi_prior in phi_priors:
        if np.shape(phi_prior) != (2,):
            raise InputError(f"phi_prior must be pairs such as (1, 1), not {phi_prior!r}.")
        for rate in np.atleast_1d(rates).tolist():
            alpha, beta = phi_prior
            given = dict(zip(HYPERPRIORS, (rate, alpha, beta), strict=True))
            rate, alpha, beta = vars(check_model(CollapsedPartialPooling(**given))).values()
            name = f"kappa_log_rate={rate:g}"
            if len(phi_priors) > 1:
                name += f", phi~Beta({alpha:g}, {beta:g})"
            priors[name] = (rate, alpha, beta)
    if not priors:
        raise InputError("There is no prior: give at least one kappa_log_rate.")
    return priors


def _warn(names: Sequence[str], exact: Exact) -> None:
    errors, of_ends = exact.population.error, _error_of_ends(exact)
    for i in np.flatnonzero(~_have_converged(exact)).tolist():
        sentence = missed(f" under {names[i]}", float(errors[i]))
        if exact.population.converged[i]:
            sentence = missed(
                f" under {names[i]}", float(of_ends[i]), "the error of ends of intervals"
            )
        warn(sentence, ConvergenceWarning)
