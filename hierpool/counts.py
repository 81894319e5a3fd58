"""``Counts``: successes out of trials, as the device sees them.

Labels never get this far, and nothing here checks a value: that is ``table``'s work, on the host.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike, DTypeLike


class Counts(NamedTuple):
    """Successes out of trials of each group of one data set (or, stacked, of many)."""

    successes: ArrayLike
    """(group,) successes of each group, 0 to ``trials``."""
    trials: ArrayLike
    """(group,) attempts of each group; 0 means a group not yet seen, which changes nothing."""

    def as_floats(self, dtype: DTypeLike | None = None) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns successes, failures and trials, (group,) each, ready for arithmetic.

        Args:
            dtype: a floating type; by default JAX's own (float64 in its 64-bit mode).
        """
        dtype = jnp.result_type(float) if dtype is None else dtype
        successes, trials = jnp.asarray(self.successes), jnp.asarray(self.trials)
        # Subtracted before the cast: in float32 the integers may no longer be exact.
        failures = trials - successes
        return successes.astype(dtype), failures.astype(dtype), trials.astype(dtype)


# So that a program exported by ``jax.export`` can be written to a file.
register_namedtuple_serialization(Counts, serialized_name="hierpool.Counts")


def stack(data_sets: Sequence[Counts]) -> Counts:
    """Returns data sets of unequal length as one ``Counts`` of shape (data set, group).

    The shorter ones are filled up with unseen groups, 0 of 0, so that ``jax.vmap`` can run over the
    first axis. An unseen group adds exactly nothing to a population; its theta is a draw for a
    new group.

    Args:
        data_sets: at least one ``Counts`` of shape (group,) each.

    Raises:
        ValueError: there is no data set.
    """
    if not data_sets:
        raise ValueError("stack needs at least one data set, and was given none.")
    width = max(np.shape(counts.trials)[0] for counts in data_sets)

    def filled(values: ArrayLike) -> np.ndarray:
        values = np.asarray(values)
        return np.pad(values, (0, width - values.shape[0]))

    return Counts(
        np.stack([filled(counts.successes) for counts in data_sets]),
        np.stack([filled(counts.trials) for counts in data_sets]),
    )
