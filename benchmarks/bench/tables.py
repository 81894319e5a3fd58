"""The tables that every contender is given. NumPy alone: a peer's process must not load JAX."""

import csv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

PLAYERS = Path(__file__).parents[2] / "data" / "efron-morris-75.csv"
NEWCOMER = ("0 for 4", 0, 4)
NUM_DISTRICTS = 303
RAGGED = (10, 30)
"""Fewest and most groups of a ragged data set."""


class Table(NamedTuple):
    """Successes out of trials of the groups of one data set."""

    successes: np.ndarray
    """(group,) successes of each group."""
    trials: np.ndarray
    """(group,) attempts of each group."""


class Settings(NamedTuple):
    """What every sampler is asked for."""

    num_chains: int
    """Independent chains."""
    num_warmup: int
    """Steps of warm-up of a chain."""
    num_draws: int
    """Draws that a chain keeps."""
    target_accept: float
    """Mean acceptance to tune for."""


def players() -> tuple[Table, list[str]]:
    """Returns the 18 players with the newcomer, and their names."""
    with PLAYERS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    names = [row["player"] for row in rows] + [NEWCOMER[0]]
    successes = [int(row["hits"]) for row in rows] + [NEWCOMER[1]]
    trials = [int(row["at_bats"]) for row in rows] + [NEWCOMER[2]]
    return Table(np.array(successes), np.array(trials)), names


def simulated(num_groups: int, mean_trials: int = 60) -> Table:
    """Returns groups with negative-binomial trials, and chances from Beta(20, 60)."""
    rng = np.random.default_rng(num_groups)
    trials = rng.negative_binomial(2, 2 / (mean_trials + 2), num_groups)
    return Table(rng.binomial(trials, rng.beta(20, 60, num_groups)), trials)


def ragged(number: int) -> tuple[Table, np.ndarray]:
    """Returns the groups of many data sets, and (group,) the data set of each."""
    rng = np.random.default_rng(1)
    data_set = np.repeat(np.arange(number), rng.integers(RAGGED[0], RAGGED[1] + 1, number))
    trials = rng.integers(5, 60, len(data_set))
    return Table(rng.binomial(trials, rng.beta(10, 30, len(data_set))), trials), data_set


def ragged_tables(number: int) -> list[Table]:
    """Returns the data sets of ``ragged`` one by one."""
    table, data_set = ragged(number)
    chosen = [data_set == i for i in range(number)]
    return [Table(table.successes[rows], table.trials[rows]) for rows in chosen]


def padded(table: Table) -> Table:
    """Returns a ragged data set filled up with groups of 0 trials, which say nothing."""
    missing = RAGGED[1] - len(table.trials)
    return Table(*(np.pad(column, (0, missing)) for column in table))


def districts() -> Table:
    """Returns the 303 school districts of California, pupils above the median out of all, 1998.

    Source: Gill (2000), Generalized Linear Models, from the data set star98 that statsmodels ships.
    """
    package = find_spec("statsmodels")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'statsmodels'", name="statsmodels")
    path = Path(package.origin).parent / "datasets" / "star98" / "star98.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    successes, trials = (
        np.array([int(float(row[name])) for row in rows]) for name in ("PR50M", "MATHTOT")
    )
    return Table(successes, trials)


def of_spec(spec: Sequence[str | int]) -> Table:
    """Returns the table that ``["players"]``, ``["districts"]`` or ``["simulated", n]`` names."""
    if spec[0] == "simulated":
        return simulated(int(spec[1]))
    return districts() if spec[0] == "districts" else players()[0]
