"""Draws as an ArviZ tree, and the tree on disk.

The tree is the fit: every answer is computed from it, so a saved fit serves as well as a new one.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hierpool.input.errors import InputError
from hierpool.input.table import Table
from hierpool.mcmc.stats import Stats
from hierpool.models.catalogue import remember
from hierpool.models.joint import Joint
from hierpool.models.protocol import GROUPS
from hierpool.posterior import netcdf
from hierpool.posterior.attributes import FORMAT, read_name
from hierpool.posterior.group_columns import add_group_columns
from hierpool.posterior.random import binomials
from hierpool.posterior.values import data_hash, is_fit, read_values
from hierpool.runtime.writing import check_writable, whole_file


def to_datatree(
    table: Table,
    *,
    posterior: Mapping[str, np.ndarray],
    prior: Mapping[str, np.ndarray] | None,
    log_likelihood: np.ndarray | None,
    stats: Stats | None,
    seeds: Sequence[np.random.SeedSequence],
    attributes: Mapping[str, Any],
    dims: Mapping[str, Sequence[str]],
) -> xr.DataTree:
    """Returns a fit as an ArviZ tree, with the groups' names as coordinates.

    Without theta it has no replicates, and holds only the hyperparameters and the data.

    Args:
        table: the data.
        posterior: parameters by name, (chain, draw) or (chain, draw, group).
        prior: the same parameters drawn from the prior, (draw,) or (draw, group); None if the
            model can't draw them.
        log_likelihood: (chain, draw, group) log probability of each group's successes, with theta
            integrated out; None leaves it out. The tree keeps it only for groups with trials: for
            others it is 0 in every draw, which ``az.loo`` refuses.
        stats: (chain, draw) statistics of the sampler; None if the draws are exact.
        seeds: two seeds, for the replicates of the posterior and for those of the prior.
        attributes: attributes of the tree, which describe the fit.
        dims: the dimensions of parameters after chain and draw, by name.
    """
    # arviz_base alone: arviz would import its plots too.
    from arviz_base import from_dict

    trials = table.trials
    groups: dict[str, Mapping[str, Any]] = {
        "posterior": posterior,
        "observed_data": {"y": table.successes},
        "constant_data": {"n": trials},
    }
    if "theta" in posterior:
        groups["posterior_predictive"] = {"y": _replicates(seeds[0], trials, posterior["theta"])}
    if log_likelihood is not None and trials.any():
        groups["log_likelihood"] = {"y": log_likelihood}
    if prior:
        groups["prior"] = {name: draws[None] for name, draws in prior.items()}
        if "theta" in prior:
            replicates = _replicates(seeds[1], trials, prior["theta"])
            groups["prior_predictive"] = {"y": replicates[None]}
    if stats is not None:
        groups["sample_stats"] = stats._asdict()
    tree = from_dict(
        groups,
        coords={GROUPS: table.labels},
        dims={name: list(of) for name, of in dims.items()} | {"y": [GROUPS], "n": [GROUPS]},
    )
    add_group_columns(tree, table.group_columns)
    if "log_likelihood" in tree.children and not trials.all():
        # A child of the tree may have fewer groups than its siblings.
        of_tried = tree["log_likelihood"].dataset.isel({GROUPS: np.flatnonzero(trials)})
        tree["log_likelihood"] = xr.DataTree(of_tried)
    tree.attrs |= {**_provenance(table), **attributes}
    return tree


def _replicates(seed: np.random.SeedSequence, trials: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Returns (..., group) draws of successes out of trials, given (..., group) theta."""
    return binomials(seed, trials, theta.reshape(-1, len(trials))).reshape(theta.shape)


def settings(instance: Any) -> str:
    """Returns a model or an inference algorithm, with all its settings, as JSON.

    For a ``Joint`` model, which only adds theta to the position, it is the collapsed model, whose
    posterior is the same.
    """
    if isinstance(instance, Joint):
        instance = instance.collapsed()
    given: Mapping[str, Any] = vars(instance)
    if is_dataclass(instance) and not isinstance(instance, type):
        given = asdict(instance)
    fields = {name: _plain(value) for name, value in given.items()}
    return json.dumps({"name": type(instance).__name__, **fields})


def save(tree: xr.DataTree, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Writes a fit to a netCDF file, completely or not at all.

    Args:
        tree: a fit, as returned by ``fit`` or ``load``.
        path: path of the file. Its folder must exist.
        force: whether to replace an existing file.

    Raises:
        FileExistsError: the file exists, and ``force`` is False.
        ImportError: h5netcdf is not installed.
        InputError: the path is a device or a pipe.
        OSError: the file can't be written; an existing file is unchanged.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import hierpool as hp
        >>> frame = {"player": ["A", "B"], "hits": [18, 7], "at_bats": [45, 45]}
        >>> tree = hp.fit(frame, "hits", "at_bats", group="player", model="complete")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     hp.save(tree, Path(folder) / "fit.nc")
        ...     print([path.name for path in Path(folder).iterdir()])
        ['fit.nc']
    """
    require_netcdf()
    check_writable(path, force=force)
    with whole_file(path) as file:
        netcdf.write_tree(tree, file)


def require_netcdf() -> None:
    """Raises ``ImportError`` if h5netcdf, which saves and loads fits, is not installed."""
    try:
        import h5netcdf  # noqa: F401  (xarray's own error does not name the extra)
    except ImportError:
        raise ImportError(
            'Saving and loading need h5netcdf: pip install "hierpool[netcdf]".'
        ) from None


def load(path: str | os.PathLike[str], *, model: object = None) -> xr.DataTree:
    """Returns a fit that ``save`` wrote.

    Args:
        path: path of the file.
        model: the fitted model or its class, if it is a model of your own; hierpool's own models
            are recognised without it.

    Returns:
        The ``xarray.DataTree`` that was saved; ``fit`` describes it.

    Raises:
        ImportError: h5netcdf is not installed.
        InputError: the file is damaged, holds no fit, is of a later format, holds values that no
            fit can have, or is a fit of another model than ``model``.
        OSError: the file can't be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import hierpool as hp
        >>> frame = {"player": ["A", "B"], "hits": [18, 7], "at_bats": [45, 45]}
        >>> tree = hp.fit(frame, "hits", "at_bats", group="player", model="complete")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     hp.save(tree, Path(folder) / "fit.nc")
        ...     loaded = hp.load(Path(folder) / "fit.nc")
        >>> loaded.posterior.equals(tree.posterior)
        True
    """
    path = Path(path)
    require_netcdf()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    tree = netcdf.read_tree(path)
    if not is_fit(tree):
        raise InputError(f"{path} was not written by hierpool: it holds no fit.")
    if model is not None:
        _recognise(tree, path, model)
    try:
        read_values(tree)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return tree


def _recognise(tree: xr.DataTree, path: Path, model: object) -> None:
    """Registers a user's own model, so that answers can use a fit of it.

    Raises:
        InputError: the fit is of another model.
    """
    kind = model if isinstance(model, type) else type(model)
    if read_name(tree.attrs) != kind.__name__:
        raise InputError(
            f"{path} is a fit of {read_name(tree.attrs)}, not of {kind.__name__}: name that model."
        )
    remember(kind)


def _provenance(table: Table) -> dict[str, Any]:
    """Returns the attributes for the origin of a fit: versions, columns and a hash of the data."""
    versions = {name: version(name) for name in ("hierpool", "jax", "blackjax", "numpy")}
    return {
        "inference_library": "hierpool",
        "inference_library_version": versions["hierpool"],
        "versions": json.dumps(versions),
        "hierpool_format": FORMAT,
        "data_sha256": data_hash(table.labels, table.successes, table.trials),
        "successes": table.successes_name,
        "trials": table.trials_name,
    }


def _plain(value: Any) -> Any:
    # A user's own model may have arrays.
    return value if value is None or isinstance(value, str | int) else np.asarray(value).tolist()
