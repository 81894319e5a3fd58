"""``fit(by=)``: a fit for each data set."""

import re
from typing import Any

import pandas as pd
import pytest
import xarray as xr

import hierpool as hp
from hierpool.inference.data_sets import derived_seed

YEARS = pd.DataFrame(
    {
        "year": [1971, 1970, 1971, 1970, 1971, 1972],
        "league": ["a", "a", "b", "b", "b", "b"],
        "player": ["Ann", "Ann", "Bob", "Bobby", "Cy", "Cy"],
        "y": [3, 4, 5, 6, 7, 1],
        "n": [10, 11, 12, 13, 14, 3],
    }
)
COLUMNS: dict[str, Any] = {"successes": "y", "trials": "n", "group": "player"}
INFERENCE: dict[str, Any] = {
    "model": "collapsed",
    "inference": hp.Quadrature(num_chains=2, num_draws=64),
}


def test_each_fit_is_that_of_its_data_set_alone_to_the_bit() -> None:
    fits = hp.fit(YEARS, **COLUMNS, **INFERENCE, by="year", seed=5)
    assert list(fits) == [1971, 1970, 1972]
    for year, tree in fits.items():
        seed = derived_seed(5, year)
        own = YEARS[YEARS["year"] == year]
        alone = hp.fit(own, **COLUMNS, **INFERENCE, seed=seed)
        xr.testing.assert_equal(tree, alone)
        assert tree.attrs["data_set"] == str(year)
        assert tree.attrs["seed"] == alone.attrs["seed"] == seed
        assert tree.attrs["data_sha256"] == alone.attrs["data_sha256"]


def test_each_fit_of_nuts_is_that_of_its_data_set_alone_to_the_bit() -> None:
    nuts: dict[str, Any] = {"model": "collapsed", "inference": hp.NUTS(2, 20, 20)}
    with pytest.warns(hp.ConvergenceWarning) as caught:
        fits = hp.fit(YEARS[:5], **COLUMNS, **nuts, by="year")
    assert {re.sub(":.*", "", str(warning.message)) for warning in caught} <= {
        "Data set '1971'",
        "Data set '1970'",
    }
    with pytest.warns(hp.ConvergenceWarning):
        own = YEARS[YEARS["year"] == 1970]
        alone = hp.fit(own, **COLUMNS, **nuts, seed=fits[1970].attrs["seed"])
    xr.testing.assert_equal(fits[1970], alone)


def test_a_fit_does_not_depend_on_the_other_data_sets() -> None:
    all_years = hp.fit(YEARS, **COLUMNS, **INFERENCE, by="year")
    two = hp.fit(YEARS[YEARS["year"] != 1971], **COLUMNS, **INFERENCE, by="year")
    xr.testing.assert_equal(all_years[1970], two[1970])


def test_the_seeds_of_data_sets_differ_and_are_those_of_before() -> None:
    seeds = [derived_seed(seed, name) for seed in (0, 1) for name in (1970, 1971, "a")]
    assert len(set(seeds)) == 6 and all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(0, 1970) == 7202859088569204776


def test_several_columns_identify_a_data_set_by_a_tuple(tmp_path: Any) -> None:
    fits = hp.fit(YEARS, **COLUMNS, **INFERENCE, by=["year", "league"])
    assert list(fits) == [(1971, "a"), (1970, "a"), (1971, "b"), (1970, "b"), (1972, "b")]
    hp.save(fits[1971, "b"], tmp_path / "fit.nc")
    loaded = hp.load(tmp_path / "fit.nc")
    assert loaded.attrs["seed"] == fits[1971, "b"].attrs["seed"]
    assert hp.summarize(loaded).groups.index.tolist() == ["Bob", "Cy"]


def test_rows_are_added_up_within_a_data_set() -> None:
    twice = pd.concat([YEARS, YEARS])
    fits = hp.fit(twice, **COLUMNS, **INFERENCE, by="year", aggregate=True)
    assert fits[1970]["constant_data"]["n"].values.tolist() == [22, 26]


def test_a_population_that_contradicts_its_groups_is_named() -> None:
    rare = {"s": ["x"] * 3, "y": [1, 2, 1], "n": [1000] * 3, "g": list("abc")}
    with pytest.warns(hp.PopulationWarning, match="population of 'x' contradicts"):
        hp.fit(rare, "y", "n", group="g", by="s", **INFERENCE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "yaer"}, "no column 'yaer'"),
        ({"by": "year", "new_groups": {"x": (0, 4)}}, "New groups can't be assigned"),
        ({"by": ["year", "year"]}, "by names column 'year' twice"),
    ],
)
def test_wrong_data_sets_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.fit(YEARS, **COLUMNS, **INFERENCE, **arguments)


def test_all_fits_must_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hierpool.inference.memory.available", lambda: 10**6)
    with pytest.raises(hp.InputError, match="128 draws of 6 groups would take"):
        hp.fit(YEARS, **COLUMNS, **INFERENCE, by="year")
