"""Probabilities that theta, or a future rate, exceeds a threshold."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.by_group import ByLabel, read_further
from hierpool.answers.thresholds import check_threshold, check_thresholds, probability_and_error
from hierpool.likelihood.beta_binomial import tail_cost
from hierpool.posterior.conditional import Betas, Points, alike, fit_of, rows_of, spared
from hierpool.posterior.fitted import Fitted
from hierpool.posterior.sentences import plural, shown
from hierpool.posterior.weights import FEWEST_EFFECTIVE, effective_draws, warn_of_few
from hierpool.runtime.answer import printed
from hierpool.runtime.tables import Table

BLOCK = 2**22
"""Largest number of values held in memory at a time."""
NEGLIGIBLE = 1e-12
"""Joint events less probable than this are of no practical interest, and raise no warning."""


@printed
class Events(NamedTuple):
    """Probabilities that theta is above a threshold, for each group and jointly."""

    groups: pd.DataFrame
    """One row per threshold and group (index ``line``, ``group``): ``probability`` that theta of
    the group is above the threshold, and its Monte Carlo standard error ``mcse``. A group without
    trials has the probability of a new group of the population."""
    joint: pd.DataFrame
    """One row per threshold (index ``line``). Groups without trials are left out, because otherwise
    the answer would depend on how many of them there are. Columns:

    - ``num_groups``: number of groups that have trials.
    - ``some``: probability that at least one theta is above the threshold.
    - ``all``: probability that every theta is.
    - ``expected_number``: expected number of groups whose theta is.
    - ``some_mcse``, ``all_mcse``, ``expected_number_mcse``: their Monte Carlo standard errors."""

    @property
    def sentence(self) -> str:
        """The answer: for each threshold, how many groups are above it."""
        return " ".join(_sentence(self, line) for line in self.joint.index)

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        keep = ("some", "expected_number", "all", "num_groups")
        return [
            Table("joint", "Together", self.joint, keep),
            Table("groups", "Groups", self.groups, ("probability",), sort="probability", within=1),
        ]


def events(tree: xr.DataTree, *, above: float | Sequence[float]) -> Events:
    """Returns the probabilities that theta is above one or more thresholds.

    Given the population the groups are independent, so under a Beta population every probability,
    also a joint one, has a closed form in each posterior draw. The average over draws has less
    noise than the proportion of draws in which the event happens. Under a normal population of
    log-odds the draws of theta are counted. A probability that rests on few effective draws has a
    Monte Carlo error of at least 1 / draws.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        above: a threshold for theta, or several, between 0 and 1.

    Returns:
        An ``Events``:

        - ``groups``: one row per threshold and group: ``probability`` that theta is above the
          threshold, and its Monte Carlo standard error ``mcse``.
        - ``joint``: one row per threshold, over the ``num_groups`` groups that have trials: the
          probabilities that ``some`` theta and that ``all`` theta are above it, and the
          ``expected_number`` of them; each with its Monte Carlo standard error, ``some_mcse`` etc.

    Raises:
        InputError: a threshold is out of range or repeated, or the fit lacks the draws of theta
            that its model needs.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        FewDrawsWarning: the probability that some, or all, theta are above a threshold rests on
            fewer than 100 effective draws.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> answer = hp.events(tree, above=0.4)
        >>> print(answer.groups[["probability"]].head(2).round(2))
                               probability
        line group
        0.4  Roberto Clemente         0.08
             Frank Robinson           0.05
        >>> print(answer.joint[["num_groups", "some", "expected_number"]].round(2))
              num_groups  some  expected_number
        line
        0.4           18  0.19             0.23
    """
    thresholds = check_thresholds(above)
    fitted = fit_of(tree)
    kinds = alike(fitted)
    few = fitted.of(kinds.first)
    every = spared(few, len(thresholds) * len(kinds.first))
    rows = rows_of(few.thinned(every))
    has_trials = fitted.trials > 0
    times = np.bincount(kinds.inverse[has_trials], minlength=len(kinds.first))
    groups, joint, doubtful = [], [], {}
    for threshold in thresholds:
        probability, error, together = _above(rows, threshold, times)
        groups.append(np.stack([probability, error])[:, kinds.inverse])
        row: dict[str, Any] = {"num_groups": int(has_trials.sum())}
        for name in ("some", "all"):
            row[name], row[f"{name}_mcse"] = probability_and_error(rows, together[name])
            # Only closed forms are checked: counted draws already have the error of a proportion.
            if isinstance(rows, Betas) and _rests_on_few(together[name]):
                doubtful[f"{name} are above {threshold}"] = float(effective_draws(together[name]))
        number = _mean_by_control_variate(few, every, rows, together["expected_number"])
        row["expected_number"], row["expected_number_mcse"] = number
        joint.append(row)
    if doubtful:
        event, effective = min(doubtful.items(), key=lambda item: item[1])
        warn_of_few(
            effective,
            rows.num_rows,
            f"the probability that {event} is imprecise; fit with more draws.",
        )
    index = pd.MultiIndex.from_product([thresholds, fitted.names], names=["line", "group"])
    probability, error = np.concatenate(groups, axis=1)
    return Events(
        pd.DataFrame({"probability": probability, "mcse": error}, index=index),
        pd.DataFrame(joint, index=pd.Index(thresholds, name="line")),
    )


def season(
    tree: xr.DataTree,
    *,
    above: float,
    trials_to_come: ByLabel,
) -> pd.DataFrame:
    """Returns the probability that each group's final rate is above a threshold.

    The final rate counts the n_i trials so far, with y_i successes, and m_i trials to come, with
    z_i:

        z_i ~ Binomial(m_i, theta_i), rate_i = (y_i + z_i) / (n_i + m_i) > above (strictly)

    Given a posterior draw of a Beta population, z_i is beta-binomial and the probability has a
    closed form. Under a normal population of log-odds z_i is binomial given each draw of theta. A
    probability that rests on few effective draws has a Monte Carlo error of at least 1 / draws; one
    that is certain or exact has error 0.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        above: the threshold for the final rate, between 0 and 1.
        trials_to_come: m_i, the number of trials to come: one number for every group; a mapping or
            a Series by name, for the groups that it names; or an array in the order of the groups.

    Returns:
        One row per group with a number of trials to come (index ``group``). Columns, all NaN for a
        group with no trials so far and none to come:

        - ``probability``: Pr(rate_i > above), and its Monte Carlo standard error ``mcse``.
        - ``expected_rate``: E(rate_i), and its Monte Carlo standard error ``expected_rate_mcse``.

    Raises:
        InputError: an argument breaks a rule, or the fit lacks the draws of theta that its model
            needs.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.season(tree, above=0.4, trials_to_come=400)
        >>> print(table[["probability", "expected_rate"]].head(2).round(2))
                          probability  expected_rate
        group
        Roberto Clemente         0.09           0.33
        Frank Robinson           0.06           0.32
    """
    threshold = check_threshold(above)
    fitted = fit_of(tree)
    further = read_further(fitted, trials_to_come)
    fitted, m = fitted.of(further.indices), further.trials
    total = np.maximum(fitted.trials + m, 1)
    least = _least_above(threshold, total) - fitted.successes
    kinds = alike(fitted, m)
    few, m_of_kind, least_of_kind = fitted.of(kinds.first), m[kinds.first], least[kinds.first]
    every = spared(few, float(tail_cost(least_of_kind, m_of_kind).sum()))
    rows = rows_of(few.thinned(every))
    probability, error, chance, chance_error = np.empty((4, len(kinds.first)))
    for some in _blocks(rows, len(kinds.first)):
        values = rows.of(some).at_least(least_of_kind[some], m_of_kind[some])
        probability[some], error[some] = probability_and_error(rows, values)
        values = rows.of(some).mean()
        chance[some], chance_error[some] = values.mean(axis=0), rows.error(values)
    error[(least_of_kind <= 0) | (least_of_kind > m_of_kind)] = 0
    table = pd.DataFrame(
        {
            "probability": probability[kinds.inverse],
            "mcse": error[kinds.inverse],
            "expected_rate": (fitted.successes + m * chance[kinds.inverse]) / total,
            "expected_rate_mcse": m * chance_error[kinds.inverse] / total,
        },
        index=fitted.names,
    )
    return table[fitted.trials + m > 0].reindex(table.index)


def _sentence(events: Events, threshold: float) -> str:
    probability = events.groups["probability"].loc[threshold]
    expected, some = (events.joint[name].loc[threshold] for name in ("expected_number", "some"))
    above = int((probability > 0.5).sum())
    verb = "is" if above <= 1 else "are"
    return (
        f"{above if above else 'None'} of {plural(len(probability), 'group')} {verb} above "
        f"{threshold:g} with probability over 0.5; the expected number is {shown(expected)[0]}, "
        f"and at least one is with probability {shown(some)[0]}."
    )


def _above(
    rows: Betas | Points, threshold: float, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Returns the probabilities that theta is above a threshold, by kind of group and jointly.

    Args:
        rows: the distribution of theta of each kind of group, given each posterior draw.
        threshold: the threshold for theta.
        times: (kind,) number of groups of each kind that have trials.

    Returns:
        (kind,) probabilities, (kind,) Monte Carlo errors, and (row,) values of ``some``, ``all``
        and ``expected_number``.
    """
    probability, error = np.empty((2, len(times)))
    log_none, log_all, number = np.zeros((3, rows.num_rows))
    for some in _blocks(rows, len(times)):
        values = rows.of(some).above(threshold)
        probability[some], error[some] = probability_and_error(rows, values)
        (counted,) = np.nonzero(times[some])
        values, weight = values[:, counted], times[some][counted]
        with np.errstate(divide="ignore"):
            log_none += np.log1p(-values) @ weight
            log_all += np.log(values) @ weight
        number += values @ weight
    together = {"some": -np.expm1(log_none), "all": np.exp(log_all), "expected_number": number}
    return probability, error, together


def _rests_on_few(values: np.ndarray) -> bool:
    """Returns whether the mean of (row,) probabilities of an event rests on few effective rows."""
    if len(values) == 1 or values.mean() < NEGLIGIBLE:
        return False
    return bool(effective_draws(values) < FEWEST_EFFECTIVE)


def _mean_by_control_variate(
    fitted: Fitted, every: int, rows: Betas | Points, totals: np.ndarray
) -> tuple[float, float]:
    """Returns the mean of (row,) totals over all draws of a fit, and its Monte Carlo error.

    Where the rows are only some of the draws, a quadratic in the log-odds of phi and the log of
    kappa is fitted to the totals. The quadratic is averaged over all draws, and the residuals over
    the rows.
    """
    if every == 1 or len(totals) == 1:
        return float(totals.mean()), float(rows.error(totals))
    phi, kappa = np.clip(fitted.parameters["phi"], 1e-300, 1 - 2**-53), fitted.parameters["kappa"]
    x, y = np.log(phi / (1 - phi)), np.log(kappa)
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    terms = np.stack([np.ones(len(x)), x, y, x * x, x * y, y * y], axis=1)
    kept = fitted.kept(every)
    coefficients, *_ = np.linalg.lstsq(terms[kept], totals)
    smooth = terms @ coefficients
    rest = totals - smooth[kept]
    error = np.hypot(fitted.error(smooth), rows.error(rest))
    return float(smooth.mean() + rest.mean()), float(error)


def _blocks(rows: Betas | Points, number: int) -> Iterator[slice]:
    """Yields slices of the groups, each small enough for its values to fit in memory."""
    width = max(1, BLOCK // rows.num_rows)
    for start in range(0, number, width):
        yield slice(start, start + width)


def _least_above(threshold: float, total: np.ndarray) -> np.ndarray:
    """Returns (group,) the fewest successes whose rate is strictly above a threshold."""
    # Rates are compared, because threshold * total may round to the wrong side of a whole number.
    least = np.floor(threshold * total).astype(np.int64) - 1
    for _ in range(3):
        least += least / total <= threshold
    return least
