import numpy as np
import pandas as pd
import pytest
from pictures import NAMES, estimate_of, require_legible, texts_in

import hierpool as hp
from hierpool.plots.reach import reach_of
from hierpool.plots.shrinkage import _ends

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")


def test_a_line_leads_from_the_diagonal_to_the_estimate() -> None:
    estimate = estimate_of(18, unseen=4)
    axes = hp.plot_shrinkage(estimate)
    lines, dots = axes.collections[:2]
    shown = estimate.groups.drop("g4")
    want = [[(x, x), (x, y)] for x, y in zip(shown["rate"], shown["mean"], strict=True)]
    np.testing.assert_allclose(np.array(lines.get_segments()), want)
    np.testing.assert_allclose(dots.get_offsets(), shown[["rate", "mean"]])
    assert "1 without trials left out" in axes.get_xlabel()


def test_the_area_of_a_dot_grows_with_the_trials() -> None:
    estimate = estimate_of(18)
    areas = hp.plot_shrinkage(estimate).collections[1].get_sizes()
    trials = estimate.groups["trials"].to_numpy()
    large = areas > areas.min()
    assert large.sum() > 5 and trials[large].min() >= trials[~large].max()
    np.testing.assert_allclose(areas[large] / trials[large], areas.max() / trials.max())


@pytest.mark.parametrize("number", [5, 18, 71, 308])
def test_texts_are_neither_cut_nor_cover_each_other(number: int) -> None:
    axes = hp.plot_shrinkage(estimate_of(number, names=NAMES, unseen=2))
    boxes = texts_in(axes)
    assert len(boxes) > 5
    require_legible(axes, boxes)


def campaigns(*tiny: tuple[int, int], flip: bool = False) -> hp.Estimate:
    """Returns an estimate of 60 groups of many trials with rates near 3%, and of tiny ones.

    With ``flip`` successes are failures.
    """
    many = [(k, 1000) for k in range(10, 70)]
    counts = np.array([*many, *tiny])
    mean = (counts[:, 0] + 3) / (counts[:, 1] + 100)
    if flip:
        counts[:, 0], mean = counts[:, 1] - counts[:, 0], 1 - mean
    groups = pd.DataFrame({"successes": counts[:, 0], "trials": counts[:, 1]})
    groups = groups.assign(rate=groups["successes"] / groups["trials"], mean=mean)
    return hp.Estimate(groups, pd.DataFrame({"phi_mean": [0.03]}))


def test_a_raw_rate_of_few_trials_does_not_stretch_the_axes_and_is_marked_at_the_edge() -> None:
    estimate = campaigns((1, 1), (0, 2), (1, 2))
    axes = hp.plot_shrinkage(estimate)
    (low, high), up = axes.get_xlim(), axes.get_ylim()
    assert (low, high) == up and -0.01 < low < 0 and 0.069 < high < 0.075
    dots, arrows = axes.collections[1], axes.collections[-1]
    assert len(dots.get_offsets()) == 61
    x, y = np.asarray(arrows.get_offsets()).T
    np.testing.assert_allclose(y, estimate.groups["mean"].iloc[[60, 62]])
    assert ((0.98 * high < x) & (x < high)).all()
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told[-1] == "2 raw rates lie beyond the edge"


@pytest.mark.parametrize(("flip", "side"), [(False, 1), (True, -1)])
def test_an_arrow_points_to_where_the_raw_rate_lies(*, flip: bool, side: int) -> None:
    arrows = hp.plot_shrinkage(campaigns((1, 1), flip=flip)).collections[-1]
    corners = np.unique(arrows.get_paths()[0].vertices.round(6), axis=0)
    # A triangle with one corner, its tip, on that side.
    tip = corners[np.argmax(side * corners[:, 0]), 0]
    assert len(corners) == 3 and np.sum(corners[:, 0] == tip) == 1


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_the_axes_end_a_little_beyond_what_they_show(factor: float) -> None:
    low, high = _ends(factor * np.array([0.001, 0.9]))
    assert low == pytest.approx(-0.03 * 0.9 * factor)
    assert high == pytest.approx(factor * (0.9 + 0.06 * 0.899))
    assert _ends(np.array([0.5, 1.0])) == (pytest.approx(0.47), 1.03)


def test_a_raw_rate_that_does_not_squeeze_the_others_stays_where_it_is() -> None:
    # The 18 players' rates, and 0 for 4.
    rate = np.append(np.linspace(7, 18, 18).round() / 45, 0)
    mean = 0.26 + 0.4 * (rate - 0.26)
    assert reach_of(rate, mean, np.append(np.full(18, 45), 4)) == (0, 0.4)


@pytest.mark.parametrize("trials", [1, 3, 1000])
def test_no_raw_rate_is_beyond_the_edge_where_all_have_as_many_trials(trials: int) -> None:
    rate = np.append(np.full(50, 0.0), 1.0)
    assert reach_of(rate, np.full(51, 0.02), np.full(51, trials)) == (0, 1)


def test_a_name_covers_no_dot_and_no_line_of_another_name() -> None:
    axes = hp.plot_shrinkage(campaigns((1, 1), (0, 2)))
    boxes = texts_in(axes)[2 : len(axes.texts)]
    dots = axes.transData.transform(axes.collections[1].get_offsets())
    lines = [text.arrow_patch for text in axes.texts[2:] if text.arrow_patch is not None]
    assert len(boxes) > 2 and lines
    for box in boxes:
        assert not np.any(np.all((box.min < dots) & (dots < box.max), axis=1))
    for text, box in zip(axes.texts[2:], boxes, strict=True):
        for line in lines:
            path = line.get_path().transformed(line.get_transform())
            assert line is text.arrow_patch or not path.intersects_bbox(box, filled=False)


def test_chosen_groups_alone_are_named() -> None:
    axes = hp.plot_shrinkage(estimate_of(308), groups=["g7", "g300"])
    assert {"g7", "g300"} == {text.get_text() for text in axes.texts[2:]}


def test_thousands_of_groups_are_counted_in_cells() -> None:
    axes = hp.plot_shrinkage(estimate_of(2000))
    (cells,) = axes.collections
    assert cells.get_array().sum() == 2000


def test_groups_without_trials_alone_cannot_be_compared() -> None:
    with pytest.raises(hp.InputError, match="No group has trials"):
        hp.plot_shrinkage(estimate_of(1, unseen=0))
