"""``Counts``: successes out of trials, as arrays for the device.

They have no labels, and nothing here checks a value: ``input.table`` does that, on the host.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.typing import ArrayLike, DTypeLike


class Counts(NamedTuple):
    """Successes out of trials of each group of one data set, or of many stacked data sets.

    It is a pytree, and its arrays may be traced. No value is checked here: ``fit`` and
    ``estimate`` check those of a table.

    Args:
        successes: (group,) successes of each group; (data set, group) if stacked.
        trials: (group,) attempts of each group; (data set, group) if stacked.

    Examples:
        >>> import numpy as np
        >>> import hierpool as hp
        >>> counts = hp.Counts(successes=np.array([18, 7, 0]), trials=np.array([45, 45, 4]))
        >>> print((counts.successes / counts.trials).round(2))
        [0.4  0.16 0.  ]
    """

    successes: ArrayLike
    """(group,) successes of each group, 0 to ``trials``."""
    trials: ArrayLike
    """(group,) attempts of each group; 0 means a group not yet seen, which adds no information."""

    @property
    def counts(self) -> "Counts":
        """Itself: every form of a data set, this plainest one too, has its ``counts``."""
        return self

    def as_floats(
        self, dtype: DTypeLike | None = None, xp: Any = jnp
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns successes, failures and trials, (group,) each, as floating-point arrays.

        Args:
            dtype: a floating type; by default JAX's own (float64 in its 64-bit mode).
            xp: the library of the arrays, ``jax.numpy`` or ``numpy``.
        """
        dtype = jnp.result_type(float) if dtype is None else dtype
        successes, trials = xp.asarray(self.successes), xp.asarray(self.trials)
        # Failures are computed before the cast: float32 does not hold every integer exactly.
        failures = trials - successes
        return successes.astype(dtype), failures.astype(dtype), trials.astype(dtype)


# So that a program exported by ``jax.export`` can be written to a file.
register_namedtuple_serialization(Counts, serialized_name="hierpool.Counts")


def stack(data_sets: Sequence[Counts]) -> Counts:
    """Returns data sets of unequal length as one ``Counts`` of shape (data set, group).

    Shorter data sets are padded with unseen groups, 0 successes of 0 trials, so that ``jax.vmap``
    can run over the first axis. Padding leaves the posterior of the population exactly as it was;
    the theta of a padded group is a draw for a new group.

    Args:
        data_sets: at least one ``Counts``, each of shape (group,).

    Returns:
        Counts as NumPy arrays of shape (data set, group), as many groups as the longest data set.

    Raises:
        ValueError: ``data_sets`` is empty.

    Examples:
        >>> import numpy as np
        >>> import hierpool as hp
        >>> first = hp.Counts(successes=np.array([18, 7, 0]), trials=np.array([45, 45, 4]))
        >>> second = hp.Counts(successes=np.array([3, 4]), trials=np.array([10, 20]))
        >>> print(hp.stack([first, second]).trials)
        [[45 45  4]
         [10 20  0]]
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
