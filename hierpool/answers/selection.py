"""Selects groups above a threshold at a given false discovery rate."""

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.thresholds import check_threshold, probability_and_error
from hierpool.input.arguments import check_prob
from hierpool.posterior.conditional import Betas, Points, alike, fit_of, rows_of, spared
from hierpool.posterior.fitted import batch_means

NUM_REPEATS = 200
"""Number of bootstrap samples, whose standard deviation is the error of a q-value."""


def select(tree: xr.DataTree, *, above: float, false_discovery_rate: float = 0.05) -> pd.DataFrame:
    """Returns the groups by their probability of being above a threshold, and which to select.

    The error of a group is the probability that its theta is not above the threshold. Its q-value
    is the mean error of all groups that are at least as likely to be above it: the expected
    proportion of false selections if all of these are selected. A group is selected if its q-value
    is at most ``false_discovery_rate``. Groups without trials are left out.

    Source: Newton, Noueiry, Sarkar and Ahlquist (2004), "Detecting Differential Gene Expression
    with a Semiparametric Hierarchical Mixture Method".

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        above: the threshold for theta, between 0 and 1.
        false_discovery_rate: the largest q-value that is selected, between 0 and 1.

    Returns:
        One row per group that has trials (index ``group``), the most probable first. Columns:

        - ``probability``: Pr(theta_i > above), and its Monte Carlo standard error ``mcse``.
        - ``error``: 1 - ``probability``, with the same standard error.
        - ``q_value``: the q-value; groups with the same probability share it.
        - ``q_value_mcse``: its Monte Carlo standard error, from a bootstrap of the draws, which
          includes the uncertainty of the order of the groups.
        - ``selected``: whether the group is selected.

    Raises:
        InputError: an argument is out of range, or the fit lacks the draws of theta that its model
            needs.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.select(tree, above=0.25, false_discovery_rate=0.1)
        >>> print(table[["error", "q_value", "selected"]].head(4).round(2))
                          error  q_value  selected
        group
        Roberto Clemente   0.06     0.06      True
        Frank Robinson     0.09     0.07      True
        Frank Howard       0.12     0.09      True
        Jay Johnstone      0.16     0.11     False
    """
    threshold, rate = check_threshold(above), false_discovery_rate
    check_prob(rate, "false_discovery_rate")
    fitted = fit_of(tree)
    fitted = fitted.of(np.flatnonzero(fitted.trials > 0))
    kinds = alike(fitted)
    few = fitted.of(kinds.first)
    rows = rows_of(few.thinned(spared(few, len(kinds.first))))
    times = np.bincount(kinds.inverse, minlength=len(kinds.first))
    values = rows.above(threshold)
    probability, mcse = probability_and_error(rows, values)
    columns = {
        "probability": probability,
        "mcse": mcse,
        "error": 1 - probability,
        "q_value": _q_values(probability[None], times)[0],
        "q_value_mcse": _q_value_errors(rows, values, times),
    }
    order = np.argsort(-probability[kinds.inverse], kind="stable")
    table = pd.DataFrame(
        {name: values[kinds.inverse][order] for name, values in columns.items()},
        index=fitted.names[order],
    )
    return table.assign(selected=table["q_value"] <= rate)


def _q_values(probability: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Returns (..., kind) q-values: the mean error of all groups that are at least as probable.

    Args:
        probability: (..., kind) probabilities that theta is above the threshold.
        times: (kind,) number of groups of each kind.
    """
    order = np.argsort(-probability, axis=-1, kind="stable")
    ranked = np.take_along_axis(probability, order, axis=-1)
    weight = times[order]
    so_far = np.cumsum((1 - ranked) * weight, axis=-1) / np.cumsum(weight, axis=-1)
    # Kinds that tie share the q-value of the last of them.
    index = np.arange(ranked.shape[-1])
    ends = np.concatenate([ranked[..., 1:] < ranked[..., :-1], np.ones_like(order[..., :1])], -1)
    last = np.where(ends, index, index[-1])
    last = np.minimum.accumulate(last[..., ::-1], axis=-1)[..., ::-1]
    q_values = np.empty_like(so_far)
    np.put_along_axis(q_values, order, np.take_along_axis(so_far, last, axis=-1), axis=-1)
    return q_values


def _q_value_errors(rows: Betas | Points, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Returns (kind,) Monte Carlo standard errors of q-values, from (row, kind) probabilities.

    By a bootstrap of batch means, because a q-value has no derivative where two ranks exchange.
    """
    if len(values) == 1:
        return np.zeros(values.shape[1])
    batches = batch_means(values, rows.num_chains)
    number = len(batches)
    drawn = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), NUM_REPEATS)
    # Rounded, so that kinds with equal probabilities stay tied in every bootstrap sample.
    probability = np.round(drawn @ batches / number, 12)
    return _q_values(probability, times).std(axis=0) * np.sqrt(number / (number - 1))
