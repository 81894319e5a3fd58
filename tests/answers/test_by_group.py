"""Further trials go by the names of a fit, in whatever form they come."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import FEW, tree_of

from hierpool.answers.by_group import read_further
from hierpool.input.table import InputError
from hierpool.models.protocol import GROUPS
from hierpool.posterior.fitted import Fitted, read_fit


def fitted(labels: Any = None) -> Fitted:
    """Returns a fit of three groups: g0, g1 and g2, or as they are called."""
    tree = tree_of(FEW, [1, 2, 3], [4, 5, 6])
    if labels is not None:
        for name in ("posterior", "observed_data", "constant_data"):
            tree[name] = tree[name].dataset.assign_coords({GROUPS: labels})
    return read_fit(tree)


NAMES = ["g0", "g1", "g2"]
FORMS = {
    "a list": [7, 8, 9],
    "a tuple": (7, 8, 9),
    "an array": np.array([7, 8, 9]),
    "an array of another library": jnp.array([7, 8, 9]),
    "an array without a mask": np.ma.array([7, 8, 9]),
    "whole floats": np.array([7.0, 8.0, 9.0]),
    "a mapping": {"g2": 9, "g0": 7, "g1": 8},
    "a mapping of NumPy's scalars": {"g2": np.int8(9), "g0": np.float64(7), "g1": np.array(8)},
    "a Series": pd.Series([9, 7, 8], index=["g2", "g0", "g1"]),
    "a Series of texts": pd.Series(["9", "7", "8.0"], index=["g2", "g0", "g1"]),
    "a Series of categories": pd.Series([9, 7, 8], index=pd.Categorical(["g2", "g0", "g1"])),
    "a DataArray": xr.DataArray([9, 7, 8], dims="who", coords={"who": ["g2", "g0", "g1"]}),
}


@pytest.mark.parametrize("trials", FORMS.values(), ids=FORMS.keys())
def test_trials_are_the_same_in_any_form(trials: Any) -> None:
    further = read_further(fitted(), trials, 2)
    want = {0: 7, 1: 8, 2: 9}
    assert dict(zip(further.indices, further.trials, strict=True)) == want
    assert further.successes.tolist() == [2, 2, 2]


@pytest.mark.parametrize("trials", [7, 7.0, np.int64(7), np.array(7), jnp.asarray(7)])
def test_a_single_number_is_every_groups(trials: Any) -> None:
    assert read_further(fitted(), trials).trials.tolist() == [7, 7, 7]
    # With successes of some, of these alone.
    further = read_further(fitted(), trials, {"g2": 1})
    assert (further.indices.tolist(), further.trials.tolist()) == ([2], [7])


@pytest.mark.parametrize(
    "labels", [[30, 10, 20], [30.0, 10.5, 20.0], np.array([3, 1, 2], np.uint8)]
)
def test_numbers_that_name_groups_are_found_as_numbers(labels: Any) -> None:
    by_number = pd.Series([9, 8], index=list(labels)[:0:-1])
    further = read_further(fitted(labels), by_number)
    assert (further.indices.tolist(), further.trials.tolist()) == ([2, 1], [9, 8])
    # As a file has them.
    further = read_further(fitted(labels), {str(labels[1]): 8})
    assert (further.indices.tolist(), further.trials.tolist()) == ([1], [8])


BAD: dict[str, tuple[Any, str]] = {
    "masked": (np.ma.array([7, 8, 9], mask=[0, 1, 0]), r"trials must not be missing: group 'g1'"),
    "missing": ({"g0": 7, "g1": None}, r"trials must not be missing: group 'g1'"),
    "unknown": ({"g0": 7, "g9": 8}, r"no group 'g9'; the first is 'g0'"),
    "unknown, among numbers": ({"g0": 7, 5: 8}, r"no group '5'; the first is 'g0'"),
    "rows of a frame": (pd.Series([7, 8, 9]), r"no group '0'; the nearest name is 'g0'"),
    "a name twice": (pd.Series([7, 8], index=["g1", "g1"]), r"trials name group 'g1' twice"),
    "another length": ([7, 8], r"have the shape \(2,\), and the fit has 3 groups"),
    "a matrix": (np.ones((3, 1)), r"have the shape \(3, 1\)"),
    "fractions": ([7.5, 8, 9], r"trials must be whole numbers: group 'g0' has 7\.5"),
    "true": (True, r"trials must be counts, and holds True and False"),
}


@pytest.mark.parametrize(("trials", "message"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_further_trials_is_refused(trials: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_further(fitted(), trials)


@pytest.mark.parametrize("trials", ["7", None, pd.DataFrame({"g0": [7]}), {7, 8, 9}])
def test_further_trials_of_another_type_are_a_type_error(trials: Any) -> None:
    with pytest.raises(TypeError, match=r"trials must be a number, a mapping from group"):
        read_further(fitted(), trials)


def test_a_number_that_names_no_group_is_no_last_group() -> None:
    for label in (10.5, "nobody", None):
        with pytest.raises(InputError, match=r"no group"):
            read_further(fitted([30, 10, 20]), {30: 7, label: 8})


def test_groups_of_which_half_is_known_are_refused() -> None:
    for labels in (None, [30, 10, 20]):
        fit = fitted(labels)
        names = list(fit.labels)
        with pytest.raises(InputError, match=rf"Group '{names[1]}' has only one of successes and"):
            read_further(fit, {names[0]: 7, names[1]: 7}, {names[0]: 1})
