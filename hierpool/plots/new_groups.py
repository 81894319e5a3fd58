"""New groups against the population and the other groups."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from hierpool.answers.new_groups import weighted_new_groups
from hierpool.input.errors import InputError
from hierpool.input.labels import find_name, texts
from hierpool.input.new_groups import NewGroups
from hierpool.plots.density import curve, highest, label_density, means, population_curve
from hierpool.plots.style import (
    FAINT,
    INK,
    QUIET,
    WARM,
    Axes,
    axes_for,
    legend_above,
    short,
    styled,
    unit_of,
)
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import read_fit

STYLES = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKS = ("v", "s", "D", "^", "P", "X")
"""Lines and marks that tell new groups apart without colour."""
STEP = 0.05
"""Distance between marks, as a share of the height."""
COLORS = (WARM, INK, WARM, INK, WARM, INK)


@styled
def plot_new_groups(
    tree: xr.DataTree,
    groups: NewGroups | Iterable[Any],
    *,
    seed: int = 0,
    axes: Axes | None = None,
) -> Axes:
    """Returns a picture of new groups against the population and the other groups.

    Each new group is the density of its theta, with its raw rate as a mark on the axis. The
    population is the grey area: theta of a group of which nothing is known. A density between its
    raw rate and the population shows how far the group is drawn to the others. The posterior means
    of the other groups are ticks.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        groups: data of groups that were not in the fit, ``{"rookie": (0, 4)}``, as ``new_groups``
            takes them; or names of groups of the fit. At most 6.
        seed: seed of the draws of theta, which are used where its density has no closed form.
        axes: axes to draw into; by default those of a new figure.

    Returns:
        The Matplotlib axes.

    Raises:
        InputError: a name or a number breaks a rule, there are none or more than 6, or the model
            can't draw theta given the population.
        TypeError: an argument has the wrong type.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.
        FewDrawsWarning: the data of the new groups leave fewer than 100 effective draws.

    Examples:
        >>> import hierpool as hp
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit("efron-morris-75", **columns, model="collapsed", inference="quadrature")
        >>> axes = hp.plot_new_groups(tree, {"rookie": (0, 4)})
        >>> print([text.get_text() for text in axes.get_legend().texts][0])
        rookie: 0 of 4, raw rate 0%
        >>> axes.figure.savefig("rookie.png")  # doctest: +SKIP
    """
    fitted = read_fit(tree, needs_theta=False)
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    if isinstance(groups, Mapping):
        added, weight = weighted_new_groups(fitted, groups)
        new, others = added, fitted
    else:
        weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
        names = [groups] if isinstance(groups, str) else list(groups)
        found = np.array([find_name(fitted.labels, name) for name in names], int)
        new = fitted.of(found)
        others = fitted.of(np.setdiff1d(np.arange(len(fitted.labels)), found))
    number = len(new.labels)
    if not 1 <= number <= len(STYLES):
        raise InputError(
            f"The picture shows from 1 to {len(STYLES)} new groups, and {number} are given: name "
            "those to be shown."
        )
    curves = [curve(new, weight, index, 0.5, seed) for index in range(number)]
    behind = population_curve(fitted, 0.5, seed)
    unit = unit_of(np.concatenate([fitted.rate, *(each.at[[0, -1]] for each in curves)]))
    axes = axes_for(axes, 6.6, 4.4)
    axes.fill_between(behind.at, 0, behind.density, color=FAINT, lw=0, zorder=0)
    for index, (name, each) in enumerate(zip(texts(new.labels), curves, strict=True)):
        y, n = int(new.successes[index]), int(new.trials[index])
        look: dict[str, Any] = {"color": COLORS[index], "mfc": "white", "mew": 1.6, "ms": 7}
        axes.plot(each.at, each.density, ls=STYLES[index], color=COLORS[index], lw=1.8, zorder=3)
        label = f"{short(name)}: {y:,} of {n:,}"
        if n:
            # One above the other, since rates may be equal.
            axes.plot(
                y / n, STEP * index, MARKS[index], **look, clip_on=False, zorder=5,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
            label += f", raw rate {unit.text(y / n)}"
        axes.plot([], [], marker=MARKS[index] if n else "", ls=STYLES[index], **look, label=label)
    axes.fill_between([], 0, [], color=FAINT, label="the population: a group not yet seen")
    if len(others.labels):
        mean = means(others)
        axes.plot(
            mean, np.full(len(mean), 0.045), "|", ms=8, mew=0.9, color=QUIET,
            alpha=max(0.1, min(1.0, 60 / len(mean))), transform=axes.get_xaxis_transform(),
            zorder=2,
        )  # fmt: skip
        axes.plot([], [], "|", ms=8, color=QUIET, label="means of the other groups")
    axes.set_ylim(0, highest(*(each._replace(band=None) for each in (behind, *curves))))
    unit.mark(axes.xaxis, "theta, the chance of success of a group")
    label_density(axes, unit)
    legend_above(axes, columns=1)
    return axes
