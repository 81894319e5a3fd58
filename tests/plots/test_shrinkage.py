import numpy as np
import pytest
from pictures import NAMES, estimate_of, require_legible, texts_in

import hierpool as hp

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
    np.testing.assert_allclose(areas[large] / trials[large], areas.max() / trials.max())


@pytest.mark.parametrize("number", [5, 18, 71, 308])
def test_texts_are_neither_cut_nor_cover_each_other(number: int) -> None:
    axes = hp.plot_shrinkage(estimate_of(number, names=NAMES, unseen=2))
    boxes = texts_in(axes)
    assert len(boxes) > 5
    require_legible(axes, boxes)


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
