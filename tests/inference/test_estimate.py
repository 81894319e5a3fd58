"""Exact estimates in two tables, against the published posterior and the oracle."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from compiling import compiled
from oracle import exact
from tables import EXACT, HOSPITALS, PLAYERS, TABLES, close

import hierpool as hp
from hierpool.counts import Counts, stack
from hierpool.exact import at_once
from hierpool.exact.batches import ON_PROCESSOR, DataSets, Sizes
from hierpool.exact.posterior import Exact
from hierpool.inference import estimate as estimating
from hierpool.inference.estimate import _solve
from hierpool.runtime.jax_settings import scope


def frame(counts: Counts, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"y": counts.successes, "n": counts.trials, **more})


def estimated(data: pd.DataFrame, **options: Any) -> hp.Estimate:
    return hp.estimate(data, successes="y", trials="n", **options)


@pytest.fixture(scope="module")
def leagues() -> pd.DataFrame:
    """Forty ragged data sets, each with an unseen group, in shuffled rows."""
    rng = np.random.default_rng(4)
    league = np.repeat(np.arange(40), rng.integers(2, 40, 40))
    trials = rng.integers(0, 60, len(league))
    successes = rng.binomial(trials, rng.beta(10, 30, len(league)))
    data = pd.DataFrame({"y": successes, "n": trials, "league": league})
    data["name"] = data.groupby("league").cumcount().map("player {}".format)
    return data.sample(frac=1, random_state=0)


@pytest.mark.parametrize("name", TABLES)
def test_estimates_are_the_exact_posterior(name: str) -> None:
    groups, population = estimated(frame(TABLES[name]))
    truth, row = EXACT[name], population.iloc[0]
    close(groups["mean"], truth["theta_mean"], relative=1e-6)
    close(groups["sd"], truth["theta_sd"], relative=1e-6)
    for column in ("phi_mean", "phi_sd", "kappa_log_mean", "kappa_log_sd"):
        close(row[column], truth[column], relative=1e-6)
    close(row["log_evidence"], truth["log_evidence"], relative=0, absolute=1e-6)
    oracle = exact(*TABLES[name])
    tail = (1 - 0.89) / 2
    for level, end in ((tail, "lower"), (1 - tail, "upper")):
        for i in (0, len(groups) - 1):
            want = oracle.theta_quantile(i, level)
            close(groups[end].iloc[i], want, relative=0, absolute=1e-4)
        phi = oracle.quantile(oracle.phi, level)
        close(row[f"phi_{end}"], phi, relative=0, absolute=1e-4)
        kappa_log = oracle.quantile(oracle.kappa_log, level)
        close(np.log(row[f"kappa_{end}"]), kappa_log, relative=1e-4)
    close(np.log(row["kappa_median"]), oracle.quantile(oracle.kappa_log, 0.5), relative=1e-4)


def test_a_new_group_has_the_predictive_chance_of_the_population() -> None:
    groups, population = estimated(frame(PLAYERS), new_groups={"nobody": (0, 0)})
    nobody, row = groups.loc["nobody"], population.iloc[0]
    close(row["new_group_mean"], nobody["mean"], relative=1e-9)
    for end in ("lower", "upper"):
        close(row[f"new_group_{end}"], nobody[end], relative=0, absolute=1e-4)
    close(nobody["shrinkage"], 1, relative=1e-12)
    assert np.isnan(nobody["rate"])


def test_the_shrinkage_weighs_the_population_against_the_group() -> None:
    oracle = exact(*PLAYERS)
    kappa = np.exp(oracle.kappa_log)
    groups, _ = estimated(frame(PLAYERS))
    close(groups["shrinkage"].iloc[0], oracle.mean(kappa / (kappa + 45)), relative=1e-6)


def test_many_data_sets_are_each_of_their_own(leagues: pd.DataFrame) -> None:
    groups, population = estimated(leagues, group="name", by="league")
    assert list(groups.index.names) == ["league", "group"]
    assert list(population.index) == list(pd.unique(leagues["league"]))
    assert np.array_equal(groups["successes"], leagues["y"])
    for league in (0, 17, 39):
        alone = estimated(leagues[leagues["league"] == league], group="name")
        together = groups.loc[league]
        assert list(together.index) == list(alone.groups.index)
        close(together.drop(columns="rate"), alone.groups.drop(columns="rate"), relative=1e-9)
        row, own = population.loc[league], alone.population.iloc[0]
        # The estimated error of the ends is as small as rounding.
        close(row.drop("error"), own.drop("error"), relative=1e-9, absolute=1e-12)


def test_ragged_data_sets_compile_few_programs(
    leagues: pd.DataFrame, nothing_at_once: None
) -> None:
    estimated(leagues, by="league")
    other = leagues.assign(league=leagues["league"].to_numpy()[::-1])
    with compiled() as programs:
        estimated(other, by="league")
    assert len(programs) <= 2


def test_what_is_compiled_ahead_is_what_runs(leagues: pd.DataFrame, nothing_at_once: None) -> None:
    # A number of nodes that no other test asks for: nothing of it is compiled yet.
    one, own = leagues[leagues["league"] == leagues["league"].iloc[0]], hp.Quadrature(num_nodes=46)
    with compiled() as programs:
        estimated(one, by="league", inference=own, prob=None)
    # None is compiled again when it is called. JAX may compile an operation of its own besides.
    own_programs = sorted(name for name in programs if name.startswith("jit(_"))
    assert own_programs == ["jit(_grids)", "jit(_groups)", "jit(_populations)"]
    with compiled() as programs:
        estimated(one, by="league", inference=own, prob=None)
    assert programs == []


@pytest.mark.parametrize("number", [64, 130])
def test_many_small_data_sets_are_each_the_single_one(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as fill a job, and two jobs and a rest.
    rng = np.random.default_rng(number)
    trials = rng.integers(1, 60, 2 * number)
    data = pd.DataFrame({"y": rng.binomial(trials, 0.3), "n": trials})
    data["set"] = np.repeat(np.arange(number), 2)
    with monkeypatch.context() as patch:
        # By compiled programs; the single ones are computed at once.
        patch.setattr(at_once, "SECONDS_TO_COMPILE", 0.0)
        groups, population = estimated(data, by="set")
    assert len(groups) == 2 * number and len(population) == number
    for i in (0, 1, number // 2, number - 3, number - 2, number - 1):
        alone = estimated(data[data["set"] == i].drop(columns="set"))
        close(groups.loc[i], alone.groups, relative=1e-9)
        row, own = population.loc[i], alone.population.iloc[0]
        # The estimated error of the ends is as small as rounding.
        close(row.drop("error"), own.drop("error"), relative=1e-9, absolute=1e-12)
    sets = population["log_evidence"].round(9)
    assert sets.nunique() > 0.9 * number


def test_several_columns_tell_data_sets_apart(leagues: pd.DataFrame) -> None:
    both = leagues.assign(half=leagues["league"] % 2, pair=leagues["league"] // 2)
    groups, population = estimated(both, by=["pair", "half"])
    assert list(groups.index.names) == ["pair", "half", "group"]
    one = estimated(leagues, by="league").population.loc[7]
    close(population.loc[(3, 1)].drop("error"), one.drop("error"), relative=1e-9)


def test_a_name_need_be_unique_only_within_its_data_set(leagues: pd.DataFrame) -> None:
    with pytest.raises(hp.InputError, match="name of an earlier one"):
        estimated(leagues, group="name")
    twice = pd.concat([leagues, leagues])
    with pytest.raises(hp.InputError, match="aggregate"):
        estimated(twice, group="name", by="league")
    groups, _ = estimated(twice, group="name", by="league", aggregate=True)
    assert np.array_equal(groups["trials"], 2 * leagues["n"])


@pytest.mark.parametrize("ids", [[103, 101], pd.to_datetime(["2021-03-01", "2020-01-02"])])
def test_estimates_of_any_kind_of_name_join_the_frame(ids: Any) -> None:
    frame = pd.DataFrame({"id": ids, "lab": ["x", "y"], "y": [1, 2], "n": [4, 5]})
    whole = hp.estimate(frame, "y", "n", group="id", prob=None).groups
    got = frame.iloc[::-1].join(whole["trials"], on="id")["trials"].tolist()
    assert got == [5, 4]
    by_lab = hp.estimate(frame, "y", "n", group="id", by="lab", prob=None).groups
    got = frame.iloc[::-1].join(by_lab["trials"], on=["lab", "id"])["trials"].tolist()
    assert got == [5, 4]


def test_a_large_data_set_is_right_in_every_chunk() -> None:
    # More distinct pairs than a chunk holds, and some beyond what histograms hold.
    rng = np.random.default_rng(6)
    trials = np.append(rng.integers(1, 3000, 1500), [10_000, 123_456])
    counts = Counts(rng.binomial(trials, rng.beta(3, 9, len(trials))), trials)
    groups, population = estimated(frame(counts))
    oracle = exact(*counts, size=200)
    mean, sd = oracle.theta_moments()
    close(groups["mean"], mean, relative=1e-6)
    close(groups["sd"], sd, relative=1e-6)
    close(population["log_evidence"], oracle.log_evidence, relative=0, absolute=1e-5)
    for i in (0, 1200, len(groups) - 1):
        close(groups["upper"].iloc[i], oracle.theta_quantile(i, 0.945), relative=0, absolute=1e-4)


def test_without_an_interval_there_are_no_quantiles() -> None:
    full, brief = estimated(frame(PLAYERS)), estimated(frame(PLAYERS), prob=None)
    for with_all, without in zip(full, brief, strict=True):
        dropped = set(with_all.columns) - set(without.columns)
        ends = ("lower", "upper", "median", "interval_error")
        assert dropped and all(name.endswith(ends) for name in dropped)
        # Absolute too: the estimated error is as small as rounding.
        close(without, with_all[without.columns], relative=1e-12, absolute=1e-12)


def test_hyperpriors_are_arguments() -> None:
    model = hp.PartialPooling(kappa_log_rate=0.5)
    row = estimated(frame(PLAYERS), model=model).population.iloc[0]
    # The median under the prior of Bayesian Data Analysis, chapter 5.
    assert round(row["kappa_median"]) == 226


def test_the_pure_function_agrees_over_data_sets_and_priors(double: None) -> None:
    @jax.jit
    @jax.vmap
    def integrate_all(rate: jax.Array, counts: Counts) -> Exact:
        return hp.integrate(hp.CollapsedPartialPooling(rate), counts)

    cases = [(1.5, PLAYERS), (1.5, HOSPITALS), (0.5, PLAYERS), (5.0, PLAYERS)]
    rates, tables = zip(*cases, strict=True)
    found = integrate_all(jnp.array(rates), stack(tables))
    assert found.population.converged[:2].all()
    for i, (rate, counts) in enumerate(cases):
        oracle = exact(*counts, kappa_log_rate=rate)
        median = np.log(found.population.kappa_median[i])
        close(median, oracle.quantile(oracle.kappa_log, 0.5), relative=1e-4)
    for i, (_, counts) in enumerate(cases[:2]):
        groups, population = estimated(frame(counts))
        for name in ("mean", "sd", "lower", "upper", "shrinkage"):
            got = getattr(found.groups, name)[i, : len(groups)]
            close(got, groups[name], relative=1e-5)
        for name in population:
            if name not in ("error", "interval_error"):
                close(getattr(found.population, name)[i], population[name].iloc[0], relative=1e-5)


def test_the_fewest_nodes_give_a_rough_answer() -> None:
    frame = {"y": PLAYERS.successes, "n": PLAYERS.trials}
    # No error is small enough for it: the doublings stop, and say so.
    rough = hp.Quadrature(num_nodes=8, tolerance=1e-300)
    with pytest.warns(hp.ConvergenceWarning):
        groups = hp.estimate(frame, successes="y", trials="n", inference=rough).groups
    want = hp.estimate(frame, successes="y", trials="n").groups
    close(groups["mean"], want["mean"], relative=0.05)


@pytest.mark.usefixtures("tried_once")
def test_an_integration_that_misses_its_tolerance_says_so() -> None:
    with pytest.warns(hp.ConvergenceWarning, match="num_nodes"):
        estimated(frame(HOSPITALS), inference=hp.Quadrature(num_nodes=8, tolerance=1e-300))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "lague"}, "Did you mean 'league'"),
        ({"by": "league", "new_groups": {"rookie": (0, 4)}}, "add them to the table as rows"),
        ({"prob": 1.5}, "prob must lie between 0 and 1, not 1.5"),
        ({"model": hp.LogitPartialPooling()}, "LogitPartialPooling"),
        ({"model": hp.PartialPooling(kappa_log_rate=-1)}, "kappa_log_rate must be a positive"),
        (
            {"inference": hp.Quadrature(num_nodes=2)},
            "num_nodes must be .* at least 8, not 2",
        ),
        ({"inference": hp.Quadrature(num_nodes=40.5)}, "num_nodes must be a whole number"),
        ({"inference": hp.Quadrature(tolerance=0.0)}, "tolerance must be a positive number, not 0"),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    leagues: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(hp.InputError, match=message):
        estimated(leagues, **options)


def test_a_data_set_needs_a_name(leagues: pd.DataFrame) -> None:
    nameless = leagues.astype({"league": object})
    nameless.iloc[3, nameless.columns.get_loc("league")] = None
    with pytest.raises(hp.InputError, match="Every row needs a value in column 'league'"):
        estimated(nameless, by="league")


def test_batches_for_an_accelerator_give_what_batches_for_a_processor_give(
    leagues: pd.DataFrame, nothing_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = leagues[leagues["league"] < 30]
    sets = DataSets(*(some[name].to_numpy() for name in ("y", "n")), some["league"].to_numpy())
    found = []
    for sizes in (ON_PROCESSOR, Sizes((4,), (32,))):
        monkeypatch.setattr(estimating, "ON_PROCESSOR", sizes)
        with scope():
            found.append(
                _solve(hp.CollapsedPartialPooling(), sets, np.arange(30), hp.Quadrature(), 0.89)
            )
    for one, other in zip(*found, strict=True):
        for name, column in one.items():
            np.testing.assert_allclose(other[name], column, rtol=1e-9, atol=1e-13)
