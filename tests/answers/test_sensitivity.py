"""The posterior under a range of hyperpriors, each of them the one that estimate gives."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from compiling import compiled
from tables import close

import hierpool as hp

COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}
RATES = (0.5, 1.5, 5.0)


def rate(value: float) -> str:
    return f"kappa_log_rate={value:g}"


@pytest.fixture(scope="module")
def players() -> Any:
    return hp.sensitivity(hp.load_dataset("efron-morris-75"), **COLUMNS)


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    model = hp.CollapsedPartialPooling(phi_alpha=2.0, phi_beta=5.0)
    return hp.fit(
        hp.load_dataset("efron-morris-75"), **COLUMNS, model=model, inference=hp.Quadrature()
    )


def test_the_medians_of_kappa_are_the_reference(players: Any) -> None:
    median = players.population["kappa_median"]
    assert abs(median[rate(1.5)] - 64.39) < 0.005 and abs(median[rate(0.5)] - 226) < 0.5
    close(players.population.loc[rate(1.5), "log_evidence"], -54.36065, relative=0, absolute=1e-5)


@pytest.mark.parametrize("value", RATES)
def test_each_prior_is_the_one_of_estimate(players: Any, value: float) -> None:
    frame, model = hp.load_dataset("efron-morris-75"), hp.PartialPooling(kappa_log_rate=value)
    want = hp.estimate(frame, **COLUMNS, model=model)
    row = players.population.loc[rate(value)]
    assert row["kappa_log_rate"] == value and row["phi_alpha"] == row["phi_beta"] == 1
    shared = [name for name in row.index if name in want.population and name != "error"]
    assert len(shared) == 9
    close(row[shared], want.population.loc[0, shared], relative=1e-6)
    groups = players.groups.loc[rate(value)]
    assert list(groups.index) == list(want.groups.index) and groups.index.name == "group"
    close(groups, want.groups[groups.columns], relative=1e-6)


def test_the_plug_in_stands_last_and_understates(players: Any) -> None:
    frame = hp.load_dataset("efron-morris-75")
    want = hp.empirical_bayes(frame, **COLUMNS)
    last = players.population.iloc[-1]
    assert last.name == "empirical Bayes" and players.groups.index[-1][0] == "empirical Bayes"
    close(last[["phi_mean", "kappa_median"]], want.population.loc[0, ["phi", "kappa"]], relative=0)
    close(last["phi_sd"], 0, relative=0)
    assert last[["kappa_log_rate", "log_evidence"]].isna().all()
    ends = ["new_group_mean", "new_group_lower", "new_group_upper"]
    close(last[ends], want.population.loc[0, ends], relative=1e-12)
    groups = players.groups.loc["empirical Bayes"]
    close(groups, want.groups[groups.columns], relative=1e-12)
    for value in RATES:
        full = players.groups.loc[rate(value)]
        assert (groups["sd"] < full["sd"]).all()
        assert (groups["upper"] - groups["lower"] < full["upper"] - full["lower"]).all()


def test_a_fit_gives_its_data_and_its_prior_of_phi(tree: xr.DataTree) -> None:
    got = hp.sensitivity(tree)
    frame = hp.load_dataset("efron-morris-75")
    want = hp.sensitivity(frame, **COLUMNS, phi_prior=[(2, 5)])
    pd.testing.assert_frame_equal(got.population, want.population)
    pd.testing.assert_frame_equal(got.groups, want.groups)
    assert (got.population["phi_beta"].iloc[:-1] == 5).all()
    close(got.population.loc[rate(1.5), "log_evidence"], tree.attrs["log_evidence"], relative=1e-8)


def test_priors_of_phi_are_crossed_with_rates() -> None:
    names = {**COLUMNS, "new_groups": {"rookie": (0, 4), "unseen": (0, 0)}}
    frame, beta, rates = hp.load_dataset("efron-morris-75"), [(1, 1), (1, 9), (5, 5)], [3, 4]
    result = hp.sensitivity(frame, **names, kappa_log_rate=rates, phi_prior=beta)
    crossed = [(k, a, b) for a, b in beta for k in rates]
    rows = [f"kappa_log_rate={k}, phi~Beta({a}, {b})" for k, a, b in crossed]
    assert list(result.population.index) == [*rows, "empirical Bayes"]
    hyperpriors = result.population[["kappa_log_rate", "phi_alpha", "phi_beta"]]
    close(hyperpriors.iloc[:-1], crossed, relative=0)
    want = hp.estimate(frame, **names, model=hp.PartialPooling(3, 1, 9))
    row = result.population.loc[rows[2]]
    close(row["kappa_median"], want.population.loc[0, "kappa_median"], relative=1e-6)
    close(result.groups.loc[rows[2], "mean"], want.groups["mean"], relative=1e-6)
    unseen = result.groups.xs("unseen", level="group")
    close(unseen["mean"], result.population["new_group_mean"], relative=1e-6)
    # Two ways to the same quantile, of which each keeps four digits.
    close(unseen["upper"], result.population["new_group_upper"], relative=1e-3)
    assert len(result.groups) == 7 * 20


def test_a_second_call_compiles_nothing(players: Any) -> None:
    with compiled() as programs:
        hp.sensitivity(hp.load_dataset("efron-morris-75"), **COLUMNS, kappa_log_rate=(1, 2, 3))
    assert programs == []


@pytest.mark.usefixtures("tried_once")
def test_an_integration_that_missed_its_tolerance_is_said() -> None:
    with pytest.warns(
        hp.ConvergenceWarning, match="under kappa_log_rate=2 did not reach its tolerance"
    ):
        hp.sensitivity(
            {"y": [3, 9], "n": [10, 10]},
            successes="y",
            trials="n",
            kappa_log_rate=[2],
            inference=hp.Quadrature(tolerance=1e-300),
        )


def test_wrong_arguments_get_a_sentence(tree: xr.DataTree) -> None:
    frame = {"y": np.array([3]), "n": np.array([10])}
    columns = {"successes": "y", "trials": "n"}
    with pytest.raises(hp.InputError, match="give successes=... and trials=..."):
        hp.sensitivity(frame)
    with pytest.raises(hp.InputError, match="A fit holds its data: leave out the columns"):
        hp.sensitivity(tree, successes="hits")
    other = hp.fit(frame, **columns, model=hp.CompletePooling())
    with pytest.raises(hp.InputError, match="not of CompletePooling: pass the table instead"):
        hp.sensitivity(other)
    with pytest.raises(hp.InputError, match="kappa_log_rate must be a positive number, not 0"):
        hp.sensitivity(frame, **columns, kappa_log_rate=[1, 0])
    with pytest.raises(hp.InputError, match="kappa_log_rate must be a positive number, not a"):
        hp.sensitivity(frame, **columns, kappa_log_rate=["a"])
    with pytest.raises(hp.InputError, match=r"phi_prior must be pairs such as \(1, 1\), not 1"):
        hp.sensitivity(frame, **columns, phi_prior=(1, 1))
    with pytest.raises(hp.InputError, match="There is no prior: give at least one"):
        hp.sensitivity(frame, **columns, kappa_log_rate=[])
    with pytest.raises(hp.InputError, match="prob must lie between 0 and 1, not 1.5"):
        hp.sensitivity(frame, **columns, prob=1.5)
    with pytest.raises(TypeError, match=r"needs inference=Quadrature\(\.\.\.\), not NUTS"):
        hp.sensitivity(frame, **columns, inference=hp.NUTS())
    with pytest.raises(hp.InputError, match="No group has trials"):
        hp.sensitivity({"y": [0], "n": [0]}, **columns)
