"""What NUTS tells of its draws."""

from typing import NamedTuple

import jax
import numpy as np

Array = jax.Array | np.ndarray


class Stats(NamedTuple):
    """Statistics of draws, under the names that ArviZ reads; NumPy arrays on the host."""

    lp: Array
    """Log posterior density in the coordinates that NUTS explores, up to a constant of the data."""
    acceptance_rate: Array
    """Mean acceptance over the trajectory."""
    diverging: Array
    """Whether the energy error showed that the trajectory can't be trusted."""
    energy: Array
    """Potential plus kinetic energy of the draw."""
    n_steps: Array
    """Leapfrog steps of the trajectory."""
    tree_depth: Array
    """Doublings of the trajectory."""
    reached_max_treedepth: Array
    """Whether the trajectory was cut before it turned."""
    step_size: Array
    """Step size in use."""
