"""The population: its two numbers with their exact density, and the chances of its groups."""

import numpy as np
import xarray as xr

from hierpool.inference.population_density import population_density
from hierpool.input.arguments import check_prob
from hierpool.input.errors import InputError
from hierpool.models.protocol import groups_differ
from hierpool.plots.density import highest, label_density, population_curve
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    Axes,
    Unit,
    legend_above,
    pyplot,
    styled,
    unit_of,
)
from hierpool.posterior.contradiction import warn_of_contradiction
from hierpool.posterior.fitted import Fitted, read_fit

SHARES = (0.5, 0.89, 0.99)
"""Posterior probabilities within the contours."""
STYLES = ("-", "--", ":")
MOST_DOTS = 4000
"""Most draws that are shown."""
FEWEST_IN_BARS = 40
"""Fewest raw rates that are shown as a histogram; fewer are ticks."""
MEANINGS = {
    "phi": "phi, the population's mean chance",
    "kappa_log": "kappa_log, the log of kappa (in trials)",
    "mu": "mu, the population's mean (log-odds)",
    "sigma": "sigma, the population's sd (log-odds)",
}
"""What the axis of a parameter says."""


@styled
def plot_population(tree: xr.DataTree, *, prob: float = 0.89) -> np.ndarray:
    """Returns two pictures of the population: its two numbers, and the chances of its groups.

    On the left are the draws of phi and kappa_log (or of mu and sigma) and, in front of them, the
    contours of their exact joint density, within which 50, 89 and 99% of the posterior lie: dots
    and contours agree where the draws are right. On the right is the population: the density of
    theta of a group that is not yet seen, with a band for what is not known of the population,
    over the raw rates. Raw rates of few trials spread more widely than the population does. Under
    complete pooling there is only the right picture, of phi.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        prob: probability of the band, at each chance by itself.

    Returns:
        The Matplotlib axes, in an array of two, or of one under complete pooling.

    Raises:
        InputError: the model has no population, or ``prob`` does not lie between 0 and 1.
        TypeError: an argument has the wrong type.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.
        PopulationWarning: the population contradicts its groups; the message says what to change.

    Examples:
        >>> import hierpool as hp
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit("efron-morris-75", **columns, model="collapsed", inference="quadrature")
        >>> left, right = hp.plot_population(tree)
        >>> print(left.get_xlabel())
        phi, the population's mean chance (%)
        >>> left.figure.savefig("population.png")  # doctest: +SKIP
    """
    check_prob(prob)
    fitted = read_fit(tree, needs_theta=False)
    warn_of_contradiction(fitted.successes, fitted.trials, fitted.parameters)
    if not fitted.parameters:
        raise InputError(
            f"{type(fitted.model).__name__} has no population to draw: its groups have nothing in "
            "common."
        )
    unit = unit_of(fitted.rate)
    if not groups_differ(fitted.model):
        axes = pyplot.subplots(figsize=(5.2, 3.8))[1]
        _draw_groups(fitted, axes, prob, unit)
        return np.array([axes])
    left, right = pyplot.subplots(1, 2, figsize=(10.0, 4.2))[1]
    _draw_parameters(fitted, left, unit)
    _draw_groups(fitted, right, prob, unit)
    return np.array([left, right])


def _draw_parameters(fitted: Fitted, axes: Axes, unit: Unit) -> None:
    """Draws two parameters against each other, and their exact density where there is one."""
    exact = population_density(fitted)
    names = list(MEANINGS if exact is None else exact.values)
    names = [name for name in names if name in fitted.parameters] or list(fitted.parameters)
    if len(names) < 2:
        raise InputError(
            f"{type(fitted.model).__name__} has one parameter, and this picture needs two."
        )
    first, second = names[:2]
    every = -(-len(fitted.theta) // MOST_DOTS)
    of = {name: fitted.parameters[name][fitted.kept(every)] for name in (first, second)}
    axes.plot(
        of[first], of[second], "o", ms=1.6, mfc=QUIET, mec="none", alpha=0.5,
        rasterized=True, zorder=1,
    )  # fmt: skip
    axes.plot([], [], "o", ms=4, mfc=QUIET, mec="none", label="draws")
    if exact is not None:
        levels = dict(zip(SHARES, exact.levels(list(SHARES)), strict=True))
        for share, style in zip(SHARES, STYLES, strict=True):
            axes.contour(
                *exact.values.values(), exact.density, [levels[share]], colors=INK,
                linestyles=style, linewidths=1.2, zorder=2,
            )  # fmt: skip
            axes.plot([], [], style, color=INK, lw=1.2, label=f"{100 * share:g}% of the posterior")
    axes.set(xlabel=MEANINGS.get(first, first), ylabel=MEANINGS.get(second, second))
    if first == "phi":
        unit.mark(axes.xaxis, MEANINGS[first])
    legend_above(axes, columns=2)


def _draw_groups(fitted: Fitted, axes: Axes, prob: float, unit: Unit) -> None:
    """Draws the density of theta of a group not yet seen over the raw rates."""
    curve = population_curve(fitted, prob)
    rate = fitted.rate[fitted.trials > 0]
    if len(rate) >= FEWEST_IN_BARS:
        axes.hist(
            rate, bins="auto", density=True, color=FAINT, ec="white", lw=0.5, label="raw rates",
            zorder=0,
        )  # fmt: skip
    else:
        axes.plot(
            rate, np.full(len(rate), 0.03), "|", ms=9, mew=1.2, color=INK, label="raw rates",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    if curve.band is not None:
        axes.fill_between(
            curve.at, *curve.band, color=ACCENT, alpha=0.25, lw=0, label=f"{100 * prob:g}% band"
        )
    same = not groups_differ(fitted.model)
    axes.plot(
        curve.at, curve.density, color=ACCENT, lw=2, label="phi" if same else "a group not yet seen"
    )
    axes.set_ylim(0, highest(curve))
    what = "phi, the chance of every group" if same else "theta, the chance of success of a group"
    unit.mark(axes.xaxis, what)
    label_density(axes, unit)
    legend_above(axes, columns=2)
