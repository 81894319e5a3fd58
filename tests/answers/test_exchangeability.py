"""Whether rates go with the number of trials: found where they do, and rarely where they do not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import MODELS
from scipy import stats
from tables import close

import hierpool as hp

EXACT = hp.Quadrature(num_chains=4, num_draws=1000)


def fit(y: np.ndarray, n: np.ndarray, model: hp.Model) -> xr.DataTree:
    return hp.fit({"y": y, "n": n}, successes="y", trials="n", model=model, inference=EXACT)


def simulated(slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns 40 groups of 5 to 500 trials whose log-odds rise with log n."""
    rng = np.random.default_rng(seed)
    n = np.exp(rng.uniform(np.log(5), np.log(500), 40)).astype(int)
    phi = 1 / (1 + np.exp(1 - slope * (np.log(n) - 4)))
    return rng.binomial(n, rng.beta(phi * 40, (1 - phi) * 40)), n


@pytest.fixture(scope="module")
def rising() -> xr.DataTree:
    return fit(*simulated(0.4, 1), hp.CollapsedPartialPooling())


@pytest.mark.parametrize(
    ("slope", "verdict", "word"),
    [
        (0.4, "rates go with trials", "Rates rise"),
        (-0.4, "rates go with trials", "Rates fall"),
        (0.0, "no sign", "No sign"),
    ],
)
def test_a_trend_is_found_and_named(slope: float, verdict: str, word: str) -> None:
    answer = hp.exchangeability(fit(*simulated(slope, 1), hp.CollapsedPartialPooling()))
    assert answer.verdict == verdict and answer.sentence.startswith(word)
    row = answer.table.iloc[0]
    assert (row["p_two_sided"] < 0.05) == (slope != 0)
    if slope:
        assert np.sign(row["correlation"]) == np.sign(slope)
        assert np.sign(row["theta_lower"]) == np.sign(row["theta_upper"]) == np.sign(slope)


def test_the_numbers_are_those_of_brute_force(rising: xr.DataTree) -> None:
    row = hp.exchangeability(rising, prob=0.5).table.iloc[0]
    y, n = rising["observed_data"]["y"].values, rising["constant_data"]["n"].values
    weight = n / (n + np.median(rising["posterior"]["kappa"]))
    spread = np.cov(y / n, np.log(n), aweights=weight)
    close(row["correlation"], spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1]), relative=1e-9)
    theta = rising["posterior"]["theta"].values.reshape(4000, -1)
    each = [np.corrcoef(draw, np.log(n))[0, 1] for draw in theta]
    close(row["theta_correlation"], np.mean(each), relative=1e-9)
    close(row[["theta_lower", "theta_upper"]], np.quantile(each, [0.25, 0.75]), relative=1e-9)
    close(row["theta_correlation_mcse"], np.std(each, ddof=1) / 4000**0.5, relative=1e-9)


def test_p_values_are_uniform_where_groups_are_exchangeable() -> None:
    rng, p = np.random.default_rng(5), []
    for _ in range(100):
        n = rng.integers(5, 300, 12)
        tree = fit(rng.binomial(n, 0.3), n, hp.CompletePooling())
        p.append(hp.exchangeability(tree).table["p_two_sided"].iloc[0])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_rats_in_larger_experiments_have_more_tumors() -> None:
    rats = hp.load_dataset("rat-tumors")
    tree = fit(rats["tumors"].to_numpy(), rats["rats"].to_numpy(), hp.CollapsedPartialPooling())
    answer = hp.exchangeability(tree)
    ranks = stats.spearmanr(rats["tumors"] / rats["rats"], rats["rats"])
    assert answer.verdict == "rates go with trials" and ranks.statistic > 0 and ranks.pvalue < 0.05


def weights(tree: xr.DataTree, name: str, n: np.ndarray) -> np.ndarray:
    """Returns the weights by which each model measures a trend."""
    posterior = tree["posterior"]
    if name == "complete":
        return n
    if name == "none":
        return n / (n + 2 + 5)
    if name == "beta":
        return n / (n + np.median(posterior["kappa"]))
    p = 1 / (1 + np.exp(-posterior["mu"].values))
    return n / (n + np.median(1 / (p * (1 - p) * posterior["sigma"].values ** 2)))


@pytest.mark.parametrize("name", ["complete", "none", "beta", "logit"])
def test_the_correlation_of_every_model_is_that_of_brute_force(name: str) -> None:
    model = hp.NoPooling(2, 5) if name == "none" else MODELS[name]
    y, n = simulated(0.1, 2)
    tree = fit(y, n, model)
    row = hp.exchangeability(tree).table.iloc[0]
    spread = np.cov(y / n, np.log(n), aweights=weights(tree, name, n))
    close(row["correlation"], spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1]), relative=1e-9)
    # Twice a share q of 4000 independent replicates.
    q = row["p_two_sided"] / 2
    assert 0.0005 < q < 0.5
    close(row["p_two_sided_mcse"], 2 * np.sqrt(q * (1 - q) / 3999), relative=1e-9)


def test_the_level_decides_the_verdict(rising: xr.DataTree) -> None:
    tree = fit(*simulated(0.1, 2), hp.CollapsedPartialPooling())
    answer = hp.exchangeability(tree)
    p = answer.table["p_two_sided"].item()
    assert f"two-sided p = {p:.3g} " in answer.sentence
    verdicts = [hp.exchangeability(tree, level=level).verdict for level in (0.9 * p, 1.1 * p)]
    assert verdicts == ["no sign", "rates go with trials"]


def test_a_p_value_of_nothing_has_the_error_of_two_draws(rising: xr.DataTree) -> None:
    answer = hp.exchangeability(fit(*simulated(2.0, 1), hp.CompletePooling()))
    row = answer.table.iloc[0]
    assert row["p_two_sided"] == 0 and row["p_two_sided_mcse"] == 2 / 4000
    assert "two-sided p < 0.0005 " in answer.sentence


@pytest.mark.parametrize(
    "model",
    [hp.CompletePooling(), hp.NoPooling(), hp.CollapsedLogitPartialPooling()],
    ids=["complete", "none", "logit"],
)
def test_every_model_shows_a_strong_trend(model: hp.Model) -> None:
    y, n = simulated(0.4, 1)
    answer = hp.exchangeability(fit(np.append(y, 0), np.append(n, 0), model))
    assert answer.verdict == "rates go with trials"
    # All thetas are equal: they correlate with nothing.
    is_complete = isinstance(model, hp.CompletePooling)
    assert answer.table.filter(like="theta").isna().all().all() == is_complete


@pytest.mark.parametrize(
    ("y", "n", "reason"),
    [
        ([18, 7, 10], [45, 45, 45], "every group has the same number of trials, 45"),
        ([18, 7, 0], [45, 45, 0], "fewer than 3 groups"),
        ([18, 7], [45, 40], "fewer than 3 groups"),
    ],
)
def test_where_it_says_nothing_it_says_so(y: list[int], n: list[int], reason: str) -> None:
    answer = hp.exchangeability(fit(np.array(y), np.array(n), hp.CompletePooling()))
    assert answer.verdict == "not applicable" and reason in answer.sentence
    assert answer.table.isna().all().all() and len(answer.table) == 1


def test_a_group_of_one_trial_is_one_of_three() -> None:
    tree = fit(np.array([1, 7, 10]), np.array([1, 45, 40]), hp.CompletePooling())
    assert hp.exchangeability(tree).verdict == "no sign"


def test_a_fit_that_was_saved_gives_the_same(rising: xr.DataTree, tmp_path: Path) -> None:
    hp.save(rising, tmp_path / "fit.nc")
    got, want = hp.exchangeability(hp.load(tmp_path / "fit.nc")), hp.exchangeability(rising)
    assert got.sentence == want.sentence
    pd.testing.assert_frame_equal(got.table, want.table)


def test_wrong_arguments_get_a_sentence(rising: xr.DataTree) -> None:
    with pytest.raises(hp.InputError, match="prob must lie between 0 and 1, not 1"):
        hp.exchangeability(rising, prob=1)
    with pytest.raises(hp.InputError, match="level must lie between 0 and 1, not 0"):
        hp.exchangeability(rising, level=0)
    with pytest.raises(TypeError, match="the tree that fit returned"):
        hp.exchangeability("fit.nc")
