"""Contrasts of pairs of groups, and the expected loss of choosing each group as the best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.ranks import Best, check_best, read_unequal, with_trials
from hierpool.input.arguments import check_prob, tails
from hierpool.input.table import InputError
from hierpool.posterior.conditional import rows_of
from hierpool.posterior.fitted import Fitted, find_group

Rope = float | tuple[float, float]
BLOCK = 2**16
"""Number of differences computed at a time, so that they fit in the CPU cache."""
MOST_PAIRS = 10_000
"""Most pairs that are compared, unless the caller raises the limit."""
SECONDS_PER_PAIR_AND_DRAW = 5e-8
"""Time that one pair takes per draw, in seconds."""
NUM_COLUMNS = 16
"""Numbers and labels in a row of the table, for the estimate of its memory."""
SMALLEST_THETA = 1e-290
"""Replaces a theta that has underflowed to 0, so that ratios are finite."""


def contrast(
    tree: xr.DataTree, a: str, b: str, *, prob: float = 0.89, rope: Rope | None = None
) -> pd.DataFrame:
    """Returns the contrast of two groups, as a table of one row.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        a: name of a group.
        b: name of another group.
        prob: probability of the equal-tailed intervals, between 0 and 1.
        rope: region of practical equivalence of theta_a - theta_b: (low, high), or half its width
            around 0.

    Returns:
        One row with the index (a, b), and the columns that ``contrasts`` describes.

    Raises:
        InputError: an argument breaks a rule, the fit has no such group or holds the
            hyperparameters only, or its model gives all groups the same theta.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> row = hp.contrast(tree, "Roberto Clemente", "Max Alvis").iloc[0]
        >>> print(row[["probability", "difference"]].round(2))
        probability    0.93
        difference     0.10
        Name: (Roberto Clemente, Max Alvis), dtype: float64
    """
    return contrasts(tree, groups=[a, b], prob=prob, rope=rope)


def contrasts(
    tree: xr.DataTree,
    *,
    groups: Sequence[str] | None = None,
    prob: float = 0.89,
    rope: Rope | None = None,
    most_pairs: int = MOST_PAIRS,
) -> pd.DataFrame:
    """Returns the contrasts of all pairs of groups: differences, ratios and odds ratios of theta.

    They are computed from joint draws of theta, except the mean difference, which has a closed form
    under a Beta population. If both theta of a pair have underflowed to 0, the tie counts half for
    each group.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        groups: names of the groups to compare; by default all that have trials.
        prob: probability of the equal-tailed intervals, between 0 and 1.
        rope: region of practical equivalence of theta_a - theta_b: (low, high), or half its width
            around 0.
        most_pairs: reject more pairs than this.

    Returns:
        One row per pair, indexed by the names ``a`` and ``b``. Columns:

        - ``probability``: Pr(theta_a > theta_b), and its Monte Carlo standard error ``mcse``.
        - ``difference``: posterior mean of theta_a - theta_b, and its Monte Carlo standard error
          ``difference_mcse``.
        - ``in_rope``: probability that the difference lies in ``rope``, and its Monte Carlo
          standard error ``in_rope_mcse``; only with ``rope``.
        - ``difference_sd``, ``difference_lower``, ``difference_upper``: posterior standard
          deviation of the difference, and the ends of its interval.
        - ``ratio``, ``ratio_lower``, ``ratio_upper``: posterior median of theta_a / theta_b, and
          the ends of its interval.
        - ``odds_ratio``, ``odds_ratio_lower``, ``odds_ratio_upper``: the same of the odds
          theta / (1 - theta).

    Raises:
        InputError: an argument breaks a rule, the fit holds the hyperparameters only, its model
            gives all groups the same theta, or there are too many pairs; the message estimates the
            time and memory for them.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> table = hp.contrasts(tree, groups=["Roberto Clemente", "Frank Robinson", "Max Alvis"])
        >>> print(table[["probability", "difference"]].round(1))
                                         probability  difference
        a                b
        Roberto Clemente Frank Robinson          0.6         0.0
                         Max Alvis               0.9         0.1
        Frank Robinson   Max Alvis               0.9         0.1
    """
    check_prob(prob)
    region = None if rope is None else _region(rope)
    fitted = _compared(read_unequal(tree), groups)
    first, second = np.triu_indices(len(fitted.labels), 1)
    _require_few(len(first), fitted, most_pairs)
    by_group = np.ascontiguousarray(fitted.theta.T)
    height = max(1, BLOCK // by_group.shape[1])
    chances = rows_of(fitted)
    means = np.ascontiguousarray(chances.mean().T)
    blocks = []
    for start in range(0, len(first), height):
        a, b = first[start : start + height], second[start : start + height]
        block = _contrasts(fitted, by_group[a], by_group[b], prob, region)
        difference = means[a] - means[b]
        block |= {
            "difference": difference.mean(axis=1),
            "difference_mcse": chances.error(difference.T),
        }
        blocks.append(block)
    names = ["probability", "mcse", "difference", "difference_mcse"]
    names += [name for name in blocks[0] if name not in names]
    return pd.DataFrame(
        {name: np.concatenate([block[name] for block in blocks]) for name in names},
        index=pd.MultiIndex.from_arrays(
            [fitted.labels[first], fitted.labels[second]], names=["a", "b"]
        ),
    )


def expected_loss(tree: xr.DataTree, *, best: Best = "highest") -> pd.DataFrame:
    """Returns the expected loss of choosing each group as the best.

        loss_i = E[max_j theta_j - theta_i], or E[theta_i - min_j theta_j] if the lowest is the best

    over the groups that have trials, from joint draws of theta. A small loss means that choosing
    the group costs little, even where it is not certain to be the best.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        best: whether the "highest" or the "lowest" theta is the best.

    Returns:
        One row per group that has trials (index ``group``). Columns:

        - ``expected_loss``: loss_i, on the scale of theta, and its Monte Carlo standard error
          ``mcse``.
        - ``best``: probability that the group is the best, and its Monte Carlo standard error
          ``best_mcse``. Groups that tie in a draw share it.

    Raises:
        InputError: an argument breaks a rule, no group has trials, the fit holds the
            hyperparameters only, or its model gives all groups the same theta.
        TypeError: ``tree`` is not a tree.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> loss = hp.expected_loss(tree)
        >>> print(loss["expected_loss"].idxmin())
        Roberto Clemente
        >>> print(loss.loc["Roberto Clemente", ["expected_loss", "best"]].round(2))
        expected_loss    0.04
        best             0.24
        Name: Roberto Clemente, dtype: float64
    """
    check_best(best)
    fitted = with_trials(read_unequal(tree))
    losses = np.empty_like(fitted.theta)
    if best == "highest":
        np.subtract(fitted.theta.max(axis=1, keepdims=True), fitted.theta, out=losses)
    else:
        np.subtract(fitted.theta, fitted.theta.min(axis=1, keepdims=True), out=losses)
    is_best = (losses == 0).astype(float)
    is_best /= is_best.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "expected_loss": losses.mean(axis=0),
            # A group that is best in every draw gets the error of one draw with the largest loss.
            "mcse": np.where(losses.any(axis=0), fitted.error(losses), losses.max() / len(losses)),
            "best": is_best.mean(axis=0),
            "best_mcse": fitted.share_error(is_best),
        },
        index=fitted.names,
    )


def _contrasts(
    fitted: Fitted,
    a: np.ndarray,
    b: np.ndarray,
    prob: float,
    region: tuple[float, float] | None,
) -> dict[str, np.ndarray]:
    """Returns the columns, (pair,) each, from (pair, draw) values of theta_a and theta_b."""
    difference = a - b
    above = (difference > 0) + 0.5 * (difference == 0)
    columns = {"probability": above.mean(axis=1), "mcse": fitted.share_error(above.T)}
    if region is not None:
        inside = (difference >= region[0]) & (difference <= region[1])
        columns |= {"in_rope": inside.mean(axis=1), "in_rope_mcse": fitted.share_error(inside.T)}
    columns["difference_sd"] = difference.std(axis=1, ddof=1)
    a, b = (np.clip(theta, SMALLEST_THETA, 1 - 2**-53) for theta in (a, b))
    ratio = a / b
    odds_ratio = ratio * ((1 - b) / (1 - a))
    for name, values in {
        "difference": difference,
        "ratio": ratio,
        "odds_ratio": odds_ratio,
    }.items():
        low, high = tails(prob)
        lower, median, upper = _quantiles(values, [low, 0.5, high])
        if name != "difference":
            columns[name] = median
        columns |= {f"{name}_lower": lower, f"{name}_upper": upper}
    return columns


def _quantiles(values: np.ndarray, levels: list[float]) -> list[np.ndarray]:
    """Returns (pair,) quantiles at each level of (pair, draw) values, which it sorts in place."""
    # NumPy's sort is several times as fast as its quantile.
    values.sort(axis=1)
    quantiles = []
    for level in levels:
        index = level * (values.shape[1] - 1)
        below = min(int(index), values.shape[1] - 2)
        low, high = values[:, below], values[:, below + 1]
        quantiles.append(low + (index - below) * (high - low))
    return quantiles


def _compared(fitted: Fitted, groups: Sequence[str] | None) -> Fitted:
    if isinstance(groups, str):
        raise TypeError(f"groups must be a list of labels, not the single text {groups!r}.")
    if groups is None:
        fitted = with_trials(fitted)
    else:
        indices = [find_group(fitted, label) for label in groups]
        for label, index in zip(groups, indices, strict=True):
            if indices.count(index) > 1:
                raise InputError(
                    f"Group {str(label)!r} is named twice: no group differs from itself."
                )
        fitted = fitted.of(np.array(indices, int))
    if len(fitted.labels) < 2:
        raise InputError(f"A contrast needs two groups, and there are {len(fitted.labels)}.")
    return fitted


def _require_few(num_pairs: int, fitted: Fitted, most_pairs: int) -> None:
    if num_pairs > most_pairs:
        seconds = num_pairs * len(fitted.theta) * SECONDS_PER_PAIR_AND_DRAW
        gigabytes = num_pairs * NUM_COLUMNS * 8 / 1e9
        raise InputError(
            f"{len(fitted.labels):,} groups make {num_pairs:,} pairs, which would take about "
            f"{seconds:,.0f} s and {gigabytes:,.2f} GB, and {most_pairs:,} are the most: name "
            "fewer groups (groups=, --group), ask expected_loss, or raise most_pairs "
            "(--most-pairs)."
        )


def _region(rope: Rope) -> tuple[float, float]:
    ends = np.atleast_1d(np.asarray(rope, object)).tolist()
    if isinstance(rope, str) or not all(isinstance(end, float | int | np.number) for end in ends):
        raise TypeError(f"rope must be a number or two, not {rope!r}.")
    if len(ends) == 1:
        ends = [-ends[0], ends[0]]
    if len(ends) != 2 or not -np.inf < ends[0] < ends[1] < np.inf:
        raise InputError(
            f"rope must be half a width above 0, or (low, high) with low below high, not {rope}."
        )
    return float(ends[0]), float(ends[1])
