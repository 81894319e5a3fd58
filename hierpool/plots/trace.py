"""Trace and rank plots: whether the chains of a fit agree.

Source: Vehtari, Gelman, Simpson, Carpenter and Burkner (2021), "Rank-Normalization, Folding, and
Localization: An Improved R-hat for Assessing Convergence of MCMC", for rank plots.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from hierpool.input.errors import InputError
from hierpool.input.labels import find_name, texts
from hierpool.plots.style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    WARM,
    Axes,
    pyplot,
    short,
    styled,
    unit_of,
)
from hierpool.posterior.fitted import Fitted, read_fit

MOST_POINTS = 1500
"""Most draws of a chain that a trace shows."""
MOST_ROWS = 20
"""Most quantities in one picture."""
STEP = 1.6
"""Distance between the histograms of two chains, in units of an even share."""
NUM_BINS = 20
"""Bars of a chain's histogram of ranks."""
FIRST_GROUPS = 3
"""Groups that are shown where there is neither a population nor a choice."""
SHOWN = ("phi", "kappa_log", "mu", "sigma", "tau")
"""The population's parameters that are shown, if the model has them; kappa is as kappa_log."""


@styled
def plot_trace(tree: xr.DataTree, *, groups: Iterable[Any] | None = None) -> np.ndarray:
    """Returns traces and rank plots of the population's parameters, and of chosen groups' theta.

    On the left are the draws, chain after chain, with a line at each chain's mean: chains that
    agree look alike, without trends. Crosses at the bottom are divergent transitions. On the right
    the draws of all chains are ranked together, and each chain has the histogram of its ranks,
    above and below an even share. If chains agree, the bars end near the dashed line: the band
    holds 99% of those of independent draws.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        groups: names of groups whose theta is shown too; by default none, or the first 3 of a fit
            without a population.

    Returns:
        The Matplotlib axes, (quantity, 2).

    Raises:
        InputError: a group is unknown, or there are more than 20 quantities.
        TypeError: ``tree`` is not a tree.
        ImportError: matplotlib is not installed.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit("efron-morris-75", **columns, model="collapsed", inference="quadrature")
        >>> axes = hp.plot_trace(tree, groups=["Max Alvis"])
        >>> [row[0].get_title(loc="left") for row in axes]
        ['phi (%)', 'kappa_log', 'theta of Max Alvis (%)']
        >>> axes[0, 0].figure.savefig("trace.png")  # doctest: +SKIP
    """
    fitted = read_fit(tree, needs_theta=groups is not None)
    draws = _quantities(fitted, groups)
    if not 1 <= len(draws) <= MOST_ROWS:
        raise InputError(
            f"The picture shows from 1 to {MOST_ROWS} quantities, not {len(draws)}: name fewer "
            "groups."
        )
    divergent = np.zeros((fitted.num_chains, 0), bool)
    if "sample_stats" in tree.children and "diverging" in tree["sample_stats"]:
        divergent = tree["sample_stats"]["diverging"].transpose("chain", "draw").values
    figure, axes = pyplot.subplots(
        len(draws), 2, figsize=(10.0, 0.5 + 1.7 * len(draws)), squeeze=False, width_ratios=(3, 2)
    )
    for (left, right), (name, values) in zip(axes, draws.items(), strict=True):
        of_chain = values.reshape(fitted.num_chains, -1)
        _draw_trace(left, of_chain, divergent)
        _draw_ranks(right, of_chain)
        left.set_title(name, fontsize=9)
    axes[-1, 0].set_xlabel("Draw, chain after chain")
    axes[-1, 1].set_xlabel("Rank among all draws")
    figure.suptitle(
        _title(fitted, divergent), x=0.01, ha="left", fontsize=10.5, fontweight="bold", wrap=True
    )
    return axes


def _quantities(fitted: Fitted, groups: Iterable[Any] | None) -> dict[str, np.ndarray]:
    """Returns (draw,) draws by what they are called, rates in a unit that suits them."""
    unit = unit_of(fitted.rate)
    known = [name for name in SHOWN if name in fitted.parameters]
    draws = {}
    for name in known or fitted.parameters:
        values = fitted.parameters[name]
        draws[f"{name} ({unit.name})" if name == "phi" else name] = (
            values * unit.factor if name == "phi" else values
        )
    if groups is None:
        places = np.arange(0 if draws else min(FIRST_GROUPS, fitted.theta.shape[1]))
    else:
        names = [groups] if isinstance(groups, str) else list(groups)
        places = np.array([find_name(fitted.labels, name) for name in names], int)
    for place, name in zip(places, texts(fitted.labels[places]), strict=True):
        draws[f"theta of {short(name)} ({unit.name})"] = fitted.theta[:, place] * unit.factor
    return draws


def _title(fitted: Fitted, divergent: np.ndarray) -> str:
    in_chain = len(fitted.theta) // fitted.num_chains
    size = f"{fitted.num_chains} chains of {in_chain:,} draws"
    if fitted.is_independent:
        return f"{size}, exact and independent: their order means nothing"
    return f"{size}, {int(divergent.sum()):,} of them divergent"


def _draw_trace(axes: Axes, draws: np.ndarray, divergent: np.ndarray) -> None:
    """Draws (chain, draw) values, chain after chain."""
    num_chains, in_chain = draws.shape
    every = -(-in_chain // MOST_POINTS)
    for chain, values in enumerate(draws):
        at = chain * in_chain + np.arange(0, in_chain, every)
        axes.plot(at, values[::every], color=ACCENT if chain % 2 else INK, lw=0.4, rasterized=True)
        ends = [chain * in_chain, (chain + 1) * in_chain]
        axes.plot(ends, [values.mean()] * 2, color="white", lw=2.4)
        axes.plot(ends, [values.mean()] * 2, color=WARM, lw=1.2)
        if chain:
            axes.axvline(ends[0], color=QUIET, lw=0.8, ls=":")
    (found,) = np.nonzero(divergent.ravel())
    if len(found):
        axes.plot(
            found, np.full(len(found), 0.02), "x", ms=5, color=WARM, clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_xlim(0, num_chains * in_chain)


def _draw_ranks(axes: Axes, draws: np.ndarray) -> None:
    """Draws a histogram of ranks for each chain, one above the other."""
    num_chains, in_chain = draws.shape
    ranks = draws.ravel().argsort().argsort().reshape(draws.shape)
    num_bins = min(NUM_BINS, in_chain)
    edges = np.linspace(0, draws.size, num_bins + 1)
    mean = in_chain / num_bins
    sd = np.sqrt(mean * (1 - 1 / num_bins) * (1 - 1 / num_chains))
    bases = -STEP * np.arange(num_chains)
    for base, of_chain in zip(bases, ranks, strict=True):
        band = 2.6 * sd / mean
        axes.fill_between([0, draws.size], base - band, base + band, color=FAINT, lw=0, zorder=0)
        more = np.clip(np.histogram(of_chain, edges)[0] / mean - 1, -0.48 * STEP, 0.48 * STEP)
        axes.stairs(
            base + more, edges, baseline=base, fill=True, color=ACCENT, alpha=0.35, zorder=1
        )
        axes.stairs(base + more, edges, baseline=base, color=INK, lw=0.9, zorder=2)
        axes.axhline(base, color=QUIET, lw=0.8, dashes=(4, 3), zorder=1)
    axes.set_yticks(bases, [f"chain {chain + 1}" for chain in range(num_chains)])
    axes.tick_params(axis="y", length=0, labelsize=min(9.0, 36 / num_chains))
    axes.set_xlim(0, draws.size)
    axes.set_ylim(bases[-1] - STEP / 2, STEP / 2)
