from pathlib import Path

import pytest

import hierpool as hp
from hierpool.input.datasets import dataset_path

# Rows, and the sum of every column of counts, as the sources print them.
TOTALS = {
    "efron-morris-75": (
        18,
        "player",
        {"hits": 215, "at_bats": 810, "remaining_hits": 1952, "remaining_at_bats": 6970},
    ),
    "rat-tumors": (71, "experiment", {"tumors": 267, "rats": 1739}),
    "surgical-mortality": (12, "hospital", {"deaths": 208, "operations": 2814}),
}
every_table = pytest.mark.parametrize("name", TOTALS)


@every_table
def test_a_data_set_has_the_rows_and_totals_of_its_source(name: str) -> None:
    rows, group, totals = TOTALS[name]
    frame = hp.load_dataset(name)
    assert len(frame) == rows
    assert list(frame.columns) == [group, *totals]
    assert frame[list(totals)].sum().to_dict() == totals
    assert frame[group].is_unique
    assert all(frame[column].dtype == "int64" for column in totals)


@every_table
def test_successes_of_a_data_set_never_exceed_its_trials(name: str) -> None:
    frame = hp.load_dataset(name)
    columns = list(frame.columns[1:])
    for successes, trials in zip(columns[::2], columns[1::2], strict=True):
        assert (frame[successes] >= 0).all()
        assert (frame[successes] <= frame[trials]).all()


@every_table
def test_a_data_set_opens_with_its_citation(name: str) -> None:
    lines = dataset_path(name).read_text().splitlines()
    citation = [line for line in lines if line.startswith("#")]
    assert len(citation) >= 2
    assert lines[: len(citation)] == citation
    years = {"efron-morris-75": "1975", "rat-tumors": "1982", "surgical-mortality": "1996"}
    assert f"({years[name]})" in " ".join(citation)


def test_every_data_set_that_ships_is_one_of_these() -> None:
    assert {path.stem for path in dataset_path("rat-tumors").parent.glob("*.csv")} == set(TOTALS)


@pytest.mark.parametrize("name", ["rats", "", "rat-tumors.csv", str(Path("/etc/passwd"))])
def test_an_unknown_name_is_answered_with_the_three(name: str) -> None:
    listed = "there are efron-morris-75, rat-tumors, surgical-mortality"
    with pytest.raises(hp.InputError, match=f"There is no data set '{name}'; {listed}"):
        hp.load_dataset(name)
