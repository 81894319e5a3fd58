import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_base import from_dict
from tables import close

from hierpool.answers.summary import highest_density, summarize
from hierpool.models.protocol import GROUPS

RNG = np.random.default_rng(0)
PHI = RNG.beta(2, 5, size=(2, 5))
KAPPA_LOG = RNG.exponential(size=(2, 5))
THETA = RNG.beta(2, 5, size=(2, 5, 3))
NAMES = ["007", "Bob", "unseen"]


@pytest.fixture
def tree() -> xr.DataTree:
    return from_dict(
        {
            "posterior": {
                "phi": PHI,
                "kappa_log": KAPPA_LOG,
                "kappa": np.exp(KAPPA_LOG),
                "theta": THETA,
            },
            "observed_data": {"y": np.array([1, 5, 0])},
            "constant_data": {"n": np.array([4, 5, 0])},
        },
        coords={GROUPS: NAMES},
        dims={"theta": [GROUPS], "y": [GROUPS], "n": [GROUPS]},
        attrs={"/": {"hierpool_model": '{"name": "Somebody\'s"}'}},
    )


@pytest.mark.parametrize("prob", [0.89, 0.5])
def test_the_population_is_what_numpy_says(tree: xr.DataTree, prob: float) -> None:
    population = summarize(tree, prob=prob).population
    assert list(population.columns) == ["mean", "sd", "median", "lower", "upper"]
    assert sorted(population.index) == ["kappa", "kappa_log", "phi"]
    levels = [0.5, (1 - prob) / 2, (1 + prob) / 2]
    for name, draws in (("phi", PHI), ("kappa_log", KAPPA_LOG)):
        want = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, levels)]
        close(population.loc[name], want, relative=1e-12)
    close(
        population.loc["kappa", ["median", "lower", "upper"]],
        np.quantile(np.exp(KAPPA_LOG), levels),
        relative=1e-12,
    )


def test_kappa_has_no_mean_and_no_sd(tree: xr.DataTree) -> None:
    assert summarize(tree).population.loc["kappa", ["mean", "sd"]].isna().all()


@pytest.mark.parametrize("prob", [0.89, 0.5])
def test_the_groups_are_what_numpy_says(tree: xr.DataTree, prob: float) -> None:
    groups = summarize(tree, prob=prob).groups
    assert list(groups.index) == NAMES
    assert list(groups["successes"]) == [1, 5, 0]
    assert list(groups["trials"]) == [4, 5, 0]
    for i in range(3):
        draws = THETA[..., i]
        lower, upper = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2])
        close(
            groups.iloc[i][["mean", "sd", "lower", "upper"]],
            [draws.mean(), draws.std(ddof=1), lower, upper],
            relative=1e-12,
        )


def test_the_highest_density_interval_is_the_shortest_that_holds_as_much(
    tree: xr.DataTree,
) -> None:
    long = tree.copy()
    draws = RNG.beta(0.5, 5, size=(4, 500, 3))
    coords, dims = {GROUPS: NAMES}, {"theta": [GROUPS]}
    long["posterior"] = from_dict({"posterior": {"theta": draws}}, coords=coords, dims=dims)[
        "posterior"
    ]
    short = summarize(long, prob=0.8, interval="highest-density").groups
    equal = summarize(long, prob=0.8).groups
    assert (short["upper"] - short["lower"] < 0.9 * (equal["upper"] - equal["lower"])).all()
    for name, column in zip(NAMES, draws.reshape(-1, 3).T, strict=True):
        lower, upper = short.loc[name, ["lower", "upper"]]
        assert 1600 <= np.sum((column >= lower) & (column <= upper)) <= 1602
        # Nothing that begins at another draw and holds as many is shorter.
        ordered = np.sort(column)
        assert upper - lower <= np.min(ordered[1600:] - ordered[:-1600]) + 1e-15


@pytest.mark.parametrize("num_draws", [7, 10, 501])
@pytest.mark.parametrize("prob", [0.5, 0.77, 0.89])
def test_the_highest_density_interval_holds_at_least_its_probability(
    num_draws: int, prob: float
) -> None:
    draws = RNG.gamma(0.5, size=(num_draws, 3))
    lower, upper = highest_density(draws, prob)
    share = np.mean((lower <= draws) & (draws <= upper), axis=0)
    assert np.all((share >= prob) & (share <= prob + 2 / num_draws))


def test_shrinkage_is_the_weight_of_the_population(tree: xr.DataTree) -> None:
    kappa = np.exp(KAPPA_LOG)
    want = [np.mean(kappa / (kappa + n)) for n in (4, 5, 0)]
    close(summarize(tree).groups["shrinkage"], want, relative=1e-12)
    tree["posterior"] = xr.DataTree(tree["posterior"].dataset[["phi", "theta"]])
    assert "shrinkage" not in summarize(tree).groups


def test_an_unknown_interval_is_refused(tree: xr.DataTree) -> None:
    with pytest.raises(ValueError, match="interval must be one of .*highest-density.*, not 'hdi'"):
        summarize(tree, interval="hdi")


def test_a_group_that_was_never_tried_has_no_rate(tree: xr.DataTree) -> None:
    rate = summarize(tree).groups["rate"]
    assert list(rate[:2]) == [0.25, 1.0]
    assert np.isnan(rate["unseen"])


def test_a_model_without_a_population_has_an_empty_table_of_it(tree: xr.DataTree) -> None:
    tree["posterior"] = xr.DataTree(tree["posterior"].dataset[["theta"]])
    summary = summarize(tree)
    assert len(summary.population) == 0
    pd.testing.assert_index_equal(summary.groups.index, pd.Index(NAMES, name="group", dtype=object))


@pytest.mark.parametrize("prob", [0.0, 1.0, 1.5, -0.1, np.nan])
def test_a_probability_out_of_range_is_refused(tree: xr.DataTree, prob: float) -> None:
    with pytest.raises(ValueError, match=f"prob must lie between 0 and 1, not {prob}"):
        summarize(tree, prob=prob)


def test_a_fit_without_theta_has_the_counts_of_its_groups(tree: xr.DataTree) -> None:
    tree["posterior"] = xr.DataTree(tree["posterior"].dataset.drop_vars("theta"))
    found = summarize(tree)
    assert list(found.groups.columns) == ["successes", "trials", "rate"]
    assert list(found.population.index) == ["phi", "kappa_log", "kappa"]


def test_the_sentence_tells_the_mean_of_the_population(tree: xr.DataTree) -> None:
    mean, lower, upper = summarize(tree).population.loc["phi", ["mean", "lower", "upper"]]
    told = summarize(tree).sentence
    assert f"population mean {mean:.3f} ({lower:.3f} to {upper:.3f}), 89% interval." in told
