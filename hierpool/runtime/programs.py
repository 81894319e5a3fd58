"""Keeps compiled programs for the most recent sizes of arguments only.

``jax.jit`` keeps every program for as long as its function exists: about 40 MB for each new number
of groups that NUTS explores. So here every size of the arguments has a ``jax.jit`` of its own, and
those of the least recently used sizes are discarded with their programs.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, wraps
from typing import Any

import jax
import numpy as np

COMPILED_SOON: dict[str, Any] = {"xla_backend_optimization_level": 0}
"""Compiler options for a program that does little in a process. On a processor it compiles in about
60% of the time, and runs up to twice as long; a chain of NUTS, 2.5 times as long
(``benchmarks/compile_speed.py``)."""
SIZES = 8
"""Number of sizes whose programs are kept: two octaves of ``compress.quarter_octave``."""


class BySize:
    """A function compiled for each size of its arguments, with the latest ``SIZES`` sizes kept.

    Args:
        function: a pure function of arrays.
        static_argnames: names of keyword arguments that are not arrays.
    """

    def __init__(self, function: Callable[..., Any], static_argnames: Sequence[str] = ()) -> None:
        @lru_cache(maxsize=SIZES)
        def program(size: Hashable) -> Any:
            # A new function for each size: jax.jit keeps all programs of one function together.
            @wraps(function)
            def own(*arguments: Any, **settings: Any) -> Any:
                return function(*arguments, **settings)

            return jax.jit(own, static_argnames=static_argnames)

        self._program = program

    def of(self, *arguments: Any) -> Any:
        """Returns the ``jax.jit`` for arguments of this size, given as arrays or shapes."""
        leaves, structure = jax.tree.flatten(arguments)
        sizes = tuple((np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in leaves)
        return self._program((structure, sizes))

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Returns what the function returns."""
        return self.of(*arguments)(*arguments, **settings)
