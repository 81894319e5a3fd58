"""Several columns that name the groups, kept apart in the tree of a fit.

The coordinate ``groups`` is one text, as "north, 7". Each column is a further coordinate along it,
with the values that the user gave, and the attributes of the tree say which coordinates these are.
"""

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from hierpool.input.errors import InputError
from hierpool.models.protocol import GROUPS

ATTRIBUTE = "hierpool_group_columns"
"""The attribute of a tree that holds the names of the columns, as JSON."""


def add_group_columns(tree: xr.DataTree, columns: Mapping[str, np.ndarray]) -> None:
    """Adds columns, (group,) each, to every child of a tree that has groups.

    Raises:
        InputError: a column has the name of a variable.
    """
    if not columns:
        return
    for child in [child for child in tree.children.values() if GROUPS in child.dims]:
        dataset = child.to_dataset()
        for name in columns:
            if name in dataset.variables:
                raise InputError(
                    f"The fit has a variable {name!r} of its own: rename the column of groups."
                )
        child.dataset = dataset.assign_coords(
            {name: (GROUPS, values) for name, values in columns.items()}
        )
    tree.attrs[ATTRIBUTE] = json.dumps(list(columns))


def read_group_columns(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Returns (group,) values of each column by its name; none if one column names the groups.

    Their order is that of the groups of ``observed_data``, as in ``read_fit``.
    """
    observed = tree["observed_data"]["y"]
    names = json.loads(tree.attrs.get(ATTRIBUTE, "[]"))
    return {name: observed.coords[name].values for name in names if name in observed.coords}
