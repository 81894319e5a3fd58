"""Statistics that NUTS reports of each draw."""

from typing import NamedTuple

import jax
import numpy as np
from jax.export import register_namedtuple_serialization

Array = jax.Array | np.ndarray


class Stats(NamedTuple):
    """Statistics of draws, each of one shape such as (chain, draw), under the names of ArviZ."""

    lp: Array
    """Log posterior density in the coordinates that NUTS explores, up to a constant of the data."""
    acceptance_rate: Array
    """Mean acceptance probability over the trajectory."""
    diverging: Array
    """Whether the trajectory diverged: its energy error is so large that it can't be trusted."""
    energy: Array
    """Potential plus kinetic energy of the draw."""
    n_steps: Array
    """Number of leapfrog steps of the trajectory."""
    tree_depth: Array
    """Number of doublings of the trajectory."""
    reached_max_treedepth: Array
    """Whether the trajectory was stopped at ``max_tree_depth``, before it turned back."""
    step_size: Array
    """Step size of the trajectory."""


# So that a program exported by ``jax.export`` can be written to a file.
register_namedtuple_serialization(Stats, serialized_name="hierpool.Stats")
