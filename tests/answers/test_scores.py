"""Held-out log densities and coverage: against the reference, SciPy, and the evidence."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import NAMES, PLAYERS, four_fits
from scipy import stats
from scipy.special import betaln
from tables import close

import hierpool as hp
from hierpool.likelihood.compress import log_coefficient

HELD_OUT, FIRST = PLAYERS.set_index("player"), NAMES[0]
LATER = {"successes": HELD_OUT["remaining_hits"], "trials": HELD_OUT["remaining_at_bats"]}


@pytest.fixture(scope="module")
def trees() -> dict[str, xr.DataTree]:
    return four_fits()


@pytest.mark.parametrize(
    ("model", "pointwise", "joint"),
    [
        ("complete", -72.905, -74.754),
        ("none", -82.052, -82.052),
        ("beta", -74.106, -73.169),
        ("logit", -72.008, -72.585),
    ],
)
def test_both_scores_are_the_references(
    model: str, pointwise: float, joint: float, trees: dict[str, xr.DataTree]
) -> None:
    total = hp.score(trees[model], **LATER).total
    for name, want in (("pointwise", pointwise), ("joint", joint)):
        row = total.loc[name]
        assert abs(row["log_density"] - want) < 5 * row["mcse"] + 0.0006
        assert row["mcse"] < 0.15
    if model == "none":
        assert not total["mcse"].any() and total["effective_draws"].isna().all()
    else:
        assert total["effective_draws"].between(100, 4000).all()


@pytest.mark.parametrize(
    ("model", "inside"), [("complete", 7), ("none", 9), ("beta", 12), ("logit", 11)]
)
def test_the_rest_of_the_season_falls_in_as_many_intervals_as_the_reference_says(
    model: str, inside: int, trees: dict[str, xr.DataTree]
) -> None:
    got = hp.coverage(trees[model], **LATER)
    assert got.total.loc["all", "inside"] == inside == got.groups["inside"].sum()
    assert got.total.loc["all", ["groups", "prob"]].tolist() == [18, 0.5]
    close(got.total["share"], inside / 18, relative=1e-12)
    table = hp.predict(trees[model], trials=LATER["trials"], prob=0.5)
    pd.testing.assert_frame_equal(got.groups[["lower", "upper"]], table[["lower", "upper"]])


def test_the_ends_of_an_interval_are_inside(trees: dict[str, xr.DataTree]) -> None:
    table = hp.predict(trees["beta"], trials=LATER["trials"], prob=0.5)
    for column, step in (("lower", -1), ("upper", 1)):
        at, beyond = (
            hp.coverage(trees["beta"], successes=z, trials=LATER["trials"]).groups["inside"]
            for z in (table[column], table[column] + step)
        )
        assert at.all() and not beyond.any()


def test_the_joint_score_of_a_beta_population_is_a_difference_of_evidence(
    trees: dict[str, xr.DataTree],
) -> None:
    y, n, z, m = (
        PLAYERS[name].to_numpy()
        for name in ("hits", "at_bats", "remaining_hits", "remaining_at_bats")
    )
    names = {"successes": "y", "trials": "n"}
    before, after = (
        hp.estimate({"y": a, "n": b}, **names, prob=None).population["log_evidence"].iloc[0]
        for a, b in ((y, n), (y + z, n + m))
    )
    coefficients = log_coefficient(*map(np.double, (z, m))) + log_coefficient(
        *map(np.double, (y, n))
    )
    coefficients -= log_coefficient(np.double(y + z), np.double(n + m))
    got = hp.score(trees["beta"], **LATER).total.loc["joint"]
    assert abs(got["log_density"] - (after - before + coefficients.sum())) < 5 * got["mcse"]


def test_each_groups_density_is_the_average_of_beta_binomials(
    trees: dict[str, xr.DataTree],
) -> None:
    posterior = trees["beta"]["posterior"]
    phi, kappa = (posterior[name].values.ravel() for name in ("phi", "kappa"))
    got = hp.score(trees["beta"], **LATER).groups
    assert list(got.index) == list(HELD_OUT.index) and got.index.name == "group"
    for name, row in HELD_OUT.iterrows():
        alpha, beta = phi * kappa + row["hits"], (1 - phi) * kappa + 45 - row["hits"]
        p = stats.betabinom.pmf(row["remaining_hits"], row["remaining_at_bats"], alpha, beta)
        close(got.loc[name, "log_density"], np.log(p.mean()), relative=1e-8)
        close(got.loc[name, "mcse"], p.std(ddof=1) / p.mean() / 4000**0.5, relative=1e-6)


def test_complete_pooling_has_a_closed_form(trees: dict[str, xr.DataTree]) -> None:
    z, m = LATER["successes"].sum(), LATER["trials"].sum()
    coefficients = log_coefficient(*(x.to_numpy(float) for x in LATER.values())).sum()
    # 215 hits in 810 at-bats, and a uniform prior.
    want = coefficients + betaln(216 + z, 596 + m - z) - betaln(216, 596)
    got = hp.score(trees["complete"], **LATER).total.loc["joint"]
    assert abs(got["log_density"] - want) < 5 * got["mcse"]


@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
def test_the_densities_of_every_outcome_add_up_to_one(
    model: str, trees: dict[str, xr.DataTree]
) -> None:
    total = 0.0
    for z in range(5):
        got = hp.score(trees[model], successes={FIRST: z}, trials={FIRST: 4})
        assert list(got.groups.index) == [FIRST]
        # Of one group, joint and pointwise are the same.
        close(*got.total["log_density"], relative=1e-12)
        close(*got.total["mcse"], relative=1e-9)
        total += np.exp(got.groups["log_density"].iloc[0])
    close(total, 1, relative=1e-8)


@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
def test_groups_go_by_name_and_may_be_left_out(model: str, trees: dict[str, xr.DataTree]) -> None:
    whole = hp.score(trees[model], **LATER)
    names = [HELD_OUT.index[9], FIRST]
    some = hp.score(
        trees[model],
        successes={name: int(LATER["successes"][name]) for name in names},
        trials=LATER["trials"][names[::-1]],
    )
    pd.testing.assert_frame_equal(some.groups, whole.groups.loc[names], rtol=1e-9)
    in_order = hp.score(trees[model], **{k: v.to_numpy() for k, v in LATER.items()})
    pd.testing.assert_frame_equal(in_order.total, whole.total)
    close(
        some.total.loc["pointwise", "log_density"], some.groups["log_density"].sum(), relative=1e-12
    )


def test_what_was_not_tried_scores_nothing(trees: dict[str, xr.DataTree]) -> None:
    nothing = hp.score(trees["beta"], successes=np.zeros(18, int), trials=0)
    close(nothing.total[["log_density", "mcse"]], 0, relative=0, absolute=1e-9)
    inside = hp.coverage(trees["beta"], successes=np.zeros(18, int), trials=0).groups["inside"]
    assert inside.all()


def test_a_score_that_rests_on_few_draws_says_so(trees: dict[str, xr.DataTree]) -> None:
    for model in ("complete", "beta", "logit"):
        with pytest.warns(hp.FewDrawsWarning, match="density is imprecise; fit with more draws"):
            hp.score(trees[model], successes=[900] * 18, trials=1000)


@pytest.mark.parametrize("takes_all", [False, True])
def test_draws_are_left_out_unless_few_of_them_matter(
    takes_all: bool,  # noqa: FBT001
    trees: dict[str, xr.DataTree],
) -> None:
    # Every draw a hundred times over is the same posterior, and too many densities for the budget.
    tree = trees["beta"].filter(lambda node: "draw" not in node.dims)
    posterior = trees["beta"]["posterior"].to_dataset().drop_vars("theta")
    tree["posterior"] = xr.DataTree(posterior.isel(draw=np.tile(np.arange(1000), 100)))
    later = {"successes": [10**6 - 1] * 18, "trials": 10**6} if takes_all else LATER
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hp.FewDrawsWarning)
        some, whole = hp.score(tree, **later).total, hp.score(trees["beta"], **later).total
    gap = np.abs(some["log_density"] - whole["log_density"])
    if takes_all:
        assert np.all(gap < 1e-9 * np.abs(whole["log_density"]))
        close(some["effective_draws"], 100 * whole["effective_draws"], relative=1e-9)
    else:
        # Every other draw: half of them, and their own Monte Carlo error.
        assert np.all((gap > 0) & (gap < 5 * whole["mcse"]))


def test_effective_draws_are_those_of_the_worse_score_and_group(
    trees: dict[str, xr.DataTree],
) -> None:
    posterior = trees["beta"]["posterior"]
    phi, kappa = (posterior[name].values.reshape(-1, 1) for name in ("phi", "kappa"))
    z, m = (
        np.append(LATER[name].to_numpy()[:-1], end)
        for name, end in (("successes", 300), ("trials", 300))
    )
    y = PLAYERS["hits"].to_numpy()
    each = stats.betabinom.pmf(z, m, phi * kappa + y, (1 - phi) * kappa + 45 - y)
    joint = each.prod(axis=1)
    worth = [density.sum(axis=0) ** 2 / (density**2).sum(axis=0) for density in (each, joint)]
    with pytest.warns(hp.FewDrawsWarning) as caught:
        total = hp.score(trees["beta"], successes=z, trials=m).total
    close(total["effective_draws"], [worth[0].min(), worth[1]], relative=1e-6)
    name, least = min((("pointwise", worth[0].min()), ("joint", worth[1])), key=lambda x: x[1])
    assert f"worth {least:.3g} here" in str(caught[0].message)
    assert f"the {name} density is imprecise" in str(caught[0].message)
    errors = [each.std(axis=0, ddof=1) / each.mean(axis=0), joint.std(ddof=1) / joint.mean()]
    close(total.loc["joint", "mcse"], errors[1] / 4000**0.5, relative=1e-6)
    of_sum = (each / each.mean(axis=0)).sum(axis=1).std(ddof=1)
    close(total.loc["pointwise", "mcse"], of_sum / 4000**0.5, relative=1e-6)


@pytest.mark.parametrize("model", ["none", "beta"])
def test_the_expected_share_is_what_the_intervals_hold(
    model: str, trees: dict[str, xr.DataTree]
) -> None:
    m = 3
    got = hp.coverage(trees[model], successes=[1] * 18, trials=m, prob=0.5)
    y = PLAYERS["hits"].to_numpy()
    a, b = np.ones((1, 1)), np.ones((1, 1))
    if model == "beta":
        posterior = trees[model]["posterior"]
        phi, kappa = (posterior[name].values.reshape(-1, 1) for name in ("phi", "kappa"))
        a, b = phi * kappa, (1 - phi) * kappa
    z = np.arange(m + 1)[:, None, None]
    p = stats.betabinom.pmf(z, m, a + y, b + 45 - y).mean(axis=1)
    inside = (z[:, 0] >= got.groups["lower"].to_numpy()) & (
        z[:, 0] <= got.groups["upper"].to_numpy()
    )
    close(got.groups["probability"], np.sum(p * inside, axis=0), relative=1e-8)
    close(got.total["expected_share"], np.sum(p * inside, axis=0).mean(), relative=1e-8)
    # Three at-bats have few outcomes: an interval of a half holds much more.
    assert got.total["expected_share"].item() > 0.6


def test_drawn_intervals_hold_what_they_say(trees: dict[str, xr.DataTree]) -> None:
    got = hp.coverage(trees["beta"], successes=[1] * 18, trials=10**8, prob=0.5)
    close(got.groups["probability"], 0.5, relative=0, absolute=0.001)


def test_hyperparameters_alone_will_do(trees: dict[str, xr.DataTree]) -> None:
    for model in ("complete", "beta", "logit"):
        tree = trees[model].copy()
        tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().drop_vars("theta"))
        alone, whole = hp.score(tree, **LATER), hp.score(trees[model], **LATER)
        pd.testing.assert_frame_equal(alone.total, whole.total)


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [
        (
            {FIRST: 5},
            {FIRST: 4},
            "successes must not exceed trials: group 'Roberto Clemente' has 5",
        ),
        ({FIRST: 5, "Max Alvis": 1}, {FIRST: 9}, "Group 'Max Alvis' has only one of"),
        ({FIRST: 5}, {FIRST: 9, "Max Alvis": 1}, "Group 'Max Alvis' has only one of"),
        ({"Robert Clemente": 5}, 9, "nearest name is 'Roberto Clemente'"),
        ([1, 2, 3], 9, r"successes have the shape \(3,\), and the fit has 18 groups"),
        (
            pd.Series([5.0, np.nan], index=[FIRST, "Max Alvis"]),
            9,
            "must not be missing: group 'Max",
        ),
    ],
)
def test_bad_input_gets_one_sentence(
    successes: object, trials: object, message: str, trees: dict[str, xr.DataTree]
) -> None:
    for answer in (hp.score, hp.coverage):
        with pytest.raises(hp.InputError, match=message):
            answer(trees["beta"], successes=successes, trials=trials)  # type: ignore[operator]


def test_a_wrong_type_is_a_type_error(trees: dict[str, xr.DataTree]) -> None:
    with pytest.raises(TypeError, match="successes must be a number, a mapping"):
        hp.score(trees["beta"], successes=HELD_OUT, trials=9)  # type: ignore[arg-type]
    with pytest.raises(hp.InputError, match="prob must lie between 0 and 1, not 50"):
        hp.coverage(trees["beta"], **LATER, prob=50)
