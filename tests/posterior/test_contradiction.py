"""A population that contradicts its groups is told of, and no other."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from fits import COLUMNS
from scipy.special import expit, logit

import hierpool as hp
from hierpool.posterior.contradiction import contradiction, new_rates_of

ARMS = {
    "11, 9, 13 of 1e4": ([11, 9, 13], [10**4] * 3),
    "110, 90, 130 of 1e5": ([110, 90, 130], [10**5] * 3),
    "1100, 900, 1300 of 1e6": ([1100, 900, 1300], [10**6] * 3),
}
EXACTLY = {"model": hp.CollapsedPartialPooling(), "inference": hp.Quadrature(2, 100)}


def frame(name: str, *, mirrored: bool = False) -> dict[str, np.ndarray]:
    y, n = map(np.asarray, ARMS[name])
    return {"y": n - y if mirrored else y, "n": n}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ARMS)
def test_three_arms_of_low_or_high_rates_contradict_their_population(
    name: str, *, mirrored: bool
) -> None:
    with pytest.warns(hp.PopulationWarning, match="contradicts its groups.*model='spread'"):
        result = hp.estimate(frame(name, mirrored=mirrored), "y", "n")
    phi = result.population["phi_mean"].iloc[0]
    assert abs(phi - mirrored) == pytest.approx(0.12, abs=0.001)


@pytest.mark.parametrize("name", ARMS)
def test_the_remedy_that_is_named_helps(name: str) -> None:
    result = hp.estimate(frame(name), "y", "n", model="spread")
    assert result.population["phi_mean"].iloc[0] < 0.01


def test_the_remedy_that_is_named_to_whoever_took_it_helps() -> None:
    low = {"y": [11, 9, 13], "n": [10**6] * 3}
    with pytest.warns(hp.PopulationWarning, match=r"SpreadPartialPooling\(tau_sd=0.3\)"):
        hp.estimate(low, "y", "n", model="spread", prob=None)
    # Warnings are errors here.
    found = hp.estimate(low, "y", "n", model=hp.SpreadPartialPooling(tau_sd=0.3), prob=None)
    assert found.population["phi_mean"].iloc[0] < 2e-5


@pytest.mark.parametrize("table", COLUMNS)
def test_the_classic_tables_contradict_nothing(table: str) -> None:
    # Warnings are errors here.
    hp.estimate(table, **COLUMNS[table], prob=None)
    hp.summarize(hp.fit(table, **COLUMNS[table], **EXACTLY))


def test_data_sets_are_told_apart_and_counted() -> None:
    names = list(ARMS)
    tables = [frame(name) for name in names]
    columns = {key: np.concatenate([table[key] for table in tables]) for key in ("y", "n")}
    columns["set"] = np.repeat(names, 3)
    with pytest.warns(hp.PopulationWarning, match="of '11, 9, 13 of 1e4'.*2 more data sets"):
        hp.estimate(columns, "y", "n", by="set", prob=None)


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    with pytest.warns(hp.PopulationWarning, match="contradicts its groups"):
        return hp.fit(frame("110, 90, 130 of 1e5"), "y", "n", **EXACTLY)


ANSWERS: dict[str, Callable[[xr.DataTree], object]] = {
    "summary": hp.summarize,
    "predictive check": hp.predictive_check,
    "new groups": lambda tree: hp.new_groups(tree, {"unseen": (0, 0)}),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_to_a_fit_say_it_at_the_line_that_asked(answer: str, tree: xr.DataTree) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ANSWERS[answer](tree)
    told = [one for one in caught if one.category is hp.PopulationWarning]
    assert [one.filename for one in told] == [__file__]


def test_a_sweep_of_priors_names_the_first_and_counts_the_others() -> None:
    # The last of them suits low rates.
    with pytest.warns(
        hp.PopulationWarning,
        match="The population under kappa_log_rate=1.5 contradicts .* So do those of 1 more priors",
    ):
        hp.sensitivity(
            frame("110, 90, 130 of 1e5"), "y", "n", kappa_log_rate=[1.5, 3], models=["spread"]
        )


def test_what_chance_may_do_is_no_contradiction() -> None:
    def of(y: list[int], n: list[int], rate: float) -> str | None:
        return contradiction(np.asarray(y), np.asarray(n), rate)

    # Few trials, one group, groups that differ as much, and a mean among them.
    assert of([0] * 10, [20] * 10, 0.1) is None
    assert of([340], [10**6], 0.16) is None
    assert of([1, 1000], [10**6] * 2, 0.01) is None
    assert of([90, 130], [10**5] * 2, 0.0011) is None
    assert of([90, 130], [10**5] * 2, 0.01) is not None
    # Groups without trials are none of them.
    assert of([90, 0], [10**5, 0], 0.01) is None


# Of two groups: the successes, the trials, and the largest distance in log-odds that is allowed.
LIMITS = {
    "one": ([10**5, 10**5], 10**6, 1.0),
    "three standard errors of few successes": ([5, 5], 1000, 3 * (1 / 5.5 + 1 / 995.5) ** 0.5),
    "three standard errors of few failures": ([995, 995], 1000, 3 * (1 / 995.5 + 1 / 5.5) ** 0.5),
    "three times the range": (
        [10**5, 2 * 10**5],
        10**6,
        3 * (logit((2 * 10**5 + 0.5) / (10**6 + 1)) - logit((10**5 + 0.5) / (10**6 + 1))),
    ),
}


@pytest.mark.parametrize(("y", "n", "limit"), LIMITS.values(), ids=LIMITS.keys())
def test_a_new_rate_contradicts_only_beyond_the_largest_limit(
    y: list[int], n: int, limit: float
) -> None:
    log_odds = logit((np.array(y) + 0.5) / (n + 1))
    for end, way in ((log_odds.min(), -1), (log_odds.max(), 1)):
        within, beyond = (
            contradiction(np.array(y), np.full(2, n), float(expit(end + way * share * limit)))
            for share in (0.999, 1.001)
        )
        assert within is None and beyond is not None


def test_the_mean_of_a_logit_normal_population_is_that_of_its_draws() -> None:
    rng = np.random.default_rng(0)
    mu, sigma = rng.normal(-2, 0.5, 50), rng.uniform(0.2, 2, 50)
    drawn = 1 / (1 + np.exp(-(mu[:, None] + sigma[:, None] * rng.normal(size=(50, 20_000)))))
    error = drawn.mean(axis=1).std() / np.sqrt(drawn.size)
    want = drawn.mean()
    means = new_rates_of({"mu": mu, "sigma": sigma})
    assert means is not None
    assert abs(means.mean() - want) < 5 * max(error, drawn.std() / np.sqrt(drawn.size))
    assert new_rates_of({}) is None
