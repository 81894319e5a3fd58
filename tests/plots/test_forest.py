import numpy as np
import pandas as pd
import pytest
from fits import NAMES as PLAYERS
from fits import draws_of, fit_of
from matplotlib.axes import Axes
from pictures import NAMES, contradicted, estimate_of, require_legible, texts_in, written

import hierpool as hp
from hierpool.plots.forest import MOST_BINS
from hierpool.plots.rates import read_rates
from hierpool.plots.style import figure_of

# Boxes stand for the letters of Chinese where the machine has no font for them.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")


def test_every_player_has_a_row_the_highest_estimate_first() -> None:
    axes = hp.plot_forest(fit_of())
    means = draws_of(fit_of()).mean(axis=0)
    assert written(axes) == [PLAYERS[i] for i in np.argsort(-means)]


def test_a_fit_has_two_intervals_and_an_estimate_says_that_it_has_its_own() -> None:
    def legend(axes: Axes) -> list[str]:
        return [text.get_text() for text in axes.get_legend().get_texts()]

    of_fit = legend(hp.plot_forest(fit_of(), prob=0.8))
    assert {"80% interval", "50% interval"} < set(of_fit)
    of_estimate = legend(hp.plot_forest(estimate_of(5)))
    assert of_estimate == ["interval of the estimate", "raw rate", "mean"]
    computed = hp.estimate({"y": [1, 2], "n": [9, 9]}, "y", "n", prob=0.8)
    assert legend(hp.plot_forest(computed))[0] == "80% interval"


@pytest.mark.parametrize("number", [5, 18, 60, 308])
def test_names_are_neither_cut_nor_cover_each_other(number: int) -> None:
    axes = hp.plot_forest(estimate_of(number, names=NAMES, unseen=2))
    require_legible(axes, texts_in(axes))


@pytest.mark.parametrize("prob", [0.8, 0.3])
def test_the_wider_interval_is_drawn_first_and_thin(prob: float) -> None:
    intervals = read_rates(fit_of(), prob=prob).intervals
    widths = [float((each.upper - each.lower).mean()) for each in intervals]
    assert widths == sorted(widths, reverse=True)
    assert [each.name for each in intervals] == [
        f"{100 * each:g}% interval" for each in sorted({prob, min(0.5, prob)}, reverse=True)
    ]


def test_dollar_signs_in_a_name_are_no_mathematics() -> None:
    axes = hp.plot_forest(estimate_of(5, names=NAMES))
    figure_of(axes).draw_without_rendering()
    (label,) = [each for each in axes.get_yticklabels() if "$" in each.get_text()]
    assert label.get_text() == "costs $5 and $10_x" and not label.get_parse_math()


def test_of_many_groups_the_highest_and_lowest_are_shown_and_the_rest_counted() -> None:
    estimate = estimate_of(308)
    axes = hp.plot_forest(estimate)
    order = estimate.groups["mean"].sort_values(ascending=False, kind="stable").index
    assert written(axes) == [*order[:20], *order[-20:]]
    assert "… 268 more …" in [text.get_text() for text in axes.texts]
    assert len(written(hp.plot_forest(estimate, top=3))) == 6


def test_of_thousands_all_are_shown_as_bands_without_names() -> None:
    axes = hp.plot_forest(estimate_of(2000))
    assert axes.get_ylim() == (2000.5, 0.5)
    assert "2,000 groups" in axes.get_ylabel()
    assert len(written(hp.plot_forest(estimate_of(2000), top=5))) == 10


def test_every_step_of_a_band_is_the_mean_of_its_groups() -> None:
    estimate = estimate_of(2 * MOST_BINS + 400)
    axes = hp.plot_forest(estimate)
    (line,) = [line for line in axes.lines if line.get_label() == "mean"]
    means = estimate.groups["mean"].sort_values(ascending=False).to_numpy()
    for x, first, last in zip(
        line.get_xdata()[::2], line.get_ydata()[::2], line.get_ydata()[1::2], strict=True
    ):
        assert x == pytest.approx(means[int(first) : int(last)].mean(), rel=1e-9)


def test_chosen_groups_alone_are_shown() -> None:
    assert set(written(hp.plot_forest(estimate_of(308), groups=["g7", "g300"]))) == {"g7", "g300"}


@pytest.mark.parametrize("sort", ["rate", "trials"])
def test_groups_are_sorted_by_what_is_asked_those_without_it_last(sort: str) -> None:
    estimate = estimate_of(12, unseen=3)
    want = estimate.groups[sort].sort_values(ascending=False, kind="stable").index
    assert written(hp.plot_forest(estimate, sort=sort)) == list(want)
    assert want[-1] == "g3"


def test_a_group_without_trials_has_an_interval_and_no_raw_rate() -> None:
    axes = hp.plot_forest(estimate_of(5, unseen=3), sort="given")
    (rates,) = [line for line in axes.lines if line.get_label() == "raw rate"]
    assert np.isnan(rates.get_xdata()).tolist() == [False, False, False, True, False]


def test_small_rates_have_a_unit_in_which_they_are_not_small() -> None:
    estimate = estimate_of(5)
    columns = ["rate", "mean", "lower", "upper"]
    estimate.groups[columns] = estimate.groups[columns] / 1000
    assert hp.plot_forest(estimate).get_xlabel() == "Chance of success (per 100,000)"
    assert hp.plot_forest(estimate_of(5)).get_xlabel() == "Chance of success (%)"


def test_the_style_of_the_caller_is_left_as_it_is() -> None:
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    _, axes = plt.subplots()
    assert hp.plot_forest(estimate_of(5), axes=axes) is axes
    assert dict(plt.rcParams) == before


def several() -> hp.Estimate:
    one = estimate_of(5)
    return one._replace(population=pd.concat([one.population] * 2))


@pytest.mark.parametrize(
    ("estimate", "arguments", "message"),
    [
        (estimate_of(5), {"groups": ["h9"]}, "The fit has no group 'h9'"),
        (estimate_of(5), {"groups": []}, "groups is empty"),
        (estimate_of(5), {"top": 0}, "top must be a whole number from 1 on, not 0"),
        (estimate_of(5), {"top": 1.5}, "top must be a whole number from 1 on, not 1.5"),
        (estimate_of(900), {"top": 300}, "at most 400 rows, and this would have 600"),
        (estimate_of(5), {"top": 1, "groups": ["g1"]}, "give one of them"),
        (estimate_of(5), {"sort": "size"}, "sort must be one of mean, rate, trials, given"),
        (estimate_of(5), {"prob": 1.5}, "prob must lie between 0 and 1"),
        (estimate_of(5, prob=False), {}, "has no intervals: estimate with prob=0.89"),
        (several(), {}, "has 2 data sets, and a picture shows one"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(
    estimate: hp.Estimate, arguments: dict, message: str
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.plot_forest(estimate, **arguments)


def test_a_tree_that_is_no_fit_is_refused() -> None:
    with pytest.raises(hp.InputError, match="holds no fit"):
        hp.plot_forest(fit_of()["posterior"])
    with pytest.raises(TypeError, match="not dict"):
        hp.plot_forest({})


def test_a_population_that_contradicts_its_groups_is_told_of() -> None:
    tree = contradicted()
    with pytest.warns(hp.PopulationWarning, match="contradicts its groups") as told:
        hp.plot_forest(tree)
    assert told[0].filename == __file__
