"""Contrasts of pairs, and the loss of choosing one group."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import NAMES, PLAYERS, REFERENCE_ERROR, agrees, draws_of, fit_of, tree_of
from oracle import exact
from scipy import integrate, stats
from tables import HOSPITALS, close

import hierpool as hp
from hierpool.answers import contrasts as pairwise
from hierpool.posterior.tree import settings

MODELS = ["none", "beta", "logit"]
# Draws that tie now and then, and some that have underflowed.
TIED = np.random.default_rng(0).integers(0, 4, size=(400, 4)) / 8


@pytest.mark.parametrize("model", MODELS)
def test_a_contrast_is_what_numpy_says_of_the_draws(model: str) -> None:
    tree = fit_of(model)
    theta = draws_of(tree)
    a, b = theta[:, 0], theta[:, 9]
    difference, odds = a - b, a / (1 - a) / (b / (1 - b))
    got = hp.contrast(tree, NAMES[0], NAMES[9], prob=0.8, rope=(-0.02, 0.05)).iloc[0]
    close(got["probability"], (a > b).mean(), relative=1e-12)
    close(got["difference_sd"], difference.std(ddof=1), relative=1e-12)
    agrees(got["difference"], difference.std(ddof=1) / 6000**0.5, difference.mean())
    values = {"difference": difference, "ratio": a / b, "odds_ratio": odds}
    for name, draws in values.items():
        lower, median, upper = np.quantile(draws, [0.1, 0.5, 0.9])
        close(got[[f"{name}_lower", f"{name}_upper"]], [lower, upper], relative=1e-9)
        if name != "difference":
            close(got[name], median, relative=1e-9)
    inside = (difference >= -0.02) & (difference <= 0.05)
    close(got["in_rope"], inside.mean(), relative=1e-12)
    close(got["in_rope_mcse"], inside.std(ddof=1) / 6000**0.5, relative=1e-12)
    close(got["mcse"], (a > b).std(ddof=1) / 6000**0.5, relative=1e-12)


def test_mean_differences_are_the_exact_ones() -> None:
    table = hp.contrasts(fit_of("beta", "surgical-mortality"))
    mean, _ = exact(HOSPITALS.successes, HOSPITALS.trials, size=200).theta_moments()
    a, b = np.triu_indices(12, 1)
    agrees(table["difference"], table["difference_mcse"], mean[a] - mean[b])
    # Draws of the population, not of theta, are averaged: less noise.
    assert (table["difference_mcse"] < 0.9 * table["difference_sd"] / 6000**0.5).all()


def test_without_pooling_a_beats_b_as_two_betas_do() -> None:
    table = hp.contrasts(fit_of("none"))
    alpha, beta = 1 + PLAYERS["hits"], 1 + PLAYERS["at_bats"] - PLAYERS["hits"]
    close(
        table["difference"],
        [(alpha / 47)[i] - (alpha / 47)[j] for i, j in zip(*np.triu_indices(18, 1), strict=True)],
        relative=1e-9,
        absolute=1e-12,
    )
    assert (table["difference_mcse"] == 0).all()
    for i, j in ((0, 1), (0, 17), (4, 9)):
        want, _ = integrate.quad(
            lambda x, i=i, j=j: (
                stats.beta.pdf(x, alpha[i], beta[i]) * stats.beta.cdf(x, alpha[j], beta[j])
            ),
            0,
            1,
        )
        got = table.loc[(NAMES[i], NAMES[j])]
        agrees(got["probability"], got["mcse"], want)


@pytest.mark.parametrize("model", MODELS)
def test_a_over_b_mirrors_b_over_a(model: str) -> None:
    tree = fit_of(model)
    one = hp.contrast(tree, NAMES[2], NAMES[7], rope=0.03).iloc[0]
    other = hp.contrast(tree, NAMES[7], NAMES[2], rope=0.03).iloc[0]
    close(one["probability"] + other["probability"], 1, relative=1e-12)
    for name in ("difference_sd", "in_rope", "mcse"):
        close(one[name], other[name], relative=1e-9)
    close(one["difference"], -other["difference"], relative=1e-9)
    close(one["difference_lower"], -other["difference_upper"], relative=1e-9)
    for name in ("ratio", "odds_ratio"):
        # Between two draws the median's interpolation does not mirror.
        close(one[name] * other[name], 1, relative=1e-5)


def test_ties_count_half_and_underflow_breaks_no_ratio() -> None:
    tree = tree_of(TIED, [0, 1, 2, 0], [4, 4, 4, 4])
    theta = draws_of(tree)
    table = hp.contrasts(tree)
    assert np.isfinite(table).all(axis=None)
    for (a, b), got in zip(((0, 1), (0, 2), (0, 3)), table["probability"], strict=False):
        want = (theta[:, a] > theta[:, b]).mean() + (theta[:, a] == theta[:, b]).mean() / 2
        close(got, want, relative=1e-12)
    one = hp.contrast(tree, "g1", "g3")["probability"].iloc[0]
    other = hp.contrast(tree, "g3", "g1")["probability"].iloc[0]
    close(one + other, 1, relative=1e-12)
    assert hp.contrast(tree_of(np.zeros((8, 2)), [0, 0], [1, 1]), "g0", "g1")["ratio"].item() == 1


def test_all_pairs_are_told_once_in_the_groups_order() -> None:
    tree = fit_of("beta")
    table = hp.contrasts(tree, rope=0.01)
    assert table.index.names == ["a", "b"] and len(table) == 18 * 17 / 2
    want = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i + 1 :]]
    assert list(table.index) == want
    pair = hp.contrast(tree, NAMES[3], NAMES[8], rope=(-0.01, 0.01))
    pd.testing.assert_frame_equal(table.loc[[(NAMES[3], NAMES[8])]], pair)
    some = hp.contrasts(tree, groups=[NAMES[8], NAMES[3], NAMES[0]])
    assert list(some.index) == [
        (NAMES[8], NAMES[3]),
        (NAMES[8], NAMES[0]),
        (NAMES[3], NAMES[0]),
    ]


def test_pairs_are_told_alike_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hp.contrasts(fit_of("logit"))
    for piece in (1, 40_000, 10**7):
        monkeypatch.setattr(pairwise, "BLOCK", piece)
        pd.testing.assert_frame_equal(whole, hp.contrasts(fit_of("logit")))


def test_too_many_pairs_are_refused_with_what_they_would_take() -> None:
    many = tree_of(np.random.default_rng(0).random((1000, 200)), [1] * 200, [2] * 200)
    message = (
        r"200 groups make 19,900 pairs, which would take about 1 s and 0.00 GB, and 10,000 are the "
        r"most: name fewer groups \(groups=, --group\), ask expected_loss, or raise most_pairs"
    )
    with pytest.raises(hp.InputError, match=message):
        hp.contrasts(many)
    assert len(hp.contrasts(many, groups=["g7", "g3"])) == 1
    assert len(hp.contrasts(many, most_pairs=19_900)) == 19_900


@pytest.mark.parametrize("model", MODELS)
def test_the_expected_loss_is_that_of_the_draws(model: str) -> None:
    tree = fit_of(model)
    theta = draws_of(tree)
    for best, losses in (
        ("highest", theta.max(axis=1, keepdims=True) - theta),
        ("lowest", theta - theta.min(axis=1, keepdims=True)),
    ):
        table = hp.expected_loss(tree, best=best)  # type: ignore[arg-type]
        assert list(table.index) == NAMES
        close(table["expected_loss"], losses.mean(axis=0), relative=1e-12)
        close(table["mcse"], losses.std(axis=0, ddof=1) / 6000**0.5, relative=1e-12)
        close(table["best"].sum(), 1, relative=1e-12)
        ranks = hp.rank(tree, best=best).groups  # type: ignore[arg-type]
        close(table[["best", "best_mcse"]], ranks[["best", "best_mcse"]], relative=1e-12)


def test_losses_differ_as_the_means_do() -> None:
    tree = fit_of("none")
    table = hp.expected_loss(tree)
    mean = (1 + PLAYERS["hits"]) / 47
    gap = table["expected_loss"].to_numpy() - table["expected_loss"].iloc[0]
    agrees(gap, 2 * table["mcse"], mean.iloc[0] - mean)
    agrees(table["best"].iloc[0], table["best_mcse"].iloc[0], 0.349, want_error=REFERENCE_ERROR)


def test_those_that_tie_share_the_best_draw() -> None:
    table = hp.expected_loss(tree_of(TIED, [0, 1, 2, 0], [4, 4, 4, 4]))
    is_best = TIED == TIED.max(axis=1, keepdims=True)
    close(
        table["best"], (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0), relative=1e-12
    )
    close(table["best"].sum(), 1, relative=1e-12)
    never = hp.expected_loss(tree_of(np.tile([0.1, 0.2], (8, 1)), [1, 2], [9, 9]))
    assert never["best"].tolist() == [0, 1] and never["best_mcse"].tolist() == [1 / 8, 1 / 8]


def test_groups_never_tried_are_compared_only_by_name() -> None:
    tree = fit_of("beta", with_unseen=True)
    assert list(hp.expected_loss(tree).index) == NAMES
    assert "unseen" not in hp.contrasts(tree).index.get_level_values("b")
    got = hp.contrast(tree, NAMES[0], "unseen").iloc[0]
    assert 0.5 < got["probability"] < 1 and got["difference"] > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_reloaded_fit_gives_identical_contrasts(model: str, tmp_path: Path) -> None:
    tree = fit_of(model)
    hp.save(tree, tmp_path / "fit.nc")
    again = hp.load(tmp_path / "fit.nc")
    for ask in (lambda tree: hp.contrasts(tree, rope=0.01), hp.expected_loss):
        pd.testing.assert_frame_equal(ask(tree), ask(again), check_exact=True)


@pytest.mark.parametrize(
    ("model", "joint"), [("beta", hp.PartialPooling()), ("logit", hp.LogitPartialPooling())]
)
def test_models_that_keep_theta_contrast_as_those_that_do_not(model: str, joint: hp.Model) -> None:
    twin = fit_of(model).copy()
    twin.attrs = fit_of(model).attrs | {"hierpool_model": settings(joint)}
    pd.testing.assert_frame_equal(hp.contrasts(twin), hp.contrasts(fit_of(model)))
    pd.testing.assert_frame_equal(hp.expected_loss(twin), hp.expected_loss(fit_of(model)))


def test_chains_have_the_errors_of_batches() -> None:
    # Each draw three times over: the independent draws are a third as many.
    theta = np.repeat(np.random.default_rng(0).random((4000, 2)), 3, axis=0)
    tree = tree_of(theta, [1, 2], [4, 4])
    taken_as_independent = hp.contrast(tree, "g0", "g1")["mcse"].item()
    diverging = (("chain", "draw"), np.zeros((1, 12_000), bool))
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": diverging}))
    ratio = hp.contrast(tree, "g0", "g1")["mcse"].item() / taken_as_independent
    close(ratio, 3**0.5, relative=0.2)


def test_under_complete_pooling_contrasts_are_refused_with_the_reason() -> None:
    tree = fit_of("complete")
    for ask in (hp.contrasts, hp.expected_loss, lambda tree: hp.contrast(tree, *NAMES[:2])):
        with pytest.raises(hp.InputError, match="CompletePooling all groups have the same theta"):
            ask(tree)


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"groups": ["Ken Bery", "Max Alvis"]}, hp.InputError, "nearest name is 'Ken Berry'"),
        ({"groups": ["1", "Max Alvis"]}, hp.InputError, "no group '1'; the first is 'Roberto"),
        ({"groups": ["Max Alvis"]}, hp.InputError, "needs two groups, and there are 1"),
        ({"groups": []}, hp.InputError, "needs two groups, and there are 0"),
        ({"groups": ["Max Alvis"] * 2}, hp.InputError, "'Max Alvis' is named twice"),
        ({"groups": "Max Alvis"}, TypeError, "groups must be a list of labels"),
        ({"rope": 0}, hp.InputError, "rope must be half a width above 0"),
        ({"rope": (0.1, -0.1)}, hp.InputError, "with low below high, not"),
        ({"rope": (1, 2, 3)}, hp.InputError, "with low below high"),
        ({"rope": float("nan")}, hp.InputError, "rope must be half a width above 0"),
        ({"rope": "small"}, TypeError, "rope must be a number or two, not 'small'"),
        ({"prob": 1}, hp.InputError, "prob must lie between 0 and 1, not 1"),
    ],
)
def test_wrong_knobs_are_told(
    knobs: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        hp.contrasts(fit_of("beta"), **knobs)  # type: ignore[arg-type]


def test_a_wrong_best_is_told() -> None:
    with pytest.raises(hp.InputError, match="best must be 'highest' or 'lowest', not 'first'"):
        hp.expected_loss(fit_of("beta"), best="first")  # type: ignore[arg-type]
