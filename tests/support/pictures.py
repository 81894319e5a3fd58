"""Estimates made by hand for pictures, and what a drawn picture shows."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import hierpool as hp
from hierpool.plots.style import figure_of

LONG = (
    "A name that is a good deal longer than forty letters, and goes on to one hundred of them or so"
)
NAMES = [LONG, "東京都立中央総合医療センター附属病院小児科", "costs $5 and $10_x", "two\nlines"]
"""Names that are hard to write."""


def estimate_of(
    number: int, *, names: list[str] | None = None, unseen: int | None = None, prob: bool = True
) -> hp.Estimate:
    """Returns an estimate of that many groups, which nobody computed.

    Args:
        number: number of groups.
        names: names of the first groups; the others are "g4", "g5", ...
        unseen: the index of a group without trials.
        prob: whether there are intervals.
    """
    rng = np.random.default_rng(number)
    trials = np.exp(rng.uniform(np.log(5), np.log(2000), number)).astype(int)
    successes = rng.binomial(trials, rng.beta(20, 60, number))
    if unseen is not None:
        trials[unseen] = successes[unseen] = 0
    mean = (successes + 20) / (trials + 80)
    reach = 1.6 * np.sqrt(mean * (1 - mean) / (trials + 80))
    groups = pd.DataFrame(
        {
            "successes": successes,
            "trials": trials,
            "rate": np.where(trials > 0, successes / np.maximum(trials, 1), np.nan),
            "mean": mean,
        },
        index=pd.Index([*(names or []), *(f"g{i}" for i in range(len(names or []), number))]),
    )
    if prob:
        groups = groups.assign(lower=mean - reach, upper=mean + reach)
    return hp.Estimate(groups, pd.DataFrame({"phi_mean": [0.25]}))


def written(axes: Axes) -> list[str]:
    """Returns the names along the y axis from the top."""
    labels = sorted(axes.get_yticklabels(), key=lambda label: float(label.get_position()[1]))
    return [label.get_text() for label in labels]


def require_legible(axes: Axes, boxes: list[Bbox]) -> None:
    """Fails if one of the texts leaves the picture or covers another."""
    whole = figure_of(axes).bbox
    for box in boxes:
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1, f"{box} is cut by {whole}"
        assert whole.y0 <= box.y0 and box.y1 <= whole.y1, f"{box} is cut by {whole}"
    for index, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[index + 1 :]), "a text covers another"


def texts_in(axes: Axes) -> list[Bbox]:
    """Returns the boxes of all texts in the axes and of the names along y, once drawn."""
    figure_of(axes).draw_without_rendering()
    low, high = sorted(axes.get_ylim())
    # Matplotlib keeps labels of ticks beyond the ends too, and does not draw them.
    names = [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    texts = [*axes.texts, *names, *axes.get_legend().get_texts()]
    # Not of an annotation, whose box has its line in it.
    return [Text.get_window_extent(text) for text in texts if text.get_text()]


def contradicted() -> xr.DataTree:
    """Returns a fit whose population contradicts its three groups."""
    arms = {"y": [110, 90, 130], "n": [10**5] * 3}
    exactly = hp.Quadrature(num_chains=2, num_draws=100)
    with pytest.warns(hp.PopulationWarning):
        return hp.fit(arms, "y", "n", model="collapsed", inference=exactly)
