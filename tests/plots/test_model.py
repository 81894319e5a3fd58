"""The picture of a model."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

import hierpool as hp
from hierpool.models.catalogue import CATALOGUE, model_of_word
from hierpool.models.graph import graph_of


def boxes_of_texts(axes: plt.Axes) -> list[Bbox]:
    axes.figure.canvas.draw()
    texts = [text for text in axes.texts if not isinstance(text, Annotation)]
    return [text.get_window_extent() for text in texts]


@pytest.mark.parametrize("word", CATALOGUE)
def test_every_quantity_is_drawn_and_no_texts_overlap(word: str) -> None:
    axes = hp.plot_model(word, num_groups=18)
    drawn = {text.get_text().replace("\n", " ") for text in axes.texts}
    assert {node.text for node in graph_of(model_of_word(word)).values()} <= drawn
    assert "group i = 1, ..., 18" in drawn
    boxes = boxes_of_texts(axes)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(axes.figure.bbox.contains(*corner) for box in boxes for corner in box.corners())


@pytest.mark.parametrize("word", ["partial", "none"])
def test_lengths_are_inches(word: str) -> None:
    axes = hp.plot_model(word)
    left, right = axes.get_xlim()
    assert axes.figure.get_size_inches()[0] == pytest.approx(right - left)


@pytest.mark.parametrize("word", CATALOGUE)
def test_each_text_stands_in_the_middle_of_its_own_shape(word: str) -> None:
    axes = hp.plot_model(word)
    centres = [(box.x0 + box.width / 2, box.y0 + box.height / 2) for box in boxes_of_texts(axes)]
    shapes = [patch.get_window_extent() for patch in axes.patches]
    inside = [[centre for centre in centres if shape.contains(*centre)] for shape in shapes]
    # A plate holds several.
    single = [(shape, found) for shape, found in zip(shapes, inside, strict=True) if len(found) < 2]
    assert len(single) >= len(shapes) - 1
    for shape, found in single:
        ((x, y),) = found
        assert abs(shape.x0 + shape.width / 2 - x) < 0.1 * shape.width
        assert abs(shape.y0 + shape.height / 2 - y) < 0.2 * shape.height


@pytest.mark.parametrize("size", [(4, 3), (2, 6), (6, 2)])
def test_a_text_fits_in_its_shape_in_axes_of_the_caller_too(size: tuple[float, float]) -> None:
    _, axes = plt.subplots(figsize=size)
    assert hp.plot_model("logit", axes=axes) is axes
    boxes = boxes_of_texts(axes)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    for shape in (patch.get_window_extent() for patch in axes.patches):
        inside = [box for box in boxes if shape.contains(box.x0 + box.width / 2, box.y0)]
        # What is given has no frame.
        assert all(box.width < 1.1 * shape.width for box in inside)
