"""What is computed at once, in NumPy, agrees with what a compiled program computes."""

from typing import Any

import jax
import numpy as np
import pytest
from integrated import posterior

import hierpool as hp
from hierpool.arrays import quietly
from hierpool.exact import at_once
from hierpool.exact.at_once import is_at_once, seconds_of
from hierpool.exact.leave_one_out import leave_one_out
from hierpool.exact.posterior import explore
from hierpool.exact.quadrature import Quadrature
from hierpool.likelihood.compress import compress, distinct
from hierpool.posterior.theta import log_likelihood
from hierpool.runtime.jax_settings import scope

PLAYERS = {"frame": "efron-morris-75", "successes": "hits", "trials": "at_bats", "group": "player"}
MILLION = 10**6
TABLES: dict[str, tuple[list[int], list[int]]] = {
    "of a few clicks": ([110, 90, 130], [10**5] * 3),
    "of none and all": ([0, 4, 20, 20], [20, 4, 20, 20]),
    "without trials": ([0, 0], [0, 0]),
    "of one": ([1], [1]),
    "of large counts": ([5000, 5100, 900], [20_000, 20_000, 20_000]),
}
MODELS = [hp.CollapsedPartialPooling(), hp.GammaPartialPooling(), hp.SpreadPartialPooling()]


def compile_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_once, "SECONDS_TO_COMPILE", 0.0)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("name", TABLES)
def test_what_is_computed_at_once_is_what_integrate_returns(name: str, model: Any) -> None:
    # As many groups in all tables, so that they share a program.
    y, n = (np.append(counts, np.zeros(5 - len(counts), int)) for counts in TABLES[name])
    with scope():
        found, want = posterior(model, hp.Counts(y, n)), hp.integrate(model, hp.Counts(y, n))
    wanted = jax.tree.leaves_with_path(want)
    for ours, (where, theirs) in zip(jax.tree.leaves(found), wanted, strict=True):
        assert isinstance(ours, np.ndarray | np.generic)
        message = jax.tree_util.keystr(where)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-11, err_msg=message)


def test_data_sets_are_solved_at_once_as_by_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = hp.estimate(**PLAYERS).groups.reset_index()
    frame["half"] = np.where(np.arange(len(frame)) % 3, "a", "b")

    def solve() -> hp.Estimate:
        return hp.estimate(frame, "successes", "trials", group="group", by="half")

    found = solve()
    compile_from_now_on(monkeypatch)
    want = solve()
    np.testing.assert_allclose(found.groups, want.groups, rtol=1e-9)
    np.testing.assert_allclose(found.population, want.population, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "model", [*MODELS, hp.CollapsedLogitPartialPooling()], ids=lambda model: type(model).__name__
)
def test_leaving_one_out_at_once_agrees_with_programs(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = distinct(np.array([18, 7, 0, 3, 45]), np.array([45, 45, 4, 10, 45]))
    found = leave_one_out(model, pairs, Quadrature())
    compile_from_now_on(monkeypatch)
    want = leave_one_out(model, pairs, Quadrature())
    np.testing.assert_allclose(found.elpd, want.elpd, rtol=1e-9)
    assert abs(found.log_evidence - want.log_evidence) < 1e-9
    assert found.num_refitted == want.num_refitted


def test_priors_are_swept_at_once_as_by_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def sweep() -> hp.Sensitivity:
        return hp.sensitivity("efron-morris-75", "hits", "at_bats", group="player")

    found = sweep()
    compile_from_now_on(monkeypatch)
    want = sweep()
    for ours, theirs in zip(found, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_draws_at_once_are_those_of_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit() -> Any:
        inference = hp.Quadrature(num_chains=2, num_draws=400)
        return hp.fit(**PLAYERS, model="collapsed", inference=inference).posterior

    found = fit()
    compile_from_now_on(monkeypatch)
    want = fit()
    for name in ("phi", "kappa_log", "theta"):
        np.testing.assert_allclose(found[name], want[name], rtol=1e-9)


def test_nothing_is_compiled_for_a_small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def note(event: str, seconds: float, **more: str) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(more.get("fun_name", event))

    jax.monitoring.register_event_duration_secs_listener(note)
    frame = {"hits": [3, 4, 5, 17], "at_bats": [10, 11, 12, 40]}
    hp.estimate(frame, "hits", "at_bats")
    hp.sensitivity(frame, "hits", "at_bats")
    hp.compare(frame, "hits", "at_bats", models=["partial", "gamma", "complete", "none"])
    assert not compiled


def test_only_our_own_models_of_two_numbers_are_computed_at_once() -> None:
    @hp.model
    class Derived(hp.CollapsedPartialPooling):
        """A user's own."""

    models = {
        hp.CollapsedPartialPooling(): True,
        hp.SpreadPartialPooling(): True,
        Derived(): False,
        hp.CollapsedLogitPartialPooling(): True,
        hp.PartialPooling(): False,
        hp.CompletePooling(): False,
    }
    for model, wanted in models.items():
        assert is_at_once("this", model, 0.01) == wanted


def test_once_as_long_was_spent_as_compiling_takes_programs_are_compiled() -> None:
    def asked(what: str, seconds: float) -> bool:
        return is_at_once(what, hp.CollapsedPartialPooling(), seconds)

    third = at_once.SECONDS_TO_COMPILE / 3.1
    # A group of the logit model takes ten times as long as one of a Beta population.
    assert not is_at_once("logit", hp.CollapsedLogitPartialPooling(), third)
    assert [asked("this", third) for _ in range(5)] == [True] * 3 + [False] * 2
    # What is too long is not added, and others have a time of their own.
    assert asked("this", 0.1 * third)
    assert asked("that", third)


def test_twice_the_nodes_take_four_times_as_long() -> None:
    some = Quadrature()
    once = seconds_of(some, num_integrals=2, num_rows=3, num_pairs=5)
    assert seconds_of(some.finer, num_integrals=2, num_rows=3, num_pairs=5) == 4 * once
    assert 2 * seconds_of(some, num_rows=1) == seconds_of(some, num_integrals=2, num_rows=2)


def test_the_log_likelihood_of_draws_is_the_same_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    parameters = {"phi": rng.beta(0.3, 0.9, 200), "kappa": rng.gamma(0.2, 100, 200)}
    arguments = hp.PartialPooling(), hp.Counts(*np.array([[3, 0, 9], [10, 0, 9]]))

    def computed() -> np.ndarray:
        with scope():
            pairs = distinct(*arguments[1])
            return log_likelihood(*arguments, pairs, parameters, 200)

    found = computed()
    compile_from_now_on(monkeypatch)
    np.testing.assert_allclose(found, computed(), rtol=1e-10, atol=1e-13)


def test_where_the_density_is_not_finite_nothing_is_warned_of() -> None:
    with scope():
        pairs = distinct(np.array([0, 3]), np.array([MILLION, MILLION]))
        model = jax.tree.map(np.asarray, hp.CollapsedPartialPooling(1e-3, 1e-3, 1e3))
        grid = quietly(explore)(model, compress(pairs), Quadrature())
    assert isinstance(grid.weight, np.ndarray) and grid.weight.dtype == float
