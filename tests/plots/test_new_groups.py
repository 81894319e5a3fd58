"""New groups against the population."""

import numpy as np
import pytest
from fits import NAMES, fit_of
from matplotlib.axes import Axes
from pictures import LONG, require_legible

import hierpool as hp

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")


def legend(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def means_of_curves(axes: Axes) -> list[float]:
    curves = [line.get_data() for line in axes.lines if len(line.get_xdata()) == 400]
    return [float(np.trapezoid(x * y, x) / np.trapezoid(y, x)) for x, y in curves]


@pytest.mark.parametrize("model", ["beta", "none"])
def test_the_means_of_the_curves_are_those_of_new_groups(model: str) -> None:
    groups = {"rookie": (0, 4), "veteran": (20, 50)}
    table = hp.new_groups(fit_of(model), groups)
    means = means_of_curves(hp.plot_new_groups(fit_of(model), groups))
    # The tails that a curve leaves out move its mean a little.
    assert np.allclose(means, table["mean"], atol=0.003)


def test_groups_of_the_fit_may_be_named() -> None:
    axes = hp.plot_new_groups(fit_of(with_unseen=True), ["unseen", NAMES[0]])
    assert legend(axes)[:2] == ["unseen: 0 of 0", f"{NAMES[0]}: 18 of 45, raw rate 40%"]


def test_marks_of_equal_raw_rates_do_not_cover_each_other() -> None:
    axes = hp.plot_new_groups(fit_of(), {f"new {i}": (i, 4 * i) for i in range(1, 7)})
    marks = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert len({tuple(mark) for mark in marks}) == 6
    assert {x for x, _ in marks} == {0.25}


def test_the_other_groups_are_ticks_at_their_means() -> None:
    tree = fit_of(with_unseen=True)
    axes = hp.plot_new_groups(tree, ["unseen"])
    (ticks,) = [line for line in axes.lines if len(line.get_xdata()) == 18]
    means = hp.summarize(tree).groups["mean"].drop("unseen")
    assert np.allclose(ticks.get_xdata(), means, atol=0.005)


def test_hard_names_are_legible() -> None:
    axes = hp.plot_new_groups(
        fit_of(), {LONG: (3, 9), "costs $5 and $10_x": (0, 0), "東京": (1, 2)}
    )
    axes.get_figure(root=True).draw_without_rendering()
    texts = axes.get_legend().get_texts()
    require_legible(axes, [text.get_window_extent() for text in texts])
    assert legend(axes)[1] == "costs $5 and $10_x: 0 of 0"


def test_wrong_groups_are_refused() -> None:
    with pytest.raises(hp.InputError, match="from 1 to 6 new groups, and 0 are given"):
        hp.plot_new_groups(fit_of(), {})
    with pytest.raises(hp.InputError, match="from 1 to 6 new groups, and 7 are given"):
        hp.plot_new_groups(fit_of(), {str(i): (0, 1) for i in range(7)})
    with pytest.raises(hp.InputError, match="no group 'rookie'"):
        hp.plot_new_groups(fit_of(), "rookie")
    with pytest.raises(hp.InputError, match="has the name of a group"):
        hp.plot_new_groups(fit_of(), {NAMES[0]: (0, 4)})
