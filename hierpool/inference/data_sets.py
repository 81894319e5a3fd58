"""A fit for each data set of a table."""

import hashlib
from collections.abc import Callable
from typing import Any

import xarray as xr

from hierpool.input.table import Table


def fit_each(
    table: Table, seed: int, fit_one: Callable[[Table, int, str], xr.DataTree]
) -> dict[Any, xr.DataTree]:
    """Returns a fit for each data set by its name, in the order of their first rows.

    Data sets of the same shape share their compiled programs.

    Args:
        table: the data, with its data sets.
        seed: the seed from which, with its name, each data set's own is derived.
        fit_one: fits the table of one data set, given its seed and its name.
    """
    return {
        name: fit_one(own, derived_seed(seed, name), str(name)) for name, own in table.by_data_set
    }


def derived_seed(seed: int, name: Any) -> int:
    """Returns the seed of a data set: the first 63 bits of the SHA-256 of "SEED NAME".

    It does not depend on the other data sets, nor on their order.

    Args:
        seed: the seed of all data sets.
        name: the name of the data set.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
