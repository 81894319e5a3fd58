"""Events: which groups are above a line, how many, and after the season; a selection of them."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.arguments import check_prob
from hierpool.by_label import ByLabel, Further, read_further
from hierpool.chances import BUDGET, Betas, Points, chances_of, rows_of
from hierpool.fitted import Fitted, read_fit
from hierpool.table import InputError

TERMS = 10
"""Terms of a beta-binomial sum that take as long as one closed form."""
MOST_TERMS = 2**20
"""Terms of a single sum at most, for the memory that they take."""


class Events(NamedTuple):
    """Chances above lines, group by group and together."""

    groups: pd.DataFrame
    """A row a line and a group: ``probability`` that theta is above the line, and its ``mcse``. A
    group that was never tried has the population's chance."""
    joint: pd.DataFrame
    """A row a line, of the ``num_groups`` that have trials: probability that ``some`` theta is
    above the line, and that ``all`` are; ``expected_number`` of those above. Each has its
    ``_mcse``. Groups that were never tried don't count here: the answer would grow with them."""


def events(tree: xr.DataTree, *, above: float | Sequence[float]) -> Events:
    """Returns the probabilities that thetas are above a line, or several.

    Given the population the groups are independent, so that in each draw of it every probability
    has a closed form, the joint ones too; their averages have less noise than counted draws. Under
    a population of log-odds the draws of theta are counted.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        above: a line between 0 and 1, or several.

    Raises:
        InputError: a line is out of range, or the fit lacks what is needed.
        TypeError: an argument has the wrong type.
    """
    lines = _lines(above)
    fitted, chances = _read(tree, len(lines))
    tried = fitted.trials > 0
    groups, joint = [], []
    for line in lines:
        values = chances.above(line)
        groups.append(_mean_and_error(chances, values))
        values = values[:, tried]
        together = {
            "some": 1 - np.prod(1 - values, axis=1),
            "all": np.prod(values, axis=1),
            "expected_number": values.sum(axis=1),
        }
        row: dict[str, Any] = {"num_groups": int(tried.sum())}
        for name, of_rows in together.items():
            row[name], row[f"{name}_mcse"] = _mean_and_error(chances, of_rows)
        joint.append(row)
    index = pd.MultiIndex.from_product([lines, fitted.names], names=["line", "group"])
    probability, error = np.concatenate(groups, axis=1)
    return Events(
        pd.DataFrame({"probability": probability, "mcse": error}, index=index),
        pd.DataFrame(joint, index=pd.Index(lines, name="line")),
    )


def season(
    tree: xr.DataTree,
    *,
    above: float,
    trials_to_come: ByLabel,
) -> pd.DataFrame:
    """Returns the probability that each group's final rate is above a line.

        z_i ~ Binomial(m_i, theta_i), rate_i = (y_i + z_i) / (n_i + m_i) > above

    strictly. In each draw of the population z_i is beta-binomial; where the sums of its terms would
    take too long, and under a population of log-odds, it is binomial given the draws of theta.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        above: the line, between 0 and 1.
        trials_to_come: m, one number for all groups, or by label for some.

    Returns:
        A row a group that m was given for: ``probability`` and its ``mcse``, ``expected_rate`` and
        its ``expected_rate_mcse``. NaN where there are no trials at all.

    Raises:
        InputError: an argument breaks a rule, or the fit lacks what is needed.
        TypeError: an argument has the wrong type.
    """
    line = _line(above)
    fitted = read_fit(tree, needs_theta=False)
    further = read_further(fitted, trials_to_come)
    m = further.trials
    fitted, chances = _of_season(fitted, further)
    total = np.maximum(fitted.trials + m, 1)
    least = _least_above(line, total) - fitted.successes
    # Closed forms of z, not counts: an average that is 0 or 1 needs no doubt.
    values = chances.at_least(least, m)
    rates = (fitted.successes + m * chances.mean()) / total
    table = pd.DataFrame(
        {
            "probability": values.mean(axis=0),
            "mcse": chances.error(values),
            "expected_rate": rates.mean(axis=0),
            "expected_rate_mcse": chances.error(rates),
        },
        index=fitted.names,
    )
    return table[fitted.trials + m > 0].reindex(table.index)


def select(tree: xr.DataTree, *, above: float, false_discovery_rate: float = 0.05) -> pd.DataFrame:
    """Returns the groups from the surest to be above a line, and which to select.

    The error of a group is the probability that it is not above the line; its q-value is the mean
    error of the groups that are as good or better, which is the share of false ones among them that
    is to be expected. Selected are those whose q-value is at most the rate. Groups that were never
    tried are left out.

    Source: Newton, Noueiry, Sarkar and Ahlquist (2004), "Detecting Differential Gene Expression
    with a Semiparametric Hierarchical Mixture Method".

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        above: the line, between 0 and 1.
        false_discovery_rate: between 0 and 1.

    Returns:
        A row a group: ``probability`` above and its ``mcse``, which is the error's too, ``error``,
        ``q_value`` and its ``q_value_mcse``, ``selected``. Groups that tie share a q-value.

    Raises:
        InputError: an argument is out of range, or the fit lacks what is needed.
        TypeError: an argument has the wrong type.
    """
    line, rate = _line(above), false_discovery_rate
    check_prob(rate, "false_discovery_rate")
    fitted, chances = _read(tree, 1)
    (tried,) = np.nonzero(fitted.trials > 0)
    values = chances.above(line)[:, tried]
    probability, mcse = _mean_and_error(chances, values)
    order = np.argsort(-probability, kind="stable")
    errors = 1 - values[:, order]
    # The last of those that tie: all of them are as good.
    ranked = -probability[order]
    last = np.searchsorted(ranked, ranked, side="right") - 1
    so_far = errors.cumsum(axis=1) / np.arange(1, len(tried) + 1)
    q_value, q_value_mcse = _mean_and_error(chances, so_far)
    return pd.DataFrame(
        {
            "probability": probability[order],
            "mcse": mcse[order],
            "error": 1 - probability[order],
            "q_value": q_value[last],
            "q_value_mcse": q_value_mcse[last],
            "selected": q_value[last] <= rate,
        },
        index=fitted.names[tried[order]],
    )


def _read(tree: xr.DataTree, cost: float) -> tuple[Fitted, Betas | Points]:
    fitted = read_fit(tree, needs_theta=False)
    chances = chances_of(fitted, cost)
    if isinstance(chances, Points):
        # To compare a draw with a line costs next to nothing: take them all.
        fitted = fitted.with_theta()
        chances = rows_of(fitted)
    return fitted, chances


def _of_season(whole: Fitted, further: Further) -> tuple[Fitted, Betas | Points]:
    fitted, m = whole.of(further.places), further.trials
    y, n = fitted.successes, fitted.trials
    terms = np.unique(np.stack([y, n, m]), axis=1)[2].sum()
    pairs = np.unique(np.stack([y, n]), axis=1).shape[1]
    chances = chances_of(fitted, terms / pairs / TERMS)
    is_quick = (
        isinstance(chances, Betas)
        and len(chances.alpha) * terms <= 2 * BUDGET * TERMS
        and m.max() <= MOST_TERMS
    )
    if is_quick:
        return fitted, chances
    fitted = whole.with_theta().of(further.places)
    fitted = fitted.thinned(-(-fitted.theta.size // BUDGET))
    return fitted, Points(fitted.theta, fitted.num_chains, fitted.is_independent)


def _mean_and_error(chances: Betas | Points, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (...) means of (row, ...) values, and their Monte Carlo standard errors."""
    error = chances.error(values)
    if isinstance(chances, Points):
        # What happens in no draw, or in all, is known to one draw only.
        error = np.maximum(error, 1 / len(values))
    return values.mean(axis=0), error


def _least_above(line: float, total: np.ndarray) -> np.ndarray:
    """Returns (group,) the fewest successes of a rate strictly above a line."""
    # By the rates themselves: line * total may round to the wrong side of a whole number.
    least = np.floor(line * total).astype(np.int64) - 1
    for _ in range(3):
        least += least / total <= line
    return least


def _lines(above: float | Sequence[float]) -> list[float]:
    if isinstance(above, str | Mapping):
        raise TypeError(f"above must be a number or several, not {type(above).__name__}.")
    lines = [_line(line) for line in np.atleast_1d(np.asarray(above, object)).tolist()]
    if not lines:
        raise InputError("above names no line: give one, such as 0.35.")
    if len(set(lines)) < len(lines):
        raise InputError(f"above has the same line twice, in {lines}: give each once.")
    return lines


def _line(above: float) -> float:
    if not isinstance(above, Real):
        raise TypeError(f"above must be a number, not {type(above).__name__}.")
    if not 0 < above < 1:
        raise InputError(f"above must lie between 0 and 1, not {above}: it is a chance, as 0.35.")
    return float(above)
