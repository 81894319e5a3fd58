"""The three pictures of ranks show what ``rank`` returns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fits import fit_of
from matplotlib.axes import Axes
from named import named_fit
from pictures import require_legible, written

import hierpool as hp

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")

PICTURES: list[Callable[..., Axes]] = [hp.plot_ranks, hp.plot_best, hp.plot_rank_intervals]
each_picture = pytest.mark.parametrize("plot", PICTURES)


def bar_label(axes: Axes) -> str:
    return axes.get_figure(root=True).axes[-1].get_ylabel()


def widths(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches]


@each_picture
@pytest.mark.parametrize("number", [5, 60, 308])
def test_names_are_neither_cut_nor_cover_each_other(plot: Any, number: int) -> None:
    axes = plot(named_fit(number))
    axes.get_figure(root=True).draw_without_rendering()
    require_legible(axes, [label.get_window_extent() for label in axes.get_yticklabels()])


@each_picture
def test_of_many_groups_the_first_are_shown_and_the_rest_counted(plot: Any) -> None:
    axes = plot(named_fit(308))
    shown = 20 if plot is hp.plot_best else 60
    assert len(written(axes)) == shown
    assert f"{308 - shown} more groups not shown" in axes.get_xlabel()
    assert "1 more group not shown" in plot(named_fit(5), top=4).get_xlabel()
    assert "not shown" not in plot(named_fit(5), top=9).get_xlabel()


@each_picture
def test_the_lowest_may_be_the_best(plot: Any) -> None:
    highest, lowest = written(plot(fit_of())), written(plot(fit_of(), best="lowest"))
    assert (highest[0], lowest[0]) == ("Roberto Clemente", "Max Alvis")


@each_picture
def test_it_draws_into_the_axes_of_the_caller(plot: Any) -> None:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots()
    assert plot(fit_of(), axes=axes) is axes


@each_picture
@pytest.mark.parametrize("top", [0, 2.5])
def test_a_number_of_groups_is_whole_and_positive(plot: Any, top: float) -> None:
    with pytest.raises(hp.InputError, match="top must be a whole number"):
        plot(fit_of(), top=top)


def test_the_bars_are_the_probabilities_of_being_the_best() -> None:
    best = hp.rank(fit_of()).groups["best"].sort_values(ascending=False, kind="stable")
    axes = hp.plot_best(fit_of())
    assert np.allclose(widths(axes), 100 * best)
    assert written(axes) == list(best.index)
    rest = hp.plot_best(fit_of(), top=3).get_xlabel()
    assert f"15 more groups not shown: {100 * best[3:].sum():.1f}% together" in rest


def test_the_rows_of_the_heat_map_are_the_distributions_of_the_ranks() -> None:
    ranks = hp.rank(fit_of())
    axes = hp.plot_ranks(fit_of())
    (cells,) = [mesh.get_array() for mesh in axes.collections]
    assert np.allclose(cells, ranks.distribution.loc[written(axes)])
    # Thousands of cells would make a large file.
    assert all(mesh.get_rasterized() for mesh in axes.collections)
    assert bar_label(axes) == "Probability of the rank"


def test_several_ranks_share_a_column_where_there_are_many() -> None:
    axes = hp.plot_ranks(named_fit(308), top=308)
    (cells,) = [mesh.get_array() for mesh in axes.collections]
    assert cells.shape[1] <= 120
    assert np.allclose(cells.sum(axis=1), 1)
    assert bar_label(axes) == "Probability of 3 ranks"


@pytest.mark.parametrize("asked", [{}, {"prob": 0.5}])
def test_the_ends_of_the_intervals_are_those_of_rank(asked: dict[str, float]) -> None:
    groups = hp.rank(fit_of(), **asked).groups  # type: ignore[arg-type]
    axes = hp.plot_rank_intervals(fit_of(), **asked)  # type: ignore[arg-type]
    lines = axes.collections[1].get_segments()
    for name, line in zip(written(axes), lines, strict=True):
        assert line[:, 0].tolist() == groups.loc[name, ["lower", "upper"]].tolist()
    name = f"{100 * asked.get('prob', 0.89):g}% interval"
    assert name in [text.get_text() for text in axes.get_legend().get_texts()]
