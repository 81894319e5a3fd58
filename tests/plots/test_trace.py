"""Trace and rank plots."""

import numpy as np
import pytest
import xarray as xr
from fits import NAMES, draws_of, fit_of
from matplotlib.axes import Axes
from matplotlib.text import Text
from named import named_fit
from pictures import require_legible

import hierpool as hp
from hierpool.models.protocol import GROUPS

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")


def titles(axes: np.ndarray) -> list[str]:
    return [left.get_title(loc="left") for left, _ in axes]


def heading(axes: np.ndarray) -> str:
    return str(axes[0, 0].figure.get_suptitle())


def with_statistics(tree: xr.DataTree, divergent: list[tuple[int, int]]) -> xr.DataTree:
    """Returns the fit as if NUTS had drawn it, with these divergent transitions."""
    diverging = np.zeros((4, 1500), bool)
    for place in divergent:
        diverging[place] = True
    tree = tree.copy()
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (("chain", "draw"), diverging)}))
    return tree


def crosses(axes: Axes) -> list[float]:
    return [float(x) for line in axes.lines if line.get_marker() == "x" for x in line.get_xdata()]


def test_the_population_and_chosen_groups_have_a_row_each() -> None:
    assert titles(hp.plot_trace(fit_of())) == ["phi (%)", "kappa_log"]
    chosen = titles(hp.plot_trace(fit_of("logit"), groups=[NAMES[3]]))
    assert chosen == ["mu", "sigma", f"theta of {NAMES[3]} (%)"]
    first = [f"theta of {name} (%)" for name in NAMES[:3]]
    assert titles(hp.plot_trace(fit_of("none"))) == first


def test_exact_draws_are_said_to_be_independent() -> None:
    assert "exact and independent" in heading(hp.plot_trace(fit_of()))
    of_nuts = heading(hp.plot_trace(with_statistics(fit_of(), [(1, 7), (3, 0)])))
    assert of_nuts == "4 chains of 1,500 draws, 2 of them divergent"


def test_divergent_transitions_are_crosses_at_their_draws() -> None:
    tree = with_statistics(fit_of(), [(1, 7), (3, 0)])
    for left in hp.plot_trace(tree)[:, 0]:
        assert crosses(left) == [1507, 4500]


def test_the_draws_stand_chain_after_chain_with_the_mean_of_each() -> None:
    left = hp.plot_trace(fit_of(), groups=[NAMES[0]])[2, 0]
    theta = 100 * draws_of(fit_of())[:, 0].reshape(4, -1)
    traces = [line for line in left.lines if len(line.get_xdata()) == 1500]
    for chain, line in enumerate(traces):
        assert line.get_xdata()[0] == 1500 * chain
        assert np.allclose(line.get_ydata(), theta[chain])
    levels = {round(float(line.get_ydata()[0]), 9) for line in left.lines}
    assert {round(float(mean), 9) for mean in theta.mean(axis=1)} <= levels


def test_a_chain_apart_has_other_ranks() -> None:
    theta = np.random.default_rng(0).uniform(0.2, 0.3, (6000, 1))
    theta[4500:] += 0.2
    tree = fit_of().copy()
    moved = tree["posterior"].dataset.assign(
        phi=(("chain", "draw"), theta.reshape(4, 1500)),
    )
    tree["posterior"] = xr.DataTree(moved)
    right = hp.plot_trace(tree)[0, 1]
    highest = [patch.get_data().values.max() - patch.get_data().baseline for patch in right.patches]
    # Each chain has a filled histogram and its outline; the last has all high ranks.
    assert max(highest[-2:]) > 0.7 > 0.6 > max(highest[:-2])


def test_hard_names_are_legible() -> None:
    tree = named_fit(5)
    axes = hp.plot_trace(tree, groups=tree["posterior"][GROUPS].values)
    figure = axes[0, 0].figure
    figure.draw_without_rendering()
    written = [text for text in figure.findobj(Text) if "theta of" in text.get_text()]
    assert len(written) == 5
    require_legible(axes[0, 0], [text.get_window_extent() for text in written])


def test_wrong_groups_are_refused() -> None:
    with pytest.raises(hp.InputError, match="no group 'Max Alviss'; the nearest name is 'Max Alvi"):
        hp.plot_trace(fit_of(), groups=["Max Alviss"])
    with pytest.raises(hp.InputError, match="from 1 to 20 quantities, not 21: name fewer groups"):
        hp.plot_trace(named_fit(40), groups=[f"group {i}" for i in range(20, 39)])
