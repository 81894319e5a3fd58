"""Ranks: permutations in every draw, and what they add up to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import NAMES, REFERENCE_ERROR, agrees, draws_of, fit_of, tree_of
from scipy import stats
from tables import close

import hierpool as hp
from hierpool.answers import ranks as ranking
from hierpool.answers.ranks import ranks_of
from hierpool.posterior.tree import settings

RNG = np.random.default_rng(0)
# Draws that tie now and then, and once all together.
TIED = RNG.integers(0, 4, size=(400, 6)) / 8
TIED[0] = 0
BEST = {"none": (0.349, 0.0067), "beta": (0.247, 0.0205), "logit": (0.177, 0.032)}


def test_mean_ranks_of_the_players_are_the_references() -> None:
    got = hp.rank(fit_of("beta")).groups.loc[[NAMES[i - 1] for i in (1, 5, 10, 18)]]
    # A rank's standard deviation is 4, not that of a share.
    want_error = got["rank_mcse"] * (6000 / 400_000) ** 0.5 + 0.005
    agrees(got["rank"], got["rank_mcse"], [4.40, 7.49, 10.32, 13.96], want_error=want_error)


@pytest.mark.parametrize("model", BEST)
def test_players_are_best_as_the_reference_says(model: str) -> None:
    got = hp.rank(fit_of(model)).groups.loc[[NAMES[0], NAMES[9]]]
    agrees(got["best"], got["best_mcse"], BEST[model], want_error=REFERENCE_ERROR)


def test_hospitals_have_the_highest_mortality_as_the_reference_says() -> None:
    got = hp.rank(fit_of("beta", "surgical-mortality"), best="highest").groups.loc[list("HBK")]
    agrees(got["best"], got["best_mcse"], [0.634, 0.198, 0.124], want_error=REFERENCE_ERROR)


@pytest.mark.parametrize("best", ["highest", "lowest"])
@pytest.mark.parametrize("theta", [TIED, RNG.random((300, 7))], ids=["tied", "untied"])
def test_the_ranks_of_any_draw_are_a_permutation(theta: np.ndarray, best: ranking.Best) -> None:
    ranks = ranks_of(theta, best)
    assert (np.sort(ranks, axis=1) == np.arange(1, theta.shape[1] + 1)).all()
    better = -theta if best == "highest" else theta
    assert (ranks >= stats.rankdata(better, "min", axis=1)).all()
    assert (ranks <= stats.rankdata(better, "max", axis=1)).all()


def test_ties_are_broken_at_random_and_always_in_the_same_way() -> None:
    theta = np.zeros((4000, 5))
    ranks = ranks_of(theta, "highest")
    share = (ranks == 1).mean(axis=0)
    agrees(share, np.sqrt(0.16 / 4000), 0.2)
    assert (ranks == ranks_of(theta, "highest")).all()


def test_the_draws_are_ranked_alike_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ranks_of(TIED, "highest")
    monkeypatch.setattr(ranking, "BLOCK", 70)
    assert (whole == ranks_of(TIED, "highest")).all()


@pytest.mark.parametrize("model", ["none", "beta", "logit"])
@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_the_table_is_read_off_the_distribution(model: str, best: ranking.Best) -> None:
    groups, distribution = hp.rank(fit_of(model), top=3, best=best, prob=0.6)
    assert list(groups.index) == list(distribution.index) == NAMES
    assert list(distribution.columns) == list(range(1, 19))
    close(distribution.sum(axis=0), 1, relative=1e-12)
    close(distribution.sum(axis=1), 1, relative=1e-12)
    close(groups["rank"], distribution @ np.arange(1, 19), relative=1e-12)
    close(groups["best"], distribution[1], relative=1e-12)
    close(groups["top"], distribution.loc[:, :3].sum(axis=1), relative=1e-12)
    close([groups["best"].sum(), groups["top"].sum()], [1, 3], relative=1e-12)
    up_to = distribution.cumsum(axis=1)
    for name, level in (("lower", 0.2), ("upper", 0.8)):
        want = (up_to.to_numpy() >= level - 1e-12).argmax(axis=1) + 1
        assert (groups[name] == want).all()


def test_rank_one_is_the_highest_theta_of_a_draw_or_the_lowest() -> None:
    tree = fit_of("beta")
    theta = draws_of(tree)
    for best, place in (("highest", theta.argmax(axis=1)), ("lowest", theta.argmin(axis=1))):
        got = hp.rank(tree, best=best).groups["best"]  # type: ignore[arg-type]
        close(got, np.bincount(place, minlength=18) / len(theta), relative=1e-12)
    down, up = hp.rank(tree).groups["rank"], hp.rank(tree, best="lowest").groups["rank"]
    close(down + up, 19, relative=1e-12)


def test_standard_errors_are_those_of_draws() -> None:
    groups = hp.rank(fit_of("beta"), top=4).groups
    ranks = stats.rankdata(-draws_of(fit_of("beta")), axis=1)
    close(groups["rank_mcse"], ranks.std(axis=0, ddof=1) / 6000**0.5, relative=1e-12)
    close(groups["top_mcse"], (ranks <= 4).std(axis=0, ddof=1) / 6000**0.5, relative=1e-12)
    never = hp.rank(tree_of(np.tile([0.1, 0.2], (8, 1)), [1, 2], [9, 9])).groups
    assert never["best"].tolist() == [0, 1] and never["best_mcse"].tolist() == [1 / 8, 1 / 8]


def test_groups_never_tried_are_left_out_and_change_nothing() -> None:
    tree = fit_of("beta", with_unseen=True)
    groups, distribution = hp.rank(tree)
    assert list(groups.index) == list(distribution.index) == NAMES
    tried = draws_of(tree)[:, :18]
    close(groups["rank"], stats.rankdata(-tried, axis=1).mean(axis=0), relative=1e-12)


def test_the_model_that_keeps_theta_answers_as_the_one_that_does_not() -> None:
    twin = fit_of("beta").copy()
    twin.attrs = fit_of("beta").attrs | {"hierpool_model": settings(hp.PartialPooling())}
    pd.testing.assert_frame_equal(hp.rank(twin).groups, hp.rank(fit_of("beta")).groups)


@pytest.mark.parametrize("model", ["none", "beta", "logit"])
def test_a_reloaded_fit_gives_identical_ranks(model: str, tmp_path: Path) -> None:
    hp.save(fit_of(model), tmp_path / "fit.nc")
    again = hp.rank(hp.load(tmp_path / "fit.nc"), top=2)
    for got, want in zip(again, hp.rank(fit_of(model), top=2), strict=True):
        pd.testing.assert_frame_equal(got, want, check_exact=True)


def test_under_complete_pooling_ranks_are_refused_with_the_reason() -> None:
    with pytest.raises(hp.InputError, match="CompletePooling all groups have the same theta"):
        hp.rank(fit_of("complete"))


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"top": 0}, hp.InputError, "top must be from 1 to 18, the groups with trials, not 0"),
        ({"top": 19}, hp.InputError, "top must be from 1 to 18"),
        ({"top": 1.5}, TypeError, "top must be a whole number, not float"),
        ({"best": "last"}, hp.InputError, "best must be 'highest' or 'lowest', not 'last'"),
        ({"prob": 89}, hp.InputError, "prob must lie between 0 and 1, not 89"),
        ({"prob": "most"}, TypeError, "prob must be a number, not str"),
    ],
)
def test_wrong_knobs_are_told(
    knobs: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        hp.rank(fit_of("beta", with_unseen=True), **knobs)  # type: ignore[arg-type]


def test_too_many_groups_and_none_are_told() -> None:
    many = tree_of(np.zeros((4, 5001)), [0] * 5001, [1] * 5001)
    with pytest.raises(hp.InputError, match="5,001 groups have 25,010,001 probabilities"):
        hp.rank(many)
    with pytest.raises(hp.InputError, match="No group has trials"):
        hp.rank(tree_of(np.zeros((4, 2)), [0, 0], [0, 0]))
