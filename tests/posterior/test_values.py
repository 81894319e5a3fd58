"""A tree is its user's: what was edited answers as before, or is refused by every answer."""

import inspect
import json
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from damage import EDITED, EDITED_LOGIT, KEPT, Edit
from trees import CHAINS, DRAWS, NAMES, NUM_GROUPS, tree_of

import hierpool as hp
from hierpool.posterior.attributes import FORMAT
from hierpool.posterior.fitted import read_fit
from hierpool.posterior.values import data_hash

LATER = {"successes": dict.fromkeys(NAMES, 1), "trials": 4}


def reported(tree: xr.DataTree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hp.report(tree, Path(folder) / "fit.html")


ANSWERS: dict[str, Callable[[xr.DataTree], Any]] = {
    "summarize": hp.summarize,
    "events": lambda tree: hp.events(tree, above=0.3),
    "season": lambda tree: hp.season(tree, above=0.3, trials_to_come=5),
    "select": lambda tree: hp.select(tree, above=0.3),
    "rank": hp.rank,
    "contrast": lambda tree: hp.contrast(tree, *NAMES[:2]),
    "contrasts": hp.contrasts,
    "expected_loss": hp.expected_loss,
    "predict": lambda tree: hp.predict(tree, trials=5),
    "add_predictions": lambda tree: hp.add_predictions(tree, trials=5),
    "new_groups": lambda tree: hp.new_groups(tree, {"unseen": (0, 0)}),
    "score": lambda tree: hp.score(tree, **LATER),
    "coverage": lambda tree: hp.coverage(tree, **LATER),
    "predictive_check": hp.predictive_check,
    "predictive_check, new groups": lambda tree: hp.predictive_check(tree, replicates="new-groups"),
    "exchangeability": hp.exchangeability,
    "sensitivity": hp.sensitivity,
    "compare_fits": lambda tree: hp.compare_fits({"one": tree, "other": tree}),
    "plot_new_groups": lambda tree: hp.plot_new_groups(tree, {"unseen": (0, 0)}),
    "plot_predictions": lambda tree: hp.plot_predictions(tree, **LATER),
    "report": reported,
    **{
        name: getattr(hp, name)
        for name in (
            "plot_best plot_forest plot_funnel plot_population plot_predictive_check "
            "plot_rank_intervals plot_ranks plot_shrinkage plot_trace"
        ).split()
    },
}
"""Every function that answers from a tree."""


@cache
def whole() -> xr.DataTree:
    tree = tree_of(successes=np.arange(NUM_GROUPS))
    # No answer looks at what was drawn from the prior.
    del tree["prior"], tree["prior_predictive"]
    return tree


def edited(edit: Edit) -> xr.DataTree:
    tree = whole().copy(deep=True)
    edit(tree)
    return tree


def test_every_public_function_that_takes_a_tree_is_among_the_answers() -> None:
    first = {
        name: next(iter(inspect.signature(getattr(hp, name)).parameters), "")
        for name in hp.__all__
        if inspect.isfunction(getattr(hp, name))
    }
    takes_tree = {name for name, argument in first.items() if argument in ("tree", "fit", "fits")}
    assert takes_tree - {"save", "check"} <= set(ANSWERS)


@pytest.mark.parametrize("edit", EDITED.values(), ids=EDITED.keys())
def test_what_no_fit_can_hold_is_refused_by_every_answer(edit: Edit) -> None:
    tree = edited(edit)
    for name, answer in ANSWERS.items():
        with pytest.raises(hp.InputError) as refusal:
            answer(tree)
            pytest.fail(f"{name} answered")
        assert "\n" not in str(refusal.value)


# A file takes fifty times as long as an answer: every third.
@pytest.mark.parametrize("edit", list(EDITED.values())[::3], ids=list(EDITED)[::3])
def test_what_no_fit_can_hold_is_refused_as_a_file(edit: Edit, tmp_path: Path) -> None:
    edited(edit).to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with pytest.raises(hp.InputError, match=r"fit\.nc") as refusal:
        hp.load(tmp_path / "fit.nc")
    assert "\n" not in str(refusal.value)


def test_kappa_may_be_below_one_where_the_prior_allows_it() -> None:
    gamma, partial = (tree_of(model=model) for model in (hp.GammaPartialPooling(), None))
    for tree in (gamma, partial):
        for name, value in (("kappa_log", -2.0), ("kappa", np.exp(-2.0))):
            tree["posterior"][name] = 0 * tree["posterior"][name] + value
    assert np.all(read_fit(gamma).parameters["kappa_log"] == -2)
    with pytest.raises(hp.InputError, match="kappa must be at least 1"):
        read_fit(partial)
    gamma["posterior"]["kappa_log"][0, 0] = -np.inf
    with pytest.raises(hp.InputError, match="kappa_log must be finite"):
        read_fit(gamma)


@pytest.mark.parametrize("edit", EDITED.values(), ids=EDITED.keys())
def test_the_verdict_of_an_edited_tree_is_given_or_refused(edit: Edit) -> None:
    with suppress(hp.InputError):
        assert hp.check(edited(edit)).sentence


@pytest.mark.parametrize(
    ("model", "edit"),
    [
        (hp.LogitPartialPooling(), EDITED_LOGIT["mu NaN"]),
        (hp.LogitPartialPooling(), EDITED_LOGIT["mu infinite"]),
        (hp.LogitPartialPooling(), EDITED_LOGIT["sigma below 0"]),
        (hp.CollapsedLogitPartialPooling(), EDITED_LOGIT["sigma below 0"]),
    ],
)
def test_log_odds_that_no_fit_can_hold_are_refused(model: hp.Model, edit: Edit) -> None:
    tree = tree_of(model=model)
    assert len(hp.summarize(tree).groups) == NUM_GROUPS
    edit(tree)
    with pytest.raises(hp.InputError, match="posterior/(mu|sigma) must be finite"):
        hp.summarize(tree)


def answers_to(tree: xr.DataTree) -> list[pd.DataFrame]:
    """Returns tables that rest on every variable that answers look at."""
    summary, chances = hp.summarize(tree), hp.events(tree, above=0.3)
    return [
        summary.population,
        summary.groups.loc[NAMES],
        chances.groups.loc[0.3].loc[NAMES],
        chances.joint,
        hp.rank(tree).groups.loc[NAMES],
        hp.contrast(tree, *NAMES[1:3]),
        hp.expected_loss(tree).loc[NAMES],
        hp.predictive_check(tree),
        hp.new_groups(tree, {"rookie": (0, 2)}),
    ]


@pytest.mark.parametrize("edit", KEPT.values(), ids=KEPT.keys())
@pytest.mark.filterwarnings("ignore::hierpool.FewDrawsWarning")
def test_what_changes_no_number_changes_no_answer(edit: Edit, tmp_path: Path) -> None:
    want = answers_to(whole())
    tree = edited(edit)
    hp.save(tree, tmp_path / "fit.nc")
    for one in (tree, hp.load(tmp_path / "fit.nc")):
        for got, table in zip(answers_to(one), want, strict=True):
            pd.testing.assert_frame_equal(got, table, rtol=1e-12, atol=1e-14, check_dtype=False)
        assert hp.check(one) == hp.check(whole())


@pytest.mark.parametrize("model", [hp.CompletePooling(), hp.PartialPooling()])
def test_draws_keep_their_chains_and_their_groups(model: hp.Model) -> None:
    tree = tree_of(model=model)
    fitted = read_fit(tree)
    posterior = tree["posterior"]
    for chain in range(CHAINS):
        for draw in range(DRAWS):
            row, at = chain * DRAWS + draw, {"chain": chain, "draw": draw}
            assert fitted.parameters["phi"][row] == posterior["phi"].isel(at)
            np.testing.assert_array_equal(fitted.theta[row], posterior["theta"].isel(at))
    if isinstance(model, hp.CompletePooling):
        want = np.tile(fitted.parameters["phi"][:, None], NUM_GROUPS)
        np.testing.assert_array_equal(fitted.theta, want)


def test_a_later_format_is_refused_by_its_name() -> None:
    tree = whole().copy()
    tree.attrs |= {"hierpool_format": FORMAT + 1, "inference_library_version": "7.5.3"}
    told = (
        rf"written by hierpool 7\.5\.3, in format {FORMAT + 1}, .* up to {FORMAT}: update hierpool"
    )
    with pytest.raises(hp.InputError, match=told):
        hp.summarize(tree)


@pytest.mark.parametrize("names", [NAMES, ["", "ab", "c", "a", "bc", "ab\0c", "\0"]])
def test_the_hash_of_the_data_knows_names_and_counts_and_no_order(names: list[str]) -> None:
    labels = np.array(names, object)
    y, n = np.arange(NUM_GROUPS), np.arange(10, 10 + NUM_GROUPS)
    order = np.random.default_rng(0).permutation(NUM_GROUPS)
    digest = data_hash(labels, y, n)
    assert data_hash(labels[order], y[order], n[order]) == digest
    others = [
        (labels[order], y, n),
        (labels, y[order], n),
        (labels, y, n[order]),
        (labels, y + 1, n),
        (labels, y, n + 1),
        (labels, n, y),
    ]
    assert len({data_hash(*other) for other in others} | {digest}) == 1 + len(others)


def test_names_are_not_run_together_in_the_hash() -> None:
    counts = np.ones(2, int), np.ones(2, int)
    pairs = [("ab", "c"), ("a", "bc"), ("a", "b\0c"), ("a\0b", "c"), ('a", "b', "c")]
    assert len({data_hash(np.array(pair, object), *counts) for pair in pairs}) == len(pairs)


SAYS = "The fit did not converge, and its answers should not be trusted: phi is stuck; wait. More."


def stuck() -> xr.DataTree:
    tree = whole().copy(deep=True)
    tree.attrs["hierpool_problems"] = json.dumps(["phi is stuck; wait.", "More."])
    return tree


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"sensitivity", "compare_fits"}))
def test_every_answer_to_a_fit_that_did_not_converge_says_so_once(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # A machine without a font for a name in Chinese says so, and is right.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        ANSWERS[name](stuck())
    told = [str(one.message) for one in caught if one.category is hp.ConvergenceWarning]
    assert told == [SAYS]
    # At the line that asked.
    assert {one.filename for one in caught} == {__file__}


def test_a_fit_of_before_verdicts_were_kept_answers_without_one() -> None:
    tree = whole().copy()
    del tree.attrs["hierpool_problems"]
    assert len(hp.summarize(tree).groups) == NUM_GROUPS
    tree.attrs["quadrature_converged"] = 0
    with pytest.warns(hp.ConvergenceWarning, match="The quadrature did not converge"):
        hp.summarize(tree)
