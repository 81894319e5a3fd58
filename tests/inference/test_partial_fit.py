"""A fit that the user stops keeps its draws, and says everywhere that it is partial."""

import warnings
from functools import cache
from pathlib import Path

import pytest
import xarray as xr
from fits import COLUMNS, PLAYERS

import hierpool as hp

PLANNED = 50_000


@cache
def stopped() -> tuple[xr.DataTree, list[warnings.WarningMessage]]:
    """Returns a fit that was stopped as by Ctrl-C, and what it warned of: treat as read-only."""

    def stop(done: int, total: int, divergences: int) -> None:
        raise KeyboardInterrupt

    nuts = hp.NUTS(num_chains=2, num_warmup=500, num_draws=PLANNED)
    columns = COLUMNS["efron-morris-75"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = hp.fit(PLAYERS, **columns, model="collapsed", inference=nuts, progress=stop)
    return tree, caught


def sentence() -> str:
    done = stopped()[0].attrs["draws_done"]
    return f"Stopped after {done} of {PLANNED} draws a chain: the fit is partial."


def test_a_stopped_fit_has_all_its_parts_with_the_draws_that_are_done() -> None:
    tree, caught = stopped()
    done = tree.attrs["draws_done"]
    assert 100 <= done < PLANNED == tree.attrs["draws_planned"]
    for child in ("posterior", "sample_stats", "log_likelihood", "posterior_predictive"):
        assert (tree[child].sizes["chain"], tree[child].sizes["draw"]) == (2, done)
    (warning,) = caught
    assert warning.category is hp.PartialFitWarning and str(warning.message) == sentence()
    assert warning.filename == __file__


def test_the_verdict_and_every_answer_say_that_a_fit_is_partial() -> None:
    tree, _ = stopped()
    verdict = hp.check(tree)
    assert verdict.problems == () and verdict.sentence.startswith("Converged: ")
    assert verdict.sentence.endswith(f"divergent. {sentence()}")
    for answer in (hp.summarize, hp.rank):
        with pytest.warns(hp.PartialFitWarning) as caught:
            answer(tree)
        assert [str(warning.message) for warning in caught] == [sentence()]


def test_the_mark_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    hp.save(stopped()[0], path)
    assert hp.check(hp.load(path)).partial == sentence()


def test_a_whole_fit_bears_no_mark() -> None:
    tree = hp.fit(PLAYERS, **COLUMNS["efron-morris-75"], model="complete", progress=True)
    assert not {"draws_done", "draws_planned"} & set(tree.attrs)
    assert hp.check(tree).partial == ""


@pytest.mark.parametrize("value", ["many", 3.5, None])
def test_a_mark_that_can_not_be_read_is_refused(value: object) -> None:
    tree = stopped()[0].copy()
    tree.attrs["draws_done"] = value
    with pytest.raises(hp.InputError, match="draws_done and draws_planned must be whole numbers"):
        hp.summarize(tree)
