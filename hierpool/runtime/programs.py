"""Compiled programs, of which only the latest few sizes are kept.

``jax.jit`` keeps every program for as long as its function lives: some 40 MB for each new number of
groups that NUTS explores. So a function here is compiled anew for each size of its arguments, and
the sizes that were asked for longest ago are let go with their programs.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, wraps
from typing import Any

import jax
import numpy as np

SIZES = 8
"""Sizes whose programs are kept: two octaves of ``tally.quarter_octave``."""


class BySize:
    """A function, compiled for each size of its arguments; the latest ``SIZES`` are kept.

    Args:
        function: pure, of arrays.
        static_argnames: arguments by keyword that are no arrays.
    """

    def __init__(self, function: Callable[..., Any], static_argnames: Sequence[str] = ()) -> None:
        @lru_cache(maxsize=SIZES)
        def program(size: Hashable) -> Any:
            # A function of its own, or jax.jit would keep it with all others of the same function.
            @wraps(function)
            def own(*arguments: Any, **settings: Any) -> Any:
                return function(*arguments, **settings)

            return jax.jit(own, static_argnames=static_argnames)

        self._program = program

    def of(self, *arguments: Any) -> Any:
        """Returns the ``jax.jit`` of arguments of this size; arrays or their shapes will do."""
        leaves, structure = jax.tree.flatten(arguments)
        sizes = tuple((np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in leaves)
        return self._program((structure, sizes))

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Returns what the function returns."""
        return self.of(*arguments)(*arguments, **settings)
