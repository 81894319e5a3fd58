"""Compiled programs of the most recent sizes of arguments only.

``jax.jit`` keeps every program for as long as its function exists: about 40 MB for each new number
of groups that NUTS explores. So here every size of the arguments has a ``jax.jit`` of its own, and
those of the least recently used sizes are discarded with their programs.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.runtime.jax_settings import platform
from hierpool.runtime.kept_programs import Origin, kept

COMPILED_SOON: dict[str, Any] = {"xla_backend_optimization_level": 0}
"""Compiler options for a program that does little in a process. On a processor it compiles in about
60% of the time, and runs up to twice as long; a chain of NUTS, 2.5 times as long
(``benchmarks/compile_speed.py``)."""
FEW_SIZES = 8
"""Number of sizes whose programs are kept: two octaves of ``compress.quarter_octave``."""


class Program:
    """A function compiled for arguments of one size.

    Args:
        function: a pure function of arrays, and of settings that are not arrays.
        arguments: pytrees of arrays or of their shapes.
        settings: keyword arguments that are not arrays.
        options: of the compiler.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Any,
        settings: dict[str, Any],
        options: dict[str, Any] | None = None,
    ) -> None:
        structure: Any
        leaves, structure = jax.tree.flatten(arguments)
        self._shapes = [_shape(leaf) for leaf in leaves]

        # A new function for each size: jax.jit keeps all programs of one function together.
        def of_leaves(*leaves: Any) -> Any:
            return function(*structure.unflatten(leaves), **settings)

        update_wrapper(of_leaves, function)
        origin = Origin(function, structure, settings, options)
        self._jit: Any = jax.jit(kept(of_leaves, self._shapes, origin), compiler_options=options)
        self._compiled: Any = None
        self._lock = Lock()

    @cached_property
    def _traced(self) -> Any:
        return self._jit.trace(*self._shapes)

    @cached_property
    def _lowered(self) -> Any:
        return self._traced.lower()

    @property
    def is_compiled(self) -> bool:
        """Returns whether ``compile`` was called."""
        return self._compiled is not None

    @cached_property
    def result(self) -> Any:
        """The shapes of what it returns."""
        return self._traced.out_info

    def lower(self) -> None:
        """Does what is done before compiling, in Python: so only one thread at a time can."""
        if self._compiled is None:
            self._lowered  # noqa: B018 (it is computed once)

    def compile(self) -> None:
        """Compiles it, before it is called."""
        with self._lock:
            if self._compiled is None:
                _, lowered = self.result, self._lowered
                self._compiled = lowered.compile()
                # What it was made from takes more memory than itself.
                del self._jit, self._traced, self._lowered

    def __call__(self, *arguments: Any) -> Any:
        """Returns what the function returns."""
        self.compile()
        return self._compiled(*jax.tree.leaves(arguments))


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    if isinstance(leaf, jax.ShapeDtypeStruct):
        return leaf
    kind: Any = jax.typeof(leaf)
    return jax.ShapeDtypeStruct(kind.shape, kind.dtype, weak_type=kind.weak_type)


class BySize:
    """A function compiled for each size of its arguments, with the latest sizes kept.

    Args:
        function: a pure function of arrays, and of settings that are not arrays.
        options: of the compiler.
        keep: of how many sizes the programs are kept.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: dict[str, Any] | None = None,
        keep: int = FEW_SIZES,
    ) -> None:
        self._function, self._options, self._keep = function, options, keep
        # The least recently used first.
        self._programs: dict[Any, Program] = {}
        self._lock = Lock()

    def of(self, *arguments: Any, **settings: Any) -> Program:
        """Returns the program for arguments of this size, given as arrays or shapes.

        Args:
            arguments: pytrees of arrays, or of their shapes.
            settings: what else the function takes by keyword.
        """
        leaves, structure = jax.tree.flatten(arguments)
        sizes = tuple((np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in leaves)
        # The device rather than its platform: a compiled program runs on one device.
        context = platform(), jax.config.jax_default_device, jnp.result_type(float)
        key = structure, sizes, context, tuple(settings.items())
        # Chains ask from threads of their own.
        with self._lock:
            program = self._programs.pop(key, None)
            if program is None:
                program = Program(self._function, arguments, settings, self._options)
            self._programs[key] = program
            while len(self._programs) > self._keep:
                del self._programs[next(iter(self._programs))]
        return program

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Returns what the function returns."""
        return self.of(*arguments, **settings)(*arguments)

    def clear(self) -> None:
        """Discards all programs, as ``jax.clear_caches`` does those of ``jax.jit``."""
        with self._lock:
            self._programs.clear()
