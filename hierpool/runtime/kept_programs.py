"""Keeps programs from one run of the command to the next, before they are compiled.

JAX's own cache keeps compiled programs, and finds one by what it computes: so it can be asked only
once the program is traced and lowered, which takes longer than all else in a run of the command.
Here the lowered program is kept, and found by what it is made from: hierpool's own source, the
versions of the libraries, the settings of JAX, the function, and the shapes of its arguments. So it
needs not be traced again, and what only tracing needs, as BlackJAX, is not even imported.

A file holds StableHLO as ``jax.export`` writes it, behind its hash: it is data, not code of Python.
One that is torn or not ours is replaced. Nothing is kept unless the command asks for it
(``keep_in``), nor for a model of the user's own, whose source may change.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.export import deserialize, export

from hierpool.runtime.jax_settings import platform
from hierpool.runtime.writing import whole_file

MOST_FILES = 200
"""Programs kept; those not used for longest are removed."""
_SUFFIX = ".program"
_PACKAGE = Path(__file__).parent.parent
_HASH = hashlib.sha256
_folders: list[Path] = []
"""Where programs are kept: one folder, or none."""


def keep_in(folder: Path | None) -> None:
    """Keeps programs in a folder, which exists, from now on; None keeps no more."""
    _folders[:] = [] if folder is None else [folder]


class Origin(NamedTuple):
    """What a program is made from, besides the shapes of its arguments."""

    function: Callable[..., Any]
    """The function, of the arguments and the settings."""
    structure: Any
    """The structure of all arguments, as one pytree."""
    settings: dict[str, Any]
    """Keyword arguments that are not arrays."""
    options: dict[str, Any] | None
    """Options of the compiler."""


def kept(
    of_leaves: Callable[..., Any], shapes: Sequence[Any], origin: Origin
) -> Callable[..., Any]:
    """Returns the function as a program that was kept, or is from now on; or just the function.

    Args:
        of_leaves: the function, of the leaves of its arguments.
        shapes: shapes and types of the leaves.
        origin: what it is made from.
    """
    # Programs for an accelerator may call its libraries, whose interfaces change.
    if not _folders or platform() != "cpu" or not _is_ours(origin):
        return of_leaves
    path = _folders[0] / f"{_name(shapes, origin)}{_SUFFIX}"
    program = _read(path)
    if program is None:
        program = export(jax.jit(of_leaves), platforms=["cpu"])(*shapes)
        _write(path, bytes(program.serialize()))
    return program.call


def _is_ours(origin: Origin) -> bool:
    """Returns whether all that a program is made from is part of hierpool, and named."""
    function, kinds = origin.function, {origin.function, *_kinds(origin.structure)}
    # Neither a function within another, whose name does not say what it takes from there, nor one
    # made from another, which has the other's name.
    is_named = "<" not in function.__qualname__ and not hasattr(function, "__wrapped__")
    return is_named and all(kind.__module__.startswith(("hierpool.", "builtins")) for kind in kinds)


def _kinds(structure: Any) -> Iterator[type]:
    """Yields the classes in a structure of arguments."""
    node = structure.node_data()
    if node is not None:
        yield node[0]
    for child in structure.children():
        yield from _kinds(child)


def _name(shapes: Sequence[Any], origin: Origin) -> str:
    """Returns a name for a program, which is another if anything that it depends on changes."""
    function, structure, settings, options = origin
    parts = (
        _surroundings(),
        f"{function.__module__}.{function.__qualname__}",
        structure,
        [(shape.shape, shape.dtype, shape.weak_type) for shape in shapes],
        sorted(settings.items()),
        options,
        jnp.result_type(float),
    )
    return _HASH("\n".join(map(repr, parts)).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _surroundings() -> tuple[Any, ...]:
    """Returns what all programs depend on."""
    source = _HASH()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source.update(f"{path.relative_to(_PACKAGE)}\n".encode())
        source.update(_HASH(path.read_bytes()).digest())
    libraries = [version(name) for name in ("jax", "jaxlib", "blackjax", "numpy")]
    chosen = sorted(pair for pair in os.environ.items() if pair[0].startswith(("JAX_", "XLA_")))
    return source.hexdigest(), libraries, sys.version, chosen


def _read(path: Path) -> Any:
    """Returns a program, or None if the file is not there, not whole or not understood."""
    try:
        found = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    size = _HASH().digest_size
    if _HASH(found[size:]).digest() != found[:size]:
        return None
    try:
        return deserialize(bytearray(found[size:]))
    except Exception:  # Its readers raise errors of any kind.
        return None


def _write(path: Path, program: bytes) -> None:
    """Writes a program; without room for it, or without permission, it is made again next time."""
    with suppress(OSError):
        with whole_file(path) as file:
            file.write(_HASH(program).digest() + program)
        files = sorted(path.parent.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime)
        for old in files[:-MOST_FILES]:
            old.unlink()
