"""What a sampler hands back, whichever it is."""

from typing import Literal, NamedTuple, Protocol

import numpy as np

from benchmarks.bench.tables import Settings, Table


class Run(NamedTuple):
    """Draws, and where the time went."""

    draws: dict[str, np.ndarray]
    """``phi`` and ``kappa_log`` (chain, draw), ``theta`` (chain, draw, group) if it was drawn."""
    sampling: float
    """Seconds of warm-up and draws, by the sampler's own clock where it has one."""
    call: float
    """Seconds of the whole call, with what else it does."""
    compiling: float
    """Seconds of the call in which it compiled and set up, as far as the sampler tells."""
    warmup: float | None
    """Seconds of the warm-up; None if they can't be told from those of the draws."""
    divergences: int
    """Divergent draws."""


class Sampler(Protocol):
    """A contender that draws."""

    compiles: Literal["ahead", "at first", "always"]
    """When: in ``prepare``; at the first ``sample``; at every one."""

    def prepare(self, table: Table, settings: Settings) -> None:
        """Builds the model for tables of this many groups."""
        ...

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws from the posterior of a table."""
        ...
