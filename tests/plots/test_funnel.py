import numpy as np
import pytest
import xarray as xr
from fits import fit_of, tree_of
from pictures import estimate_of, require_legible, texts_in
from scipy.stats import betabinom

import hierpool as hp
from hierpool.answers.new_rates import new_rate
from hierpool.plots.funnel import LEVELS, SMALL, _funnel
from hierpool.posterior.fitted import read_fit

NUM_DRAWS = 40


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    """A fit of 200 groups of one population, but for two that are far outside."""
    rng = np.random.default_rng(0)
    trials = np.exp(rng.uniform(np.log(5), np.log(2000), 200)).astype(int)
    successes = rng.binomial(trials, rng.beta(25, 75, 200))
    trials[[10, 20]], successes[[10, 20]] = 300, [270, 3]
    tree = tree_of(np.full((NUM_DRAWS, 200), 0.25), successes.tolist(), trials.tolist())
    for name, value in (("mu", -1.1), ("sigma", 0.25)):
        tree["posterior"][name] = 0 * tree["posterior"][name] + value
    return tree


def test_groups_far_outside_are_named_and_counted(tree: xr.DataTree) -> None:
    axes = hp.plot_funnel(tree)
    assert {"g10", "g20"} <= {text.get_text() for text in axes.texts}
    assert any(text.get_text().endswith("of 200") for text in axes.get_legend().get_texts())
    require_legible(axes, texts_in(axes))


def test_a_group_is_outside_if_its_tail_is_below_a_thousandth() -> None:
    fitted = read_fit(fit_of()).thinned(50)
    n = np.array([5, 5, 30, 30, 45, 200, 200, 200, 200, 3000, 3000, 3000])
    y = np.array([5, 0, 22, 0, 20, 14, 6, 98, 110, 1700, 1000, 100])
    fitted = fitted.of(np.arange(len(n)))._replace(successes=y, trials=n)
    phi, kappa = (fitted.parameters[name][:, None] for name in ("phi", "kappa"))
    exact = betabinom(n, phi * kappa, (1 - phi) * kappa)
    middle = np.mean(exact.cdf(y - 1) + exact.cdf(y), axis=0) / 2
    want = (middle < LEVELS[0]) | (middle > LEVELS[-1])
    assert 2 <= want.sum() <= 10
    assert np.array_equal(_funnel(fitted, new_rate(fitted)).is_outside, want)


def test_every_small_number_of_trials_has_limits_of_its_own() -> None:
    fitted = read_fit(fit_of()).thinned(50)
    sizes = _funnel(fitted, new_rate(fitted)).sizes
    assert set(range(1, SMALL + 1)) < set(sizes.tolist()) and np.all(np.diff(sizes) > 0)
    # A little beyond the most trials.
    assert fitted.trials.max() < sizes[-1] < 1.2 * fitted.trials.max()


def test_of_many_groups_the_five_furthest_outside_are_named() -> None:
    far = np.arange(6)
    trials = np.append(3000 + 1000 * far, np.full(5000, 100))
    successes = np.append((trials[:6] * (0.9 - 0.08 * far)).astype(int), np.full(5000, 25))
    tree = tree_of(np.full((NUM_DRAWS, 5006), 0.25), successes.tolist(), trials.tolist())
    for name, value in (("mu", -1.1), ("sigma", 0.1)):
        tree["posterior"][name] = 0 * tree["posterior"][name] + value
    names = {text.get_text() for text in hp.plot_funnel(tree).texts[1:]}
    assert names == {f"g{i}" for i in range(5)}
    more = {text.get_text() for text in hp.plot_funnel(tree, top=6).texts[1:]}
    assert more == names | {"g5"}


def test_few_trials_have_a_plain_axis_and_decades_a_logarithmic_one(tree: xr.DataTree) -> None:
    assert hp.plot_funnel(fit_of()).get_xscale() == "linear"
    assert hp.plot_funnel(tree).get_xscale() == "log"


def test_chosen_groups_alone_are_named(tree: xr.DataTree) -> None:
    axes = hp.plot_funnel(tree, groups=["g7"])
    assert [text.get_text() for text in axes.texts[1:]] == ["g7"]


def test_groups_without_trials_are_left_out_and_counted() -> None:
    tree = tree_of(np.full((NUM_DRAWS, 3), 0.3), [3, 0, 4], [10, 0, 12])
    assert hp.plot_funnel(tree).get_xlabel() == "Trials; 1 without any left out"
    with pytest.raises(hp.InputError, match="No group has trials"):
        hp.plot_funnel(tree_of(np.full((NUM_DRAWS, 1), 0.3), [0], [0]))


def test_an_estimate_has_no_funnel() -> None:
    with pytest.raises(hp.InputError, match="needs draws of the population"):
        hp.plot_funnel(estimate_of(5))  # type: ignore[arg-type]


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(hp.InputError, match="the nearest name is 'Max Alvis'"):
        hp.plot_funnel(fit_of(), groups="Max Alvi")
