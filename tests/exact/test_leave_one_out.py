"""Leave-one-group-out scores are exact."""

import math
from typing import Any

import numpy as np
import pytest
from fits import MODELS
from scores import SMALL, compared, evidence
from tables import HOSPITALS, PLAYERS, RATS, WITH_ROOKIE, close

import hierpool as hp
from hierpool.exact import at_once
from hierpool.exact import leave_one_out as leaving
from hierpool.exact.leave_one_out import leave_one_out
from hierpool.likelihood.compress import distinct

SKEWED = {
    "complete": hp.CompletePooling(2.0, 5.0),
    "none": hp.NoPooling(2.0, 5.0),
    "beta": hp.CollapsedPartialPooling(0.5, 2.0, 5.0),
    "logit": hp.CollapsedLogitPartialPooling(0.0, 2.0, 0.5),
}


@pytest.mark.parametrize(
    ("counts", "elpd", "log_evidence"),
    [
        (
            PLAYERS,
            {"complete": -46.431, "none": -68.916, "partial": -47.636},
            {"partial": -54.36065, "logit": -49.283},
        ),
        (HOSPITALS, {"partial": -41.658, "complete": -46.701, "none": -62.740}, {}),
        (WITH_ROOKIE, {}, {"partial": -55.56712}),
    ],
    ids=["players", "hospitals", "with the 0-for-4"],
)
def test_the_scores_are_the_reference(
    counts: hp.Counts, elpd: dict[str, float], log_evidence: dict[str, float]
) -> None:
    table = compared(*counts).models
    for column, want in (("elpd", elpd), ("log_evidence", log_evidence)):
        for name, value in want.items():
            digits = -math.floor(math.log10(0.5 * 10 ** -len(str(value).split(".")[1])))
            assert round(table.loc[name, column], digits - 1) == pytest.approx(value)


@pytest.mark.parametrize("models", [MODELS, SKEWED], ids=["default", "skewed"])
@pytest.mark.parametrize("table", SMALL)
@pytest.mark.parametrize("name", MODELS)
def test_leaving_a_group_out_equals_refitting_without_it(
    name: str, table: str, models: dict[str, Any]
) -> None:
    y, n = (np.array(x) for x in SMALL[table])
    got = compared(y, n, {name: models[name]})
    whole = evidence(name, models[name], y, n)
    close(got.models["log_evidence"], [whole], relative=1e-5)
    want = [
        whole - evidence(name, models[name], np.delete(y, i), np.delete(n, i))
        for i in range(len(y))
    ]
    close(got.pointwise[name], want, relative=0, absolute=1e-4)
    close(got.models["elpd"], [sum(want)], relative=0, absolute=3e-4)


@pytest.mark.parametrize("name", ["beta", "logit"])
@pytest.mark.parametrize("counts", [PLAYERS, HOSPITALS, RATS], ids=["players", "hospitals", "rats"])
def test_taking_a_group_off_the_weights_equals_integrating_without_it(
    name: str, counts: hp.Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = distinct(*counts)
    divided = leave_one_out(MODELS[name], pairs, hp.Quadrature())
    # No mass is little enough for that: every group is left out by an integration of its own.
    monkeypatch.setattr(leaving, "EDGE", -1.0)
    again = leave_one_out(MODELS[name], pairs, hp.Quadrature())
    assert divided.num_refitted < again.num_refitted == len(pairs.trials)
    close(divided.elpd, again.elpd, relative=0, absolute=2e-6)
    close(divided.log_evidence, again.log_evidence, relative=1e-7)


@pytest.mark.parametrize("name", ["beta", "logit"])
def test_a_group_that_moved_the_posterior_far_is_integrated_without(name: str) -> None:
    y, n = SMALL["one far from the others"]
    result = leave_one_out(MODELS[name], distinct(np.array(y), np.array(n)), hp.Quadrature())
    assert result.num_refitted >= 1


def test_where_nothing_is_integrated_again_the_score_is_as_good_as_if_it_were() -> None:
    model, kept = MODELS["beta"], 0
    # An outlier that grows until the posterior without it is another one.
    for size in (5, 20, 60, 150, 400, 1500):
        y, n = np.array([5, 6, 4, 7, 0]), np.array([10, 10, 10, 12, size])
        result = leave_one_out(model, distinct(y, n), hp.Quadrature())
        kept += len(y) - result.num_refitted
        pairs = distinct(y, n)
        whole = leave_one_out(model, pairs, hp.Quadrature()).log_evidence
        for i, (successes, trials) in enumerate(zip(pairs.successes, pairs.trials, strict=True)):
            rest = ~((y == successes) & (n == trials))
            without = leave_one_out(model, distinct(y[rest], n[rest]), hp.Quadrature())
            # Both are integrals to the tolerance of 1e-6.
            assert abs(result.elpd[i] - (whole - without.log_evidence)) < 1e-5, (size, i)
    assert kept > 10


def test_joint_models_score_as_their_collapsed_twins() -> None:
    twins = {"joint": hp.PartialPooling(), "joint logit": hp.LogitPartialPooling(), **MODELS}
    table = compared(*PLAYERS, twins).models.drop(columns=["difference", "difference_se"])
    for joint, twin in (("joint", "beta"), ("joint logit", "logit")):
        close(table.loc[joint], table.loc[twin], relative=1e-12)


def test_a_billion_trials_keep_their_digits() -> None:
    y, n = np.array([300_000_000, 299_990_000]), np.array([10**9, 10**9])
    got = compared(y, n, {"complete": hp.CompletePooling(), "none": hp.NoPooling()})
    close(got.models.loc["none", "elpd"], -2 * np.log(1e9 + 1), relative=1e-9)
    # Normal: z = -10,000 / sqrt(2 n p q).
    variance = 2 * 1e9 * 0.3 * 0.7
    normal = -0.5 * 1e8 / variance - 0.5 * np.log(2 * np.pi * variance)
    close(got.models.loc["complete", "elpd"], 2 * normal, relative=1e-5)


@pytest.mark.parametrize(
    ("most_pairs", "seconds"),
    [(20, 10.0), (19, 10.0), (20, 0.0)],
    ids=["pairs", "histograms", "by programs"],
)
def test_more_distinct_pairs_than_are_left_out_in_one_call_have_each_their_own_score(
    most_pairs: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "MOST", 8)
    monkeypatch.setattr(leaving, "MOST_PAIRS", most_pairs)
    n = np.arange(1, 21)
    y = np.random.default_rng(2).binomial(n, 0.3)
    pairs = distinct(y, n)
    assert len(pairs.trials) == 20
    with monkeypatch.context() as patch:
        patch.setattr(at_once, "SECONDS_TO_COMPILE", seconds)
        elpd = leave_one_out(MODELS["beta"], pairs, hp.Quadrature()).elpd[pairs.inverse]

    def log_evidence(*left_out: int) -> float:
        table = {"y": np.delete(y, left_out), "n": np.delete(n, left_out)}
        estimated = hp.estimate(table, successes="y", trials="n", prob=None)
        return float(estimated.population["log_evidence"].iloc[0])

    some = [0, 7, 8, 15, 16, 19]
    want = log_evidence() - np.array([log_evidence(i) for i in some])
    close(elpd[some], want, relative=0, absolute=1e-5)
