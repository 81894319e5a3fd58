"""How a fit was computed, and the command and the lines of Python that repeat it."""

import inspect
import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from hierpool.exact.quadrature import Quadrature
from hierpool.input.errors import InputError
from hierpool.mcmc.nuts import NUTS
from hierpool.models.catalogue import CATALOGUE, class_of_name
from hierpool.posterior.attributes import read_inference, read_model
from hierpool.reports.asking import word_of

FLAGS = {"num_chains": "chains", "num_draws": "draws", "num_warmup": "warmup", "num_nodes": "nodes"}
"""Flags of settings that have another name on the command line."""
KINDS: dict[str, Any] = {"NUTS": NUTS, "Quadrature": Quadrature}
"""The algorithms by the names of their classes."""
FILE, GROUP = "FILE", "COLUMN"
"""What stands for the file and the column of names, which a fit does not record."""


class Provenance(NamedTuple):
    """How a fit was computed."""

    formulas: str
    """The model, one statement a line; empty if its class is not known or does not say it."""
    facts: list[tuple[str, str]]
    """Names and values, in the order of the page."""
    command: str
    """The command that repeats the fit; empty for a user's own model."""
    python: str
    """The lines of Python that repeat it."""
    has_source: bool
    """Whether both name the file and its columns; else `FILE` and `GROUP` stand for them."""


class Source(NamedTuple):
    """Where the data of a fit were read, which the fit does not record."""

    file: str
    """The file."""
    columns: Mapping[str, Any]
    """Arguments of ``fit`` that name the columns; None and False are left out."""


def provenance_of(tree: xr.DataTree, source: Source | None = None) -> Provenance:
    """Returns how a fit was computed.

    Args:
        tree: a fit.
        source: where its data were read; None if that is not known.
    """
    attributes = tree.attrs
    model, inference = read_model(attributes), read_inference(attributes)
    sizes = tree["posterior"].sizes
    versions = _recorded(attributes, "versions")
    facts = [
        ("Model", _call(model)),
        ("Algorithm", _call(inference) if inference else "not recorded"),
        ("Chains and draws", f"{sizes['chain']:,} chains of {sizes['draw']:,} draws"),
        ("Seed", str(attributes.get("seed", "not recorded"))),
        ("Time", _time(attributes)),
        ("Precision", f"{attributes.get('precision', '')} on {attributes.get('platform', '')}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
        ("SHA-256 of the data", str(attributes.get("data_sha256", "not recorded"))),
    ]
    if "log_evidence" in attributes:
        facts.insert(5, ("Log evidence", _number(attributes, "log_evidence", 4)))
    recorded = {name: str(attributes.get(name, name.upper())) for name in ("successes", "trials")}
    read = source or Source(FILE, recorded | {"group": GROUP})
    new_groups = new_groups_of(attributes)
    seed = str(attributes.get("seed", 0))
    return Provenance(
        _formulas(model["name"]),
        [(name, value) for name, value in facts if value],
        _command(model, inference, read, new_groups, seed),
        _python(model, inference, read, new_groups, seed),
        source is not None,
    )


def new_groups_of(attributes: Mapping[Any, Any]) -> dict[str, list[int]]:
    """Returns the new groups with which a fit was made; none if the record can't be read."""
    found = _recorded(attributes, "new_groups")
    return {name: counts for name, counts in found.items() if np.shape(counts) == (2,)}


def _formulas(name: str) -> str:
    """Returns the statements of a model, which its docstring has as its first indented lines."""
    try:
        text = inspect.getdoc(class_of_name(name)) or ""
    except InputError:
        return ""
    before = text.split("Args:")[0].splitlines()
    return "\n".join(line.strip() for line in before if line.startswith("    ") and line.strip())


def _time(attributes: Mapping[Any, Any]) -> str:
    times = [_number(attributes, name, 2) for name in ("compile_time", "sampling_time")]
    return f"{times[0]} s compiling, {times[1]} s sampling" if all(times) else ""


def _number(attributes: Mapping[Any, Any], name: str, decimals: int) -> str:
    """Returns a number that an attribute holds as text; empty if it does not."""
    value = attributes.get(name)
    is_number = isinstance(value, int | float | np.number)
    return f"{value:.{decimals}f}" if is_number else ""


def _recorded(attributes: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """Returns an object that an attribute holds as JSON; an empty one if it does not."""
    try:
        found = json.loads(attributes[name])
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _call(settings: Mapping[str, Any]) -> str:
    """Returns the expression that makes a model or an algorithm with settings."""
    given = ", ".join(
        f"{name}={value!r}"
        for name, value in settings.items()
        if name != "name" and value is not None
    )
    return f"{settings['name']}({given})"


def _changed(settings: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Returns the settings that are not those by default."""
    usual = vars(kind())
    return {
        name: value
        for name, value in settings.items()
        if name != "name" and value is not None and value != usual.get(name)
    }


def _command(
    model: Mapping[str, Any],
    inference: Mapping[str, Any],
    source: Source,
    new_groups: Mapping[str, list[int]],
    seed: str,
) -> str:
    word = word_of(model["name"])
    if word not in CATALOGUE:
        return ""
    words: list[str] = []
    for name, value in _given(source).items():
        for each in value if isinstance(value, list) else [value]:
            words.append(f"--{name}" if each is True else f"--{name} {shlex.quote(str(each))}")
    for name, (y, n) in new_groups.items():
        words.append(f"--new-group {shlex.quote(f'{name}={y}/{n}')}")
    words.append(f"--model {word}")
    knobs = _changed(model, class_of_name(model["name"]))
    if inference.get("name") in KINDS:
        words.append(f"--inference {inference['name'].lower()}")
        knobs |= _changed(inference, KINDS[inference["name"]])
    for name, value in knobs.items():
        words.append(f"--{FLAGS.get(name, name).replace('_', '-')} {shlex.quote(str(value))}")
    words += [f"--seed {shlex.quote(seed)}", "--output fit.nc"]
    return " \\\n  ".join([f"hierpool fit {shlex.quote(source.file)}", *words])


def _python(
    model: Mapping[str, Any],
    inference: Mapping[str, Any],
    source: Source,
    new_groups: Mapping[str, list[int]],
    seed: str,
) -> str:
    columns = (f"{name}={_quoted(value)}" for name, value in _given(source).items())
    arguments = [_quoted(source.file), *columns]
    if word_of(model["name"]) in CATALOGUE:
        short = {"name": model["name"], **_changed(model, class_of_name(model["name"]))}
        arguments.append(f"model=hp.{_call(short)}")
    else:
        arguments.append(f"model={_call(model)}")
    if inference.get("name") in KINDS:
        short = {"name": inference["name"], **_changed(inference, KINDS[inference["name"]])}
        arguments.append(f"inference=hp.{_call(short)}")
    if new_groups:
        pairs = ", ".join(f"{_quoted(name)}: ({y}, {n})" for name, (y, n) in new_groups.items())
        arguments.append(f"new_groups={{{pairs}}}")
    arguments.append(f"seed={seed}")
    inside = "".join(f"    {argument},\n" for argument in arguments)
    return f"import hierpool as hp\n\ntree = hp.fit(\n{inside})\nprint(hp.summarize(tree))"


def _given(source: Source) -> dict[str, Any]:
    """Returns the columns that were named, by the arguments that name them."""
    columns = source.columns.items()
    return {name: value for name, value in columns if value is not None and value is not False}


def _quoted(value: str | int | list[str]) -> str:
    """Returns a text, a number, a truth value or a list of texts as Python writes it."""
    return repr(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
