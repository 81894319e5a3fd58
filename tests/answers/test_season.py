"""After the season, and a selection of groups."""

import numpy as np
import pytest
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
from tables import HOSPITALS, close

import hierpool as hp

SEASON_ABOVE_400 = {
    "complete": (0, 0, 0),
    "none": (0.518, 0.105, 0.009),
    "beta": (0.0973, 0.0133, 0.0011),
    "logit": (0.031, 0.004, 0.000),
}


@pytest.mark.parametrize("model", SEASON_ABOVE_400)
def test_seasons_end_above_400_as_the_reference_says(model: str) -> None:
    got = hp.season(fit_of(model), above=0.4, trials_to_come=REST).loc[ONE_FIVE_TEN]
    agrees(got["probability"], got["mcse"], SEASON_ABOVE_400[model], want_error=REFERENCE_ERROR)


@pytest.mark.parametrize("model", ["beta", "logit"])
def test_the_season_is_what_simulated_seasons_are(model: str) -> None:
    tree, rng = fit_of(model, "surgical-mortality"), np.random.default_rng(0)
    m = np.arange(12) * 40
    z = rng.binomial(m, draws_of(tree))
    y, n = HOSPITALS.successes, HOSPITALS.trials
    rates = (y + z) / (n + m)
    names = list(tree["posterior"]["groups"].values)
    got = hp.season(tree, above=0.08, trials_to_come=dict(zip(names, m.tolist(), strict=True)))
    is_above = rates > 0.08
    spread = np.maximum(is_above.std(axis=0) / 6000**0.5, 1 / 6000)
    agrees(got["probability"], got["mcse"], is_above.mean(axis=0), want_error=spread)
    spread = rates.std(axis=0) / 6000**0.5
    agrees(got["expected_rate"], got["expected_rate_mcse"], rates.mean(axis=0), want_error=spread)


# That all are above this line is rare, which is said.
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
def test_a_season_without_end_is_theta_itself(model: str) -> None:
    tree = fit_of(model)
    season = hp.season(tree, above=0.27, trials_to_come=10**9)
    theta = hp.events(tree, above=0.27).groups
    # 45 at-bats of 10^9 move the line by as little, and a Beta's density is below 10.
    error = theta["mcse"].to_numpy() + 1e-7
    agrees(season["probability"], season["mcse"], theta["probability"], want_error=error)


def test_a_season_of_any_length_has_a_closed_form() -> None:
    tree = fit_of("beta", "surgical-mortality")
    row = hp.season(tree, above=0.15, trials_to_come=2_000_000).loc["G"]
    # Of so many trials the rate is theta, but for .0004.
    posterior = exact(HOSPITALS.successes, HOSPITALS.trials, size=200)
    agrees(row["probability"], row["mcse"], 1 - posterior.theta_below(6, 0.15))
    assert row["mcse"] < 0.05 * row["probability"]
    y, n = PLAYERS["hits"].to_numpy(), 45
    for m in (10**5, 2**20 + 1, 10**9):
        later = hp.season(fit_of("none"), above=0.4, trials_to_come=m)
        assert (later["mcse"] == 0).all()
        # A standard deviation of the rate given theta is .0016 at most, and a density's bend 400.
        want = stats.beta.sf(0.4, 1 + y, 1 + n - y)
        close(later["probability"], want, relative=0, absolute=100 / m)


def test_a_season_by_draws_takes_all_of_them_and_trusts_none_for_certain() -> None:
    # 2,000 groups of which one draw of 50 is above the line.
    theta = np.full((50, 2000), 0.2)
    theta[7] = 0.9
    tree = tree_of(theta, [2] * 2000, [10] * 2000)
    got = hp.season(tree, above=0.5, trials_to_come=10**6)
    close(got["probability"], 0.02, relative=1e-9)
    assert (got["mcse"] >= 0.0199).all()


@pytest.mark.parametrize("model", ["none", "beta", "logit"])
def test_a_season_that_is_over_is_what_it_was(model: str) -> None:
    over = hp.season(fit_of(model), above=0.31, trials_to_come=0)
    assert (over["probability"] == (PLAYERS["hits"] / PLAYERS["at_bats"] > 0.31).to_numpy()).all()
    close(over["expected_rate"], PLAYERS["hits"] / PLAYERS["at_bats"], relative=1e-12)
    close(over["mcse"], 0, relative=0, absolute=1e-15)


@pytest.mark.parametrize("line", [0.29, 0.57, 0.07, 1 / 3])
def test_a_rate_on_the_line_is_not_above_it(line: float) -> None:
    # 0.29 * 100 is 28.999999999999996 to a float.
    n = 99 if line == 1 / 3 else 100
    on = round(line * n)
    tree = tree_of(np.full((4, 2), 0.5), [on, on + 1], [n, n])
    assert hp.season(tree, above=line, trials_to_come=0)["probability"].tolist() == [0, 1]


def test_a_season_may_be_asked_of_some_groups() -> None:
    tree = fit_of("beta")
    some = hp.season(tree, above=0.35, trials_to_come={NAMES[4]: 300, NAMES[0]: 300})
    assert list(some.index) == [NAMES[4], NAMES[0]]
    all_of_them = hp.season(tree, above=0.35, trials_to_come=300).loc[some.index]
    close(some["probability"], all_of_them["probability"], relative=0.05)


@pytest.mark.parametrize(
    ("model", "table", "line"),
    [
        ("none", "rat-tumors", 0.12),
        ("beta", "rat-tumors", 0.12),
        ("logit", "surgical-mortality", 0.08),
    ],
)
def test_the_selection_is_the_longest_with_few_enough_errors(
    model: str, table: str, line: float
) -> None:
    tree, rate = fit_of(model, table), 0.2
    told = hp.select(tree, above=line, false_discovery_rate=rate)
    chances = hp.events(tree, above=line).groups.loc[line]
    close(told["probability"], chances.loc[told.index, "probability"], relative=1e-12)
    close(told["error"], 1 - told["probability"], relative=1e-12)
    assert (np.diff(told["error"]) >= 0).all() and set(told.index) == set(chances.index)
    for place, q_value in enumerate(told["q_value"]):
        as_good = told["error"] <= told["error"].iloc[place]
        close(q_value, told["error"][as_good].mean(), relative=1e-12)
    num_selected = int(told["selected"].sum())
    assert 0 < num_selected < len(told) and told["selected"].iloc[:num_selected].all()
    assert told["error"].iloc[:num_selected].mean() <= rate
    assert told["q_value"].iloc[num_selected] > rate


def test_groups_that_tie_share_a_q_value() -> None:
    # The rats have several laboratories of the same counts: the same closed form.
    table = hp.select(fit_of("beta", "rat-tumors"), above=0.12)
    for name in ("q_value", "mcse", "q_value_mcse"):
        shared = table.groupby("error")[name]
        assert (shared.size() > 1).any() and (shared.nunique() == 1).all()
    few = hp.select(tree_of(FEW[:, [1, 1, 0]], [1, 2, 3], [4, 4, 4]), above=0.45)
    assert few["q_value"].nunique() == 2
    close(few["q_value"], [0.25, 0.25, 0.5], relative=1e-12)
    whole = hp.select(fit_of("complete"), above=0.26, false_discovery_rate=0.6)
    assert whole["q_value"].nunique() == 1 and whole["selected"].all()


@pytest.mark.parametrize(
    ("to_come", "error", "message"),
    [
        (-1, hp.InputError, "must not be negative: group 'Roberto Clemente' has -1"),
        ({"Roberto Clement": 9}, hp.InputError, "nearest name is 'Roberto Clemente'"),
        ({"Ken Berry": 9.5}, hp.InputError, "9.5"),
        ("many", TypeError, "not str"),
    ],
)
def test_wrong_trials_to_come_are_told(to_come: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hp.season(fit_of("beta"), above=0.3, trials_to_come=to_come)


def test_a_wrong_rate_of_false_discoveries_is_told() -> None:
    with pytest.raises(hp.InputError, match="false_discovery_rate must lie between 0 and 1, not 5"):
        hp.select(fit_of("beta"), above=0.3, false_discovery_rate=5)
    with pytest.raises(TypeError, match="false_discovery_rate must be a number, not str"):
        hp.select(fit_of("beta"), above=0.3, false_discovery_rate="5%")  # type: ignore[arg-type]
