"""Predictions against what came later."""

import numpy as np
import pytest
from fits import PLAYERS, fit_of
from named import named_fit
from pictures import require_legible, texts_in, written

import hierpool as hp

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")

SEASON = PLAYERS.set_index("player")
LATER = {"successes": SEASON["remaining_hits"], "trials": SEASON["remaining_at_bats"]}


def test_marks_and_counts_are_those_of_coverage() -> None:
    axes = hp.plot_predictions(fit_of(), **LATER, prob=0.5)
    groups = hp.coverage(fit_of(), **LATER, prob=0.5).groups.loc[written(axes)]
    rate = groups["successes"] / groups["trials"]
    marks = {line.get_marker(): line.get_xdata() for line in axes.lines}
    assert np.allclose(marks["o"], rate[groups["inside"]])
    assert np.allclose(marks["X"], rate[~groups["inside"]])
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    expected = groups["probability"].sum()
    assert f"inside: {groups['inside'].sum()} (expected {expected:.1f})" in said
    assert f"outside: {(~groups['inside']).sum()}" in said


def test_groups_are_sorted_by_the_prediction() -> None:
    mean = hp.predict(fit_of(), trials=100)["mean"].sort_values(ascending=False, kind="stable")
    assert written(hp.plot_predictions(fit_of(), **LATER)) == list(mean.index)
    assert written(hp.plot_predictions(fit_of(), **LATER, top=3)) == list(mean.index[:3])


def test_groups_without_later_trials_are_left_out() -> None:
    later = {
        "successes": {"Max Alvis": 0, "Del Unser": 3},
        "trials": {"Max Alvis": 0, "Del Unser": 9},
    }
    assert written(hp.plot_predictions(fit_of(), **later)) == ["Del Unser"]
    with pytest.raises(hp.InputError, match="No group has later trials"):
        hp.plot_predictions(fit_of(), successes={"Max Alvis": 0}, trials={"Max Alvis": 0})


@pytest.mark.parametrize("number", [5, 60])
def test_names_are_neither_cut_nor_cover_each_other(number: int) -> None:
    later = {"successes": np.ones(number, int), "trials": np.full(number, 4)}
    axes = hp.plot_predictions(named_fit(number), **later)
    require_legible(axes, texts_in(axes))


def test_many_groups_stand_side_by_side() -> None:
    later = {"successes": np.ones(308, int), "trials": np.full(308, 4)}
    axes = hp.plot_predictions(named_fit(308), **later)
    assert axes.get_xlabel() == "308 groups, the highest prediction first"
    inside = sum(len(line.get_xdata()) for line in axes.lines)
    assert inside == 308
    # They are counted from 1, as the label says.
    places = np.concatenate([line.get_xdata() for line in axes.lines])
    assert sorted(places) == list(range(1, 309))
    assert len(written(hp.plot_predictions(named_fit(308), **later, top=7))) == 7
