"""Events: above a threshold, some and all of them, after the season; a selection."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import (
    FEW,
    NAMES,
    ONE_FIVE_TEN,
    PLAYERS,
    REFERENCE_ERROR,
    REST,
    agrees,
    draws_of,
    fit_of,
    tree_of,
)
from oracle import exact
from scipy import stats
from tables import HOSPITALS, RATS, close

import hierpool as hp
from hierpool.posterior.tree import settings

ABOVE_400 = {
    "complete": (0, 0, 0),
    "none": (0.516, 0.120, 0.017),
    "beta": (0.0791, 0.0133, 0.0018),
    "logit": (0.023, 0.0035, 0.0007),
}
SOME_ABOVE_350 = {"complete": 0, "none": 0.9958, "beta": 0.588, "logit": 0.258}


@pytest.mark.parametrize("model", ABOVE_400)
def test_players_are_above_400_as_the_reference_says(model: str) -> None:
    got = hp.events(fit_of(model), above=0.4).groups.loc[0.4].loc[ONE_FIVE_TEN]
    agrees(got["probability"], got["mcse"], ABOVE_400[model], want_error=REFERENCE_ERROR)


@pytest.mark.parametrize("model", SOME_ABOVE_350)
def test_some_player_is_above_350_as_the_reference_says(model: str) -> None:
    got = hp.events(fit_of(model), above=0.35).joint.loc[0.35]
    agrees(got["some"], got["some_mcse"], SOME_ABOVE_350[model], want_error=REFERENCE_ERROR)


def test_some_lab_of_rats_is_above_35_percent_as_the_reference_says() -> None:
    got = hp.events(fit_of("beta", "rat-tumors"), above=0.35).joint.loc[0.35]
    agrees(got["some"], got["some_mcse"], 0.666, want_error=REFERENCE_ERROR)


# That all hospitals are above this line is rare, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize(
    ("table", "counts", "line"),
    [("rat-tumors", RATS, 0.2), ("surgical-mortality", HOSPITALS, 0.07)],
)
def test_chances_above_a_line_are_the_exact_ones(
    table: str, counts: hp.Counts, line: float
) -> None:
    got = hp.events(fit_of("beta", table), above=line).groups
    posterior = exact(counts.successes, counts.trials, size=200)
    want = [1 - posterior.theta_below(i, line) for i in range(len(counts.trials))]
    agrees(got["probability"], got["mcse"], want)
    # Draws of the population, not of theta, are averaged: less noise.
    counted = np.sqrt(got["probability"] * (1 - got["probability"]) / 6000)
    # What few draws show has the error of one draw, counted or not.
    assert (got["mcse"] < np.maximum(0.9 * counted, 1.01 / 6000)).all()


def test_without_pooling_everything_is_exact() -> None:
    tree = fit_of("none")
    told = hp.events(tree, above=0.35)
    y, n = PLAYERS["hits"].to_numpy(), PLAYERS["at_bats"].to_numpy()
    p = stats.beta.sf(0.35, 1 + y, 1 + n - y)
    close(told.groups["probability"], p, relative=1e-9)
    want = {"some": 1 - np.prod(1 - p), "all": np.prod(p), "expected_number": p.sum()}
    for name, value in want.items():
        close(told.joint[name], [value], relative=1e-9)
        assert told.joint[f"{name}_mcse"].tolist() == [0]
    later = hp.season(tree, above=0.35, trials_to_come=100)
    least = np.floor(0.35 * 145) + 1 - y
    close(later["probability"], stats.betabinom.sf(least - 1, 100, 1 + y, 1 + n - y), relative=1e-9)
    close(later["expected_rate"], (y + 100 * (1 + y) / (2 + n)) / 145, relative=1e-12)
    assert (later["mcse"] == 0).all() and (later["expected_rate_mcse"] == 0).all()


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
@pytest.mark.parametrize("line", [0.2, 0.27, 0.35])
def test_joint_chances_keep_to_frechets_bounds(model: str, line: float) -> None:
    told = hp.events(fit_of(model), above=line)
    p, joint = told.groups["probability"].to_numpy(), told.joint.loc[line]
    slack = 1e-12
    assert p.max() - slack <= joint["some"] <= min(1, p.sum()) + slack
    assert max(0, p.sum() - len(p) + 1) - slack <= joint["all"] <= p.min() + slack
    close(joint["expected_number"], p.sum(), relative=1e-12)


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
def test_joint_chances_are_of_joint_draws_and_no_products_of_marginals() -> None:
    tree = fit_of("beta")
    joint = hp.events(tree, above=0.27).joint.loc[0.27]
    above = draws_of(tree) > 0.27
    for name, event in (("some", above.any(axis=1)), ("all", above.all(axis=1))):
        agrees(joint[name], joint[f"{name}_mcse"], event.mean(), want_error=event.std() / 6000**0.5)
    p = hp.events(tree, above=0.27).groups["probability"]
    assert joint["all"] > 100 * p.prod()


def test_many_lines_are_answered_as_one_by_one() -> None:
    tree = fit_of("logit")
    together = hp.events(tree, above=(0.35, 0.3))
    assert together.groups.index.names == ["line", "group"]
    assert list(together.joint.index) == [0.35, 0.3]
    for line in (0.3, 0.35):
        alone = hp.events(tree, above=line)
        pd.testing.assert_frame_equal(together.groups.loc[[line]], alone.groups)
        pd.testing.assert_frame_equal(together.joint.loc[[line]], alone.joint)
        assert list(alone.groups.loc[line].index) == NAMES


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize("model", ["none", "beta", "logit"])
def test_groups_never_tried_count_alone_but_not_together(model: str) -> None:
    with_unseen = fit_of(model, with_unseen=True)
    joint = hp.events(with_unseen, above=0.3).joint.loc[0.3]
    alone = hp.events(fit_of(model), above=0.3).joint.loc[0.3]
    assert joint["num_groups"] == alone["num_groups"] == 18
    for name in ("some", "all", "expected_number"):
        agrees(joint[name], joint[f"{name}_mcse"], alone[name], want_error=alone[f"{name}_mcse"])
    assert "unseen" not in hp.select(with_unseen, above=0.3).index
    got = hp.events(with_unseen, above=0.3).groups.loc[(0.3, "unseen")]
    want = {"none": 0.7}
    if model == "beta":
        posterior = exact(np.append(PLAYERS["hits"], 0), np.append(PLAYERS["at_bats"], 0), size=200)
        want["beta"] = 1 - posterior.theta_below(18, 0.3)
    if model in want:
        agrees(got["probability"], got["mcse"] + 1e-12, want[model])


def test_what_no_draw_shows_is_not_told_as_certain() -> None:
    told = hp.events(tree_of(FEW, [1, 2, 3], [4, 4, 4]), above=[0.45, 0.99])
    assert told.groups["probability"].tolist() == [0, 0.75, 1, 0, 0, 0]
    assert (told.groups["mcse"] >= 0.25).all()
    assert (told.joint["all_mcse"] >= 0.25).all()


def test_rare_joint_events_warn_and_are_within_their_errors() -> None:
    with pytest.warns(hp.FewDrawsWarning, match="that all are above 0.3 is imprecise; fit"):
        row = hp.events(fit_of("beta"), above=[0.3, 0.25]).joint.loc[0.3]
    # By the oracle: all 18 players are above .3 once in 82,000.
    posterior = exact(PLAYERS["hits"], PLAYERS["at_bats"], size=200)
    heavy = posterior.weight > 1e-12
    kappa, phi = np.exp(posterior.kappa_log[heavy]), posterior.phi[heavy]
    logs = sum(
        stats.beta.logsf(0.3, phi * kappa + y, (1 - phi) * kappa + n - y)
        for y, n in zip(PLAYERS["hits"], PLAYERS["at_bats"], strict=True)
    )
    want = posterior.weight[heavy] @ np.exp(logs)
    assert row["all"] < want / 10
    agrees(row["all"], row["all_mcse"], want)


def test_the_expected_number_takes_every_draw_however_many_lines_are_asked() -> None:
    tree = fit_of("beta", "rat-tumors")
    posterior = tree["posterior"]
    phi, kappa = (posterior[name].values.reshape(-1, 1) for name in ("phi", "kappa"))
    lines = np.linspace(0.1, 0.2, 80)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hp.FewDrawsWarning)
        joint = hp.events(tree, above=lines).joint
    for line in lines[::20]:
        each = stats.beta.sf(
            line, phi * kappa + RATS.successes, (1 - phi) * kappa + RATS.trials - RATS.successes
        ).sum(axis=1)
        of_all = each.std() / len(each) ** 0.5
        # Taken from fewer draws, it would be off by its own, larger error.
        assert abs(joint.loc[line, "expected_number"] - each.mean()) < 0.3 * of_all
        close(joint.loc[line, "expected_number_mcse"], of_all, relative=0.25)


def test_a_group_without_trials_before_and_after_has_no_rate() -> None:
    tree = fit_of("beta", with_unseen=True)
    assert hp.season(tree, above=0.3, trials_to_come=0).loc["unseen"].isna().all()
    assert hp.season(tree, above=0.3, trials_to_come=1).notna().all(axis=None)


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize("model", ["none", "beta", "logit"])
def test_a_reloaded_fit_gives_identical_answers(model: str, tmp_path: Path) -> None:
    tree = fit_of(model)
    hp.save(tree, tmp_path / "fit.nc")
    again = hp.load(tmp_path / "fit.nc")
    for ask in (
        lambda tree: hp.events(tree, above=0.3).groups,
        lambda tree: hp.events(tree, above=0.3).joint,
        lambda tree: hp.season(tree, above=0.3, trials_to_come=REST),
        lambda tree: hp.select(tree, above=0.3),
    ):
        pd.testing.assert_frame_equal(ask(tree), ask(again), check_exact=True)


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize(
    ("model", "joint"), [("beta", hp.PartialPooling()), ("logit", hp.LogitPartialPooling())]
)
def test_models_that_keep_theta_answer_as_those_that_do_not(model: str, joint: hp.Model) -> None:
    twin = fit_of(model).copy()
    twin.attrs = fit_of(model).attrs | {"hierpool_model": settings(joint)}
    for ask in (
        lambda tree: hp.events(tree, above=0.3).groups,
        lambda tree: hp.season(tree, above=0.3, trials_to_come=REST),
        lambda tree: hp.select(tree, above=0.3),
    ):
        pd.testing.assert_frame_equal(ask(twin), ask(fit_of(model)))


# That all are above is rare at some of these lines, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
def test_hyperparameters_are_enough_where_there_is_a_closed_form() -> None:
    small = xr.DataTree.from_dict(
        {name: group.dataset for name, group in fit_of("beta").children.items()}
    )
    small.attrs = fit_of("beta").attrs
    small["posterior"] = xr.DataTree(small["posterior"].dataset.drop_vars("theta"))
    for ask in (
        lambda tree: hp.events(tree, above=0.3).joint,
        lambda tree: hp.season(tree, above=0.3, trials_to_come=REST),
        lambda tree: hp.select(tree, above=0.3),
    ):
        pd.testing.assert_frame_equal(ask(small), ask(fit_of("beta")))
    small = fit_of("logit").copy()
    small["posterior"] = xr.DataTree(small["posterior"].dataset.drop_vars("theta"))
    with pytest.raises(hp.InputError, match="hyperparameters only"):
        hp.events(small, above=0.3)


@pytest.mark.parametrize(
    ("above", "message"),
    [
        (35, "above must lie between 0 and 1, not 35: it is a probability"),
        (0, "not 0"),
        (float("nan"), "not nan"),
        ([], "above is empty: give at least one threshold"),
        ([0.3, 0.3], "repeats a threshold"),
    ],
)
def test_wrong_lines_are_told(above: float, message: str) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.events(fit_of("beta"), above=above)


@pytest.mark.parametrize("above", ["0.3", {"line": 0.3}, [None]])
def test_lines_of_the_wrong_type_are_told(above: float) -> None:
    with pytest.raises(TypeError, match="above must be a number"):
        hp.events(fit_of("beta"), above=above)
    with pytest.raises(TypeError, match="above must be a number, not list"):
        hp.select(fit_of("beta"), above=[0.3])  # type: ignore[arg-type]


def test_what_is_no_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected the tree"):
        hp.events("fit.nc", above=0.3)  # type: ignore[arg-type]
    with pytest.raises(hp.InputError, match="holds no fit"):
        hp.select(xr.DataTree(), above=0.3)
