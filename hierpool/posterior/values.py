"""Reads the contents of a fitted tree, checked and in one order of the groups.

Users change trees: they add variables, sort groups, edit files. The variables that answers need are
looked up by name, matched by the groups' labels, and checked against the ranges of the model; the
counts are checked against the hash that was taken when they were fitted. Everything else in the
tree is ignored.
"""

import hashlib
import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.input.errors import InputError
from hierpool.input.files import Source
from hierpool.input.labels import texts
from hierpool.input.problems import Problems
from hierpool.input.table import LARGEST_COUNT
from hierpool.models.catalogue import BY_CLASS_NAME
from hierpool.models.protocol import GROUPS
from hierpool.posterior.attributes import (
    read_format,
    read_inference,
    read_model,
    read_name,
    read_problems,
)
from hierpool.posterior.partial import mark

DRAWS = ("chain", "draw")
BY_GROUP = (*DRAWS, GROUPS)
LARGEST = float(np.finfo(float).max)
RANGES = {
    "phi": (0.0, 1.0, "lie between 0 and 1"),
    "tau": (0.0, LARGEST, "be finite and not negative"),
    "mu": (-LARGEST, LARGEST, "be finite"),
    "sigma": (0.0, LARGEST, "be finite and not negative"),
}
"""The range of each parameter: its ends, and the rule in words."""
# kappa = exp(kappa_log) may overflow to infinity.
RANGES_FROM_1 = RANGES | {
    "kappa_log": (0.0, LARGEST, "be finite and not negative"),
    "kappa": (1.0, np.inf, "be at least 1"),
}
RANGES_FROM_0 = RANGES | {
    "kappa_log": (-LARGEST, LARGEST, "be finite"),
    "kappa": (0.0, np.inf, "not be negative"),
}
CHANGED = "the fit failed, or the tree was changed after it"
ROUNDING = 1e-4
"""Largest relative difference between kappa and exp(kappa_log): a tree may be kept in float32."""


class Values(NamedTuple):
    """The contents of a fitted tree that answers need."""

    labels: np.ndarray
    """(group,) names, of the type that the user gave."""
    successes: np.ndarray
    """(group,) int64 successes."""
    trials: np.ndarray
    """(group,) int64 trials."""
    settings: dict[str, Any]
    """The model's ``name``, and its hyperparameters."""
    parameters: dict[str, np.ndarray]
    """Parameters of the population by name, (chain, draw) each."""
    theta: np.ndarray | None
    """(chain, draw, group) chances of success; None if the fit holds the hyperparameters only."""
    problems: list[str]
    """Sentences that say why the draws should not be trusted; empty if they can be."""
    partial: str
    """The sentence that marks a partial fit, else an empty text."""


def is_fit(tree: xr.DataTree) -> bool:
    """Returns whether a tree looks like a result of ``fit``."""
    return "posterior" in tree.children and "hierpool_model" in tree.attrs


def require_fit(tree: xr.DataTree) -> None:
    """Raises an error if the draws of a tree can't be read.

    Raises:
        InputError: the tree holds no fit, or has a later format.
        TypeError: the argument is not a tree.
    """
    if not isinstance(tree, xr.DataTree):
        raise TypeError(
            f"Expected the tree that fit returned or load read, not {type(tree).__name__}."
        )
    if not is_fit(tree):
        raise InputError("The tree holds no fit of hierpool's: pass what fit returned.")
    read_format(tree.attrs)
    sizes = tree["posterior"].sizes
    if not all(sizes.get(dim) for dim in DRAWS):
        raise InputError(f"The posterior has no draws (chain, draw): {CHANGED}.")
    if "sample_stats" in tree.children:
        _variable(tree, "sample_stats", "diverging", DRAWS, kinds="biu")


def read_values(tree: xr.DataTree) -> Values:
    """Returns the checked contents of a tree.

    Args:
        tree: a fit, as returned by ``fit`` or ``load``.

    Raises:
        InputError: the tree holds no fit, has a later format, or holds impossible values.
        TypeError: the argument is not a tree.
    """
    require_fit(tree)
    settings = read_model(tree.attrs)
    _require_statistics(tree, settings["name"])
    labels, successes, trials = _counts(tree)
    digest = data_hash(labels, successes, trials)
    if read_format(tree.attrs) > 0 and tree.attrs.get("data_sha256") != digest:
        raise InputError(
            "The names, successes and trials in the tree are not those that were fitted: the hash "
            "that fit took of them, data_sha256, is another; fit the data as they are now."
        )
    faults = Problems(Source("The tree", None), labels)
    parameters = _parameters(tree, settings["name"])
    theta = None
    if "theta" in tree["posterior"].data_vars:
        theta = by_group(tree, "posterior", "theta", labels)
        _check_range(faults, "posterior/theta must lie between 0 and 1", theta, 0.0, 1.0)
    if "posterior_predictive" in tree.children:
        replicates = by_group(tree, "posterior_predictive", "y", labels, kinds="iu")
        rule = "posterior_predictive/y must lie between 0 and n"
        _check_range(faults, rule, replicates, 0.0, trials)
    if "log_likelihood" in tree.children:
        scored = with_log_likelihood(tree, labels, trials)
        log_likelihood = by_group(tree, "log_likelihood", "y", scored)
        # Rounding of large terms that cancel can leave the log of a probability of 1 above 0.
        rule = "log_likelihood/y must not be above 0"
        of_scored = Problems(Source("The tree", None), scored)
        _check_range(of_scored, rule, log_likelihood, -np.inf, 1e-3)
        of_scored.require_none()
    faults.require_none()
    problems = read_problems(tree.attrs)
    partial = mark(tree.attrs)
    return Values(labels, successes, trials, settings, parameters, theta, problems, partial)


def by_group(
    tree: xr.DataTree, child: str, name: str, labels: np.ndarray, *, kinds: str = "iuf"
) -> np.ndarray:
    """Returns (chain, draw, group) values of a variable, its groups in the order of the labels.

    Args:
        tree: a fit.
        child: name of the tree's group that holds the variable.
        name: name of the variable.
        labels: (group,) the groups' names.
        kinds: allowed types, as NumPy's letters of ``dtype.kind``.

    Raises:
        InputError: the variable is missing, or has other dimensions, draws or groups.
    """
    variable = _variable(tree, child, name, BY_GROUP, kinds)
    return _in_order(variable, f"{child}/{name}", labels)


def with_log_likelihood(tree: xr.DataTree, labels: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Returns the names of the groups whose log likelihood a tree holds: those that have trials.

    Earlier versions kept it for all groups.
    """
    is_of_all = tree["log_likelihood"].sizes.get(GROUPS) == len(labels)
    return labels if is_of_all else labels[trials > 0]


def sampled(tree: xr.DataTree) -> xr.Dataset:
    """Returns the variables that the fit sampled, without those that the user added since.

    For a model that is not hierpool's, these are theta and every variable with one number per draw.

    Raises:
        InputError: a variable has other dimensions than ``fit`` gives it, or is text.
    """
    posterior = tree["posterior"].data_vars
    model = read_name(tree.attrs)
    names = BY_CLASS_NAME[model].parameters if model in BY_CLASS_NAME else _scalars(tree)
    found = {name: _variable(tree, "posterior", name, DRAWS) for name in names if name in posterior}
    if "theta" in posterior:
        found["theta"] = _variable(tree, "posterior", "theta", BY_GROUP)
    return xr.Dataset(found)


def _scalars(tree: xr.DataTree) -> tuple[str, ...]:
    """Returns the names of the posterior's variables that have one number per draw."""
    return tuple(
        str(name)
        for name, variable in tree["posterior"].data_vars.items()
        if set(variable.dims) == set(DRAWS) and variable.dtype.kind in "iuf"
    )


def data_hash(labels: np.ndarray, successes: np.ndarray, trials: np.ndarray) -> str:
    """Returns a hash of (group,) names and counts that does not depend on their order."""
    names = np.array(texts(labels), dtype=object)
    order = np.argsort(names)
    counts = np.stack([successes, trials]).astype("<i8")[:, order]
    # JSON puts the names in quotes, so that ("ab", "c") and ("a", "bc") differ.
    return hashlib.sha256(counts.tobytes() + json.dumps(list(names[order])).encode()).hexdigest()


def _require_statistics(tree: xr.DataTree, model: str) -> None:
    """Raises ``InputError`` if sample_stats were removed: draws of NUTS would count as exact."""
    by_nuts = read_inference(tree.attrs).get("name") == "NUTS"
    is_explored = model in BY_CLASS_NAME and BY_CLASS_NAME[model].is_explored
    if by_nuts and is_explored and "sample_stats" not in tree.children:
        raise InputError(
            "The tree lacks sample_stats, without which draws of NUTS would pass for independent: "
            "pass what fit returned."
        )


def _counts(tree: xr.DataTree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (group,) names, successes and trials."""
    observed = _variable(tree, "observed_data", "y", (GROUPS,))
    labels = _labels(observed, "observed_data/y")
    if not len(labels):
        raise InputError("The tree has no groups: pass what fit returned.")
    faults = Problems(Source("The tree", None), labels)
    constant = _variable(tree, "constant_data", "n", (GROUPS,))
    successes = _whole(faults, "observed_data/y", observed.values)
    trials = _whole(faults, "constant_data/n", _in_order(constant, "constant_data/n", labels))
    rows = np.flatnonzero(successes > trials)
    faults.report(rows, lambda row: f"{successes[row]} of {trials[row]}", "y must not exceed n")
    faults.require_none()
    return labels, successes, trials


def _whole(faults: Problems, name: str, values: np.ndarray) -> np.ndarray:
    """Returns (group,) values as int64 counts, after checking that they are counts."""
    with np.errstate(invalid="ignore"):
        is_count = (values >= 0) & (values <= LARGEST_COUNT) & (values == np.floor(values))
    faults.report(
        np.flatnonzero(~is_count),
        lambda row: str(values[row]),
        f"{name} must be whole numbers from 0 to 2^53",
    )
    faults.require_none()
    return values.astype(np.int64)


def _parameters(tree: xr.DataTree, model: str) -> dict[str, np.ndarray]:
    """Returns (chain, draw) parameters of the population by name."""
    names = BY_CLASS_NAME[model].parameters if model in BY_CLASS_NAME else _scalars(tree)
    values = {name: _variable(tree, "posterior", name, DRAWS).values for name in names}
    if model not in BY_CLASS_NAME:
        return values
    ranges = RANGES_FROM_1 if BY_CLASS_NAME[model].least_kappa == 1 else RANGES_FROM_0
    for name, draws in values.items():
        low, high, rule = ranges[name]
        least, most = draws.min(), draws.max()
        if not (least >= low and most <= high):
            raise InputError(
                f"posterior/{name} must {rule}, and goes from {least:g} to {most:g}: {CHANGED}."
            )
    if "kappa" in values:
        with np.errstate(over="ignore"):
            kappa = np.exp(values["kappa_log"])
        if not np.allclose(values["kappa"], kappa, rtol=ROUNDING):
            raise InputError(f"posterior/kappa must be exp(kappa_log), and is not: {CHANGED}.")
    return values


def _variable(
    tree: xr.DataTree, child: str, name: str, dims: tuple[str, ...], kinds: str = "iuf"
) -> xr.DataArray:
    """Returns a variable with its dimensions in order, and the same draws as the posterior."""
    where = f"{child}/{name}"
    if child not in tree.children or name not in tree[child].data_vars:
        raise InputError(f"The tree lacks {where}: pass what fit returned.")
    variable = tree[child][name]
    if set(variable.dims) != set(dims):
        raise InputError(f"{where} has the dimensions {variable.dims}, and should have {dims}.")
    if variable.dtype.kind not in kinds:
        raise InputError(f"{where} should hold numbers, and holds {variable.dtype}.")
    posterior = tree["posterior"]
    for dim in set(dims) & set(DRAWS):
        same = variable.sizes[dim] == posterior.sizes[dim]
        if same and dim in variable.indexes and dim in posterior.indexes:
            same = variable.indexes[dim].equals(posterior.indexes[dim])
        if not same:
            raise InputError(f"{where} and the posterior must have the same {dim}s: {CHANGED}.")
    return variable.transpose(*dims)


def _labels(variable: xr.DataArray, where: str) -> np.ndarray:
    """Returns (group,) names of a variable's groups in their own type, text as objects."""
    if GROUPS not in variable.coords:
        raise InputError(f"{where} has no names of its groups: pass what fit returned.")
    labels: np.ndarray = variable[GROUPS].values
    if labels.dtype.kind not in "iufbM":
        labels = labels.astype(str).astype(object)
    repeated = labels[pd.Index(labels).duplicated()]
    if len(repeated):
        raise InputError(f"{where} has group {repeated[0]!r} twice: every group needs a name.")
    return labels


def _in_order(variable: xr.DataArray, where: str, labels: np.ndarray) -> np.ndarray:
    """Returns (..., group) values, the groups in the order of the labels."""
    own = _labels(variable, where)
    if np.array_equal(own, labels):
        return variable.values
    places = pd.Index(own).get_indexer(pd.Index(labels))
    if len(own) != len(labels) or (places < 0).any():
        (odd, *_) = sorted(set(labels) ^ set(own))
        raise InputError(
            f"{where} and observed_data/y must have the same groups, and only one of them has "
            f"{odd!r}: {CHANGED}."
        )
    return variable.values[..., places]


def _check_range(
    faults: Problems, rule: str, values: np.ndarray, low: float, high: float | np.ndarray
) -> None:
    """Raises an error unless all (chain, draw, group) values lie between two ends, (group,)."""
    # If a value is NaN, so are the minimum and the maximum, and the row is reported.
    with np.errstate(invalid="ignore"):
        least, most = values.min(axis=(0, 1)), values.max(axis=(0, 1))
        rows = np.flatnonzero(~((least >= low) & (most <= high)))
    faults.report(rows, lambda row: f"{least[row]:g} to {most[row]:g}", f"{rule} ({CHANGED})")
