"""Groups that come after the fit: reweighted, they are what refitting makes of them."""

import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import COLUMNS, MODELS, PLAYERS, four_fits
from scipy import stats
from tables import close

import hierpool as hp
from hierpool.answers.new_groups import draw_theta, weighted_new_groups
from hierpool.posterior.conditional import Betas, Points
from hierpool.posterior.fitted import read_fit
from hierpool.posterior.tree import settings
from hierpool.posterior.weights import effective_draws, moments, resampled

BY_NAME = COLUMNS["efron-morris-75"]
THREE = {"rookie": (0, 4), "unseen": (0, 0), "hot": (9, 10)}


@pytest.fixture(scope="module")
def trees() -> dict[str, xr.DataTree]:
    return four_fits()


def test_the_player_of_no_hits_in_four_is_the_references(trees: dict[str, xr.DataTree]) -> None:
    row = hp.new_groups(trees["beta"], {"0 for 4": (0, 4)}, prob=0.9).loc["0 for 4"]
    assert abs(row["mean"] - 0.24753) < 5 * row["mcse"]
    assert abs(row["sd"] - 0.05999) < 5 * 0.05999 / (2 * row["effective_draws"]) ** 0.5
    assert 3900 < row["effective_draws"] <= 4000
    for column, level, want in (("lower", 0.05, 0.147), ("upper", 0.95, 0.345)):
        assert abs(row[column] - want) < _slack(row, level) + 0.0005


def _slack(row: pd.Series, level: float) -> float:
    """Returns 5 standard errors of a quantile of draws, were theta normal."""
    density = stats.norm.pdf(stats.norm.ppf(level)) / row["sd"]
    return float(5 * (level * (1 - level) / row["effective_draws"]) ** 0.5 / density)


def test_newcomers_together_are_those_of_the_exact_posterior(
    trees: dict[str, xr.DataTree],
) -> None:
    got = hp.new_groups(trees["beta"], THREE, prob=0.8)
    want = hp.estimate(PLAYERS, **BY_NAME, new_groups=THREE, prob=0.8).groups.loc[list(THREE)]
    assert list(got.index) == list(THREE) and got.index.name == "group"
    assert np.all(np.abs(got["mean"] - want["mean"]) < 5 * got["mcse"])
    assert np.all(np.abs(got["sd"] / want["sd"] - 1) < 5 * (2 * got["effective_draws"]) ** -0.5)
    for name, row in got.iterrows():
        for column, level in (("lower", 0.1), ("upper", 0.9)):
            assert abs(row[column] - want.loc[name, column]) < _slack(row, level)


@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
def test_reweighting_equals_refitting(model: str, trees: dict[str, xr.DataTree]) -> None:
    exact = hp.Quadrature(num_chains=4, num_draws=1000)
    refitted = hp.fit(
        PLAYERS, **BY_NAME, model=MODELS[model], inference=exact, new_groups=THREE, seed=2
    )
    theta = refitted["posterior"]["theta"].sel(groups=list(THREE)).values.reshape(-1, 3)
    got = hp.new_groups(trees[model], THREE, prob=0.8)
    error = np.sqrt(got["mcse"] ** 2 + theta.var(axis=0) / len(theta))
    assert np.all(np.abs(got["mean"] - theta.mean(axis=0)) < 5 * error)
    effective = np.minimum(got["effective_draws"], len(theta))
    assert np.all(np.abs(got["sd"] / theta.std(axis=0) - 1) < 5 / effective**0.5)
    for column, level in (("lower", 0.1), ("upper", 0.9)):
        share = np.mean(theta < got[column].to_numpy(), axis=0)
        assert np.all(np.abs(share - level) < 5 * np.sqrt(2 * level * (1 - level) / effective))


def test_without_pooling_a_newcomer_learns_from_nobody(trees: dict[str, xr.DataTree]) -> None:
    got = hp.new_groups(trees["none"], THREE, prob=0.8)
    y, n = got["successes"].to_numpy(), got["trials"].to_numpy()
    want = stats.beta(1 + y, 1 + n - y)
    close(got["mean"], want.mean(), relative=1e-12)
    close(got["sd"], want.std(), relative=1e-10)
    close(got["lower"], want.ppf(0.1), relative=1e-7)
    assert not got["mcse"].any()


def test_newcomers_inform_one_another(trees: dict[str, xr.DataTree]) -> None:
    alone = hp.new_groups(trees["beta"], {"unseen": (0, 0)}).loc["unseen"]
    assert alone["effective_draws"] == pytest.approx(4000, rel=1e-12)
    crowd = {f"hot {i}": (9, 20) for i in range(5)}
    among = hp.new_groups(trees["beta"], {"unseen": (0, 0), **crowd}).loc["unseen"]
    assert among["mean"] > alone["mean"] + 5 * among["mcse"]
    backwards = hp.new_groups(trees["beta"], {**crowd, "unseen": (0, 0)}).loc["unseen"]
    close(backwards, among, relative=1e-9)


def test_thetas_of_newcomers_are_independent_given_the_population(
    trees: dict[str, xr.DataTree],
) -> None:
    two = {"a": (0, 0), "b": (0, 0)}
    new, weight = weighted_new_groups(read_fit(trees["logit"]), two)
    theta = draw_theta(new, 5)
    mu, sigma = new.parameters["mu"], new.parameters["sigma"]
    z = (np.log(theta / (1 - theta)) - mu[:, None]) / sigma[:, None]
    assert weight.min() == weight.max()
    # Standard normal, each by itself.
    close(z.mean(axis=0), 0, relative=0, absolute=5 / len(z) ** 0.5)
    close(np.cov(z.T), np.eye(2), relative=0, absolute=5 * (2 / len(z)) ** 0.5)
    new, _ = weighted_new_groups(read_fit(trees["beta"]), two)
    phi, kappa = new.parameters["phi"][:, None], new.parameters["kappa"][:, None]
    z = (draw_theta(new, 5) - phi) / np.sqrt(phi * (1 - phi) / (kappa + 1))
    close(np.cov(z.T), np.eye(2), relative=0, absolute=5 * (4 / len(z)) ** 0.5)


def test_too_few_draws_are_told_with_the_remedy(trees: dict[str, xr.DataTree]) -> None:
    for model in ("complete", "beta", "logit"):
        with pytest.warns(
            hp.FewDrawsWarning, match="fit again with the new groups' data, by new_groups="
        ):
            got = hp.new_groups(trees[model], {f"outlier {i}": (95, 100) for i in range(4)})
        assert np.all(got["effective_draws"] < 100) and np.all(np.isfinite(got))
    # Without pooling there is nothing to weigh.
    hp.new_groups(trees["none"], {"outlier": (95, 100)})


def test_ends_from_draws_are_the_solved_ones(trees: dict[str, xr.DataTree]) -> None:
    # Every draw forty times over is the same mixture, and too many Betas to solve.
    tree, copies = trees["beta"].filter(lambda node: "draw" not in node.dims), 40
    posterior = trees["beta"]["posterior"].to_dataset()
    tree["posterior"] = xr.DataTree(posterior.isel(draw=np.tile(np.arange(1000), copies)))
    solved = hp.new_groups(trees["beta"], THREE, prob=0.8)
    drawn = hp.new_groups(tree, THREE, prob=0.8)
    close(drawn[["mean", "sd"]], solved[["mean", "sd"]], relative=1e-9)
    close(drawn["effective_draws"], copies * solved["effective_draws"], relative=1e-9)
    for name, row in drawn.iterrows():
        for column, level in (("lower", 0.1), ("upper", 0.9)):
            assert 0 < abs(row[column] - solved.loc[name, column]) < _slack(row, level)


def test_a_reloaded_fit_answers_the_same(trees: dict[str, xr.DataTree], tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    hp.save(trees["logit"], path)
    pd.testing.assert_frame_equal(
        hp.new_groups(hp.load(path), THREE), hp.new_groups(trees["logit"], THREE)
    )


def test_weighted_moments_are_the_sums_they_stand_for() -> None:
    rng = np.random.default_rng(0)
    weight = rng.dirichlet(np.ones(50))
    a, b = rng.gamma(3, size=50), rng.gamma(3, size=50)
    y, failures = np.array([0, 3]), np.array([0, 1])
    mean, variance, error = moments(Betas(a, b, y, failures, 1, True), weight)
    rows = stats.beta(a[:, None] + y, b[:, None] + failures)
    close(mean, weight @ rows.mean(), relative=1e-12)
    close(variance, weight @ (rows.var() + rows.mean() ** 2) - mean**2, relative=1e-9)
    same, between, same_error = moments(Points(rows.mean(), 1, True), weight)
    close(same, mean, relative=1e-12)
    close(same_error, error, relative=1e-12)
    close(between, weight @ (rows.mean() - mean) ** 2, relative=1e-9)


def test_the_weighted_error_is_the_spread_of_weighted_means() -> None:
    rng = np.random.default_rng(1)
    means, errors = [], []
    for _ in range(400):
        theta = rng.beta(3, 5, size=(300, 1))
        weight = theta[:, 0] ** 2 / np.sum(theta**2)
        mean, _, error = moments(Points(theta, 1, True), weight)
        means.append(mean[0])
        errors.append(error[0])
    # Beta(3, 5) weighted by theta^2 is Beta(5, 5).
    assert abs(np.mean(means) - 0.5) < 5 * np.std(means) / 400**0.5 + 0.002
    close(np.mean(errors), np.std(means), relative=0.2)


def test_draws_are_taken_again_in_proportion_to_their_weights() -> None:
    rng = np.random.default_rng(0)
    assert resampled(np.full(4000, 1 / 4000), rng).tolist() == list(range(4000))
    weight = rng.dirichlet(np.ones(1000))
    times = np.bincount(resampled(weight, rng), minlength=1000)
    assert np.all(np.abs(times - 1000 * weight) < 1)
    assert effective_draws(np.full(7, 3.0)) == pytest.approx(7)


@pytest.mark.parametrize(
    ("alpha", "beta"), [(0.3, 1e9), (1e9, 0.4), (0.004, 7.0), (0.02, 0.03), (3e4, 7e4), (1e-5, 1.0)]
)
def test_solved_ends_hold_their_level_however_near_0_or_1(alpha: float, beta: float) -> None:
    # Without pooling, and without data, theta is the prior's.
    tree = four_fits()["none"].copy()
    tree.attrs = tree.attrs | {"hierpool_model": settings(hp.NoPooling(alpha, beta))}
    row = hp.new_groups(tree, {"unseen": (0, 0)}, prob=0.9).iloc[0]
    for end, level in ((row["lower"], 0.05), (row["upper"], 0.95)):
        # Between its neighbours among doubles, of which 0 and 1 have one each.
        if end > 0:
            assert stats.beta.cdf(np.nextafter(end, 0), alpha, beta) <= level + 1e-9
        if end < 1:
            assert stats.beta.cdf(np.nextafter(end, 1), alpha, beta) >= level - 1e-9
        if 1e-300 < end < 0.5:
            close(stats.beta.cdf(end, alpha, beta), level, relative=1e-8)


def test_many_newcomers_take_little_memory() -> None:
    fit = four_fits()["beta"]
    rng = np.random.default_rng(0)
    n = rng.integers(1, 4, 3000)
    new_groups = {f"g{i}": (int(m) // 2, int(m)) for i, m in enumerate(n)}
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hp.FewDrawsWarning)
        got = hp.new_groups(fit, new_groups)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Groups times draws are 96 MB: nothing of that size is held.
    assert peak < 80e6
    # Groups of the same data are alike, whichever block they were drawn in.
    alike = got.groupby(["successes", "trials"])
    assert (alike["mean"].std() < 1e-12).all()
    assert (alike["upper"].std() < 0.1 * alike["sd"].first()).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"new_groups": {}}, "new_groups is empty"),
        ({"new_groups": {"Max Alvis": (0, 4)}}, "'Max Alvis' has the name of a group"),
        ({"new_groups": {"a": (5, 4)}}, "'a' has 5 of 4"),
        ({"new_groups": {"a": (0.5, 4)}}, "'a' has 0.5 of 4"),
        ({"new_groups": {"a": 4}}, r"'a' needs \(successes, trials\)"),
        ({"new_groups": THREE, "prob": 0}, "prob must lie between 0 and 1, not 0"),
        ({"new_groups": THREE, "seed": 1.5}, "seed must be a whole number.*1.5"),
    ],
)
def test_bad_input_gets_one_sentence(
    words: dict[str, object], message: str, trees: dict[str, xr.DataTree]
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.new_groups(trees["beta"], **words)  # type: ignore[arg-type]


def test_a_list_of_newcomers_is_a_type_error(trees: dict[str, xr.DataTree]) -> None:
    with pytest.raises(TypeError, match="new_groups must map names"):
        hp.new_groups(trees["beta"], ["rookie"])  # type: ignore[arg-type]
