"""The Monte Carlo error that an answer reports is the spread of that answer over its draws."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from fits import MODELS, tree_of
from nuts_fits import fitted as nuts_fit

import hierpool as hp
from hierpool.posterior.fitted import read_fit

NUM_FITS, NUM_DRAWS = 160, 100
"""Fits of as many draws, in each of 4 chains, cut from one of independent draws."""
DATA = {"y": [3, 9, 7, 2, 16, 25, 2, 0], "n": [12, 20, 31, 15, 40, 55, 9, 0]}
LATER = {"successes": [2, 5, 6, 3, 8, 11, 3, 4], "trials": [10, 12, 20, 9, 25, 30, 6, 11]}
ROPE, ABOVE = 0.05, 0.35

Numbers = Iterator[tuple[str, pd.Series | float, pd.Series | float]]


def of_table(name: str, table: pd.DataFrame, *columns: str) -> Numbers:
    """Yields each column of a table with the column of its errors."""
    for column in columns:
        yield f"{name} {column}", table[column], table[f"{column}_mcse"]


def of_events(tree: xr.DataTree, seed: int) -> Numbers:
    told = hp.events(tree, above=ABOVE)
    yield "probability", told.groups["probability"], told.groups["mcse"]
    yield from of_table("joint", told.joint, "some", "all", "expected_number")


def of_season(tree: xr.DataTree, seed: int) -> Numbers:
    for m in (30, 3000):
        table = hp.season(tree, above=ABOVE, trials_to_come=m)
        yield f"of {m}", table["probability"], table["mcse"]
        yield from of_table(f"of {m}", table, "expected_rate")


def of_selection(tree: xr.DataTree, seed: int) -> Numbers:
    table = hp.select(tree, above=ABOVE).sort_index()
    yield "probability", table["probability"], table["mcse"]
    yield from of_table("", table, "q_value")


def of_ranks(tree: xr.DataTree, seed: int) -> Numbers:
    yield from of_table("", hp.rank(tree, top=3).groups, "rank", "best", "top")


def of_contrasts(tree: xr.DataTree, seed: int) -> Numbers:
    table = hp.contrasts(tree, rope=ROPE)
    yield "probability", table["probability"], table["mcse"]
    yield from of_table("", table, "difference", "in_rope")


def of_loss(tree: xr.DataTree, seed: int) -> Numbers:
    table = hp.expected_loss(tree)
    yield "loss", table["expected_loss"], table["mcse"]
    yield from of_table("", table, "best")


def of_predictions(tree: xr.DataTree, seed: int) -> Numbers:
    for new_groups in (None, {"a": (1, 9), "b": (0, 0)}):
        table = hp.predict(tree, trials=20, new_groups=new_groups, seed=seed)
        yield f"mean, {new_groups}", table["mean"], table["mcse"]


def of_newcomers(tree: xr.DataTree, seed: int) -> Numbers:
    table = hp.new_groups(tree, {"a": (1, 9), "b": (0, 0)}, seed=seed)
    yield "mean", table["mean"], table["mcse"]


def of_scores(tree: xr.DataTree, seed: int) -> Numbers:
    score = hp.score(tree, **LATER)
    for name, table in (("total", score.total), ("groups", score.groups)):
        yield name, table["log_density"], table["mcse"]


def of_checks(tree: xr.DataTree, seed: int) -> Numbers:
    for replicates in ("same-groups", "new-groups"):
        table = hp.predictive_check(tree, replicates=replicates, seed=seed)
        yield from of_table(replicates, table, "mean", "sd", "p_upper", "p_lower", "p_mid")


def of_trend(tree: xr.DataTree, seed: int) -> Numbers:
    table = hp.exchangeability(tree, seed=seed).table
    yield from of_table("", table, "p_two_sided", "theta_correlation")


ANSWERS: dict[str, Callable[[xr.DataTree, int], Numbers]] = {
    "events": of_events,
    "season": of_season,
    "select": of_selection,
    "rank": of_ranks,
    "contrasts": of_contrasts,
    "expected_loss": of_loss,
    "predict": of_predictions,
    "newcomers": of_newcomers,
    "score": of_scores,
    "predictive_check": of_checks,
    "exchangeability": of_trend,
}


@cache
def many_fits(model: str) -> list[xr.DataTree]:
    """Returns fits that differ by their draws alone, which are independent."""
    inference = hp.Quadrature(num_chains=4, num_draws=NUM_FITS * NUM_DRAWS)
    whole = hp.fit(DATA, successes="y", trials="n", model=MODELS[model], inference=inference)
    fits = []
    for start in range(0, NUM_FITS * NUM_DRAWS, NUM_DRAWS):
        some = {"draw": slice(start, start + NUM_DRAWS)}
        tree = xr.DataTree.from_dict(
            {
                name: group.dataset.isel(some, missing_dims="ignore")
                for name, group in whole.children.items()
                if not name.startswith("prior")
            }
        )
        tree.attrs = whole.attrs
        fits.append(tree)
    return fits


# That all are above the line is rare, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize("model", ["beta", "logit"])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_reported_error_is_the_spread_of_the_answer_over_seeds(name: str, model: str) -> None:
    told = [list(ANSWERS[name](tree, seed)) for seed, tree in enumerate(many_fits(model))]
    for index, (what, *_) in enumerate(told[0]):
        values, errors = (
            np.array([np.ravel(answer[index][place]) for answer in told]) for place in (1, 2)
        )
        spread, reported = values.std(axis=0, ddof=1), np.sqrt(np.mean(errors**2, axis=0))
        # An error of 0 says that the number is exact.
        assert np.all(values[:, (errors == 0).any(axis=0)].std(axis=0) < 1e-12), what
        # What few draws show, in some of the fits, has the error of one draw, or two.
        floors = np.multiply.outer([1, 2], np.ones_like(errors)) / (4 * NUM_DRAWS)
        floored = np.isclose(errors, floors).any(axis=(0, 1))
        ratio = np.where(spread > 1e-12, reported / np.maximum(spread, 1e-300), 1)
        # Over 160 fits the spread itself is known to 6%.
        assert np.all(ratio > 0.75), (what, ratio)
        assert np.all((ratio < 1.25) | floored), (what, ratio)


def test_errors_of_chains_are_arvizs_but_for_the_noise_of_both() -> None:
    fit = read_fit(nuts_fit(hp.PartialPooling()))
    chains = fit.theta.reshape(fit.num_chains, -1, fit.theta.shape[1])
    want = np.ravel(array_stats.mcse(chains, chain_axis=0, draw_axis=1, method="mean"))
    ratio = fit.error(fit.theta) / want
    # Batch means of chains of some hundreds of draws have errors of some 10% of their own.
    assert np.all((ratio > 0.6) & (ratio < 1.6)), ratio
    assert abs(np.log(ratio).mean()) < 0.15


def test_what_no_draw_shows_has_the_error_of_one_draw() -> None:
    # The first group is best in every draw, and both rates are below a half.
    theta = np.random.default_rng(0).uniform([0.3, 0.1], [0.4, 0.2], (50, 2))
    tree = tree_of(theta, [35, 150], [100, 1000])
    tree["posterior_predictive"] = xr.DataTree(
        xr.Dataset(
            {"y": (("chain", "draw", "groups"), np.full((1, 50, 2), [35, 150]))},
            coords={"groups": ["g0", "g1"]},
        )
    )
    assert hp.expected_loss(tree)["mcse"].min() > 0
    assert hp.rank(tree).groups["best_mcse"].tolist() == [0.02, 0.02]
    assert hp.contrast(tree, "g0", "g1")["mcse"].item() == 0.02
    checks = hp.predictive_check(tree)
    assert (checks.filter(like="p_").filter(like="mcse") >= 0.02).all(axis=None)
    season = hp.season(tree, above=0.5, trials_to_come=10**6)
    assert season["probability"].max() < 1e-9 and (season["mcse"] >= 0.02).all()
    # What is decided already is certain.
    decided = hp.season(tree, above=0.5, trials_to_come={"g0": 10, "g1": 3})
    assert decided["mcse"].tolist() == [0, 0]
