"""Batches data sets of unequal size into a few fixed shapes, so that few programs are compiled.

Up to 64 small data sets share a batch, so that a thousand of unequal size compile one program or
two; a large data set is a batch of its own.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from hierpool.likelihood.compress import Distinct, batch_histograms, compress, distinct
from hierpool.likelihood.histograms import Data

HISTOGRAM_LENGTHS = (64, 512)
"""Trials of a small data set's largest group: histograms are padded to one of these lengths."""


class Sizes(NamedTuple):
    """How much runs in one call of a program, padding included, in ascending order."""

    data_sets: tuple[int, ...]
    """Numbers of small data sets in a batch."""
    pairs: tuple[int, ...]
    """Numbers of pairs in a block."""
    is_padded: bool = True
    """Whether a smaller block is filled up to one of these numbers, so that programs are shared."""


UNPADDED = Sizes((1,), (512,), is_padded=False)
"""Without a compiled program: one data set after another."""
ON_PROCESSOR = Sizes((1, 8, 64), (32, 128))
"""What a call reads and writes stays in the processor's cache."""
ON_ACCELERATOR = Sizes((64, 1024, 8192), (512, 4096, 32768))
"""A call is large enough to use all of an accelerator."""


class DataSets:
    """The distinct (y, n) pairs of several data sets, sorted by data set."""

    def __init__(
        self, successes: np.ndarray, trials: np.ndarray, data_set: np.ndarray | None
    ) -> None:
        pairs = distinct(successes, trials)
        self.y, self.n, self.groups, self.pair_of_group = pairs
        self.set_of_pair = np.zeros(len(self.y), np.int64)
        self.number = 1
        if data_set is not None:
            self.number = int(data_set.max()) + 1
            keys, self.pair_of_group, self.groups = np.unique(
                data_set * len(self.y) + pairs.inverse, return_inverse=True, return_counts=True
            )
            self.set_of_pair, pair = np.divmod(keys, len(self.y))
            self.y, self.n = self.y[pair], self.n[pair]
        self.first = np.searchsorted(self.set_of_pair, np.arange(self.number + 1))
        self.size = np.diff(self.first)
        self.largest = np.maximum.reduceat(self.n, self.first[:-1])

    def pairs(self, rows: np.ndarray) -> Distinct:
        """Returns the pairs at the given rows."""
        none = np.empty(0, np.int64)
        return Distinct(self.y[rows], self.n[rows], self.groups[rows], none)


class Batch(NamedTuple):
    """Data sets that run in one call."""

    numbers: np.ndarray
    """(data set,) index of each data set."""
    data: Data
    """Each leaf (data set, ...), padded with empty data sets."""
    rows: np.ndarray
    """(pair,) index in ``DataSets`` of each of their pairs."""
    which: np.ndarray
    """(pair,) the data set of each pair, as an index into ``numbers``."""


def batches_of(sets: DataSets, numbers: np.ndarray, sizes: Sizes) -> Iterator[Callable[[], Batch]]:
    """Yields functions that make batches, which together hold each of the given data sets once.

    So each batch can be made in the thread that runs it, when its turn comes.

    Args:
        sets: all data sets.
        numbers: (data set,) indices of those to run.
        sizes: how many run in one call.
    """
    largest = np.searchsorted(HISTOGRAM_LENGTHS, sets.largest[numbers])
    for number in numbers[largest == len(HISTOGRAM_LENGTHS)]:
        yield partial(_of_one, sets, number)
    for shape, near in enumerate(HISTOGRAM_LENGTHS):
        alike = numbers[largest == shape]
        for start in range(0, len(alike), sizes.data_sets[-1]):
            some = alike[start : start + sizes.data_sets[-1]]
            size = next(size for size in sizes.data_sets if size >= len(some))
            yield partial(_of_many, sets, some, size, near)


def _of_one(sets: DataSets, number: int) -> Batch:
    rows = np.arange(sets.first[number], sets.first[number + 1])
    data = jax.tree.map(lambda leaf: np.asarray(leaf)[None], compress(sets.pairs(rows)))
    return Batch(np.array([number]), data, rows, np.zeros(len(rows), np.int64))


def _of_many(sets: DataSets, numbers: np.ndarray, size: int, near: int) -> Batch:
    lengths = sets.size[numbers]
    which = np.repeat(np.arange(len(numbers)), lengths)
    # The rows of each data set follow each other from its first row on.
    before = np.cumsum(lengths) - lengths
    rows = np.arange(len(which)) + (sets.first[numbers] - before)[which]
    return Batch(numbers, batch_histograms(sets.pairs(rows), which, size, near), rows, which)


def program_shapes(batch: Batch, sizes: Sizes) -> tuple[Data, int]:
    """Returns the shapes of a batch, and its padded number of pairs, which fix its programs."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), batch.data)
    return shapes, len(padded(batch.rows[: sizes.pairs[-1]], sizes))


def padded(values: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Returns values of pairs, padded with zeros to one of the sizes of a block."""
    if not sizes.is_padded:
        return values
    size = next(size for size in sizes.pairs if size >= len(values))
    result = np.zeros(size, values.dtype)
    result[: len(values)] = values  # np.pad takes twenty times as long.
    return result
