"""What was predicted against what came later."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.answers.by_group import ByLabel
from hierpool.answers.scores import coverage
from hierpool.input.errors import InputError
from hierpool.input.labels import find, texts
from hierpool.plots.density import means
from hierpool.plots.rank_rows import MOST_ROWS
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    WARM,
    Axes,
    axes_for,
    legend_above,
    name_rows,
    styled,
    unit_of,
    width_of,
)
from hierpool.posterior.conditional import fit_of
from hierpool.runtime.settings import whole

MARKS: tuple[dict[str, Any], dict[str, Any]] = (
    {"ls": "none", "marker": "o", "ms": 4.8, "mfc": INK, "mec": "white", "mew": 0.5},
    {"ls": "none", "marker": "X", "ms": 7.5, "mfc": WARM, "mec": "white", "mew": 0.5},
)
"""A later rate inside its interval, and one outside."""


@styled
def plot_predictions(
    tree: xr.DataTree,
    *,
    successes: ByLabel,
    trials: ByLabel,
    top: int | None = None,
    prob: float = 0.89,
    seed: int = 0,
    axes: Axes | None = None,
) -> Axes:
    """Returns the predictive interval of each group's later rate, and the rate that was observed.

    The intervals are those of ``coverage``, divided by the later trials. A tick is the predicted
    rate, a dot a later rate inside its interval, and a cross one outside. The legend says how many
    there are, and how many to expect if the fit is right. Up to 60 groups have a row each, the
    highest prediction first; more stand side by side, without names.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        successes: later successes: a mapping or a Series by name, or an array in the order of the
            groups. Groups may be left out.
        trials: later trials of the same groups.
        top: number of groups to show, the highest prediction first; by default all of them.
        prob: probability of the intervals.
        seed: seed of the draws, where they are needed, as in ``predict``.
        axes: axes to draw into; by default those of a new figure, as high as its rows need.

    Returns:
        The Matplotlib axes.

    Raises:
        InputError: a name or a value breaks a rule, no group has later trials, or the fit can't
            answer.
        TypeError: an argument has the wrong type.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference="quadrature")
        >>> season = frame.set_index("player")
        >>> later = {"successes": season["remaining_hits"], "trials": season["remaining_at_bats"]}
        >>> axes = hp.plot_predictions(tree, **later)
        >>> print(axes.get_xlabel())
        Rate of the later trials (%)
        >>> axes.figure.savefig("predictions.png")  # doctest: +SKIP
    """
    if top is not None:
        top = whole(1)("top", top)
    groups = coverage(tree, successes=successes, trials=trials, prob=prob, seed=seed).groups
    groups = groups[groups["trials"] > 0]
    if groups.empty:
        raise InputError("No group has later trials: there is nothing to compare.")
    with warnings.catch_warnings():
        # ``coverage`` has warned of the fit already.
        warnings.simplefilter("ignore", UserWarning)
        fitted = fit_of(tree)
    groups = groups.assign(mean=means(fitted.of(find(fitted.labels, groups.index))))
    groups = groups.sort_values("mean", ascending=False, kind="stable")
    shown = groups if top is None else groups.iloc[:top]
    lower, upper, rate = (
        shown[name].to_numpy() / shown["trials"].to_numpy()
        for name in ("lower", "upper", "successes")
    )
    inside = shown["inside"].to_numpy()
    expected = float(shown["probability"].sum())
    interval = f"{100 * prob:g}% interval"
    labels = f"inside: {inside.sum():,} (expected {expected:,.1f})", f"outside: {(~inside).sum():,}"
    if len(shown) <= MOST_ROWS:
        return _rows(shown, (lower, upper, rate), interval, labels, len(groups), axes)
    return _columns((lower, upper, rate), inside, interval, labels, axes)


Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def _rows(
    shown: pd.DataFrame,
    values: Three,
    interval: str,
    labels: tuple[str, str],
    num_groups: int,
    axes: Axes | None,
) -> Axes:
    """Draws a row for each group."""
    lower, upper, rate = values
    inside = shown["inside"].to_numpy()
    names = texts(shown.index.to_numpy())
    rows = np.arange(len(shown))
    axes = axes_for(axes, 4.6 + width_of(names), 1.4 + 0.2 * len(rows))
    axes.hlines(rows, 0, 1, colors=FAINT, lw=0.5, transform=axes.get_yaxis_transform(), zorder=0)
    axes.hlines(rows, lower, upper, colors=ACCENT, lw=1.6, label=interval)
    # An interval of a single number of successes has a length, too.
    axes.plot(np.append(lower, upper), np.append(rows, rows), "|", ms=6, mew=1.6, color=ACCENT)
    axes.plot(shown["mean"], rows, "|", ms=10, mew=1.2, color=INK, label="prediction")
    for mark, label, here in zip(MARKS, labels, (inside, ~inside), strict=True):
        axes.plot(rate[here], rows[here], **mark, label=label)
    name_rows(axes, rows, names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    unit_of(np.concatenate(values)).mark(axes.xaxis, "Rate of the later trials")
    if len(rows) < num_groups:
        left_out = num_groups - len(rows)
        axes.set_xlabel(f"{axes.get_xlabel()}\n{left_out:,} more groups not shown")
    legend_above(axes, columns=2)
    return axes


def _columns(
    values: Three, inside: np.ndarray, interval: str, labels: tuple[str, str], axes: Axes | None
) -> Axes:
    """Draws the groups side by side, without names."""
    lower, upper, rate = values
    axes = axes_for(axes, 9.0, 4.6)
    at = np.arange(len(rate)) + 1
    width = max(0.25, 300 / len(at))
    axes.vlines(
        at, lower, upper, colors=ACCENT, lw=min(width, 1.4), alpha=0.45, label=interval,
        rasterized=True,
    )  # fmt: skip
    size = 1.4 + min(2.4, 500 / len(at))
    for mark, label, here in zip(MARKS, labels, (inside, ~inside), strict=True):
        axes.plot(at[here], rate[here], **{**mark, "ms": size + 0.6 * mark["ms"] - 2.6})
        axes.plot([], [], **mark, label=label)
    axes.set_xlim(0, len(at) + 1)
    axes.set_xlabel(f"{len(at):,} groups, the highest prediction first")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    unit_of(np.concatenate(values)).mark(axes.yaxis, "Rate of the later trials")
    legend_above(axes, columns=3)
    return axes
