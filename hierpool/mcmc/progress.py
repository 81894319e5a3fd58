"""What the chains of a run have done so far, and how a caller follows it."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from hierpool.mcmc.stats import Array

if TYPE_CHECKING:
    from hierpool.mcmc.nuts import NUTS

LEAST_DRAWS = 4
"""Fewest draws of each chain that are kept of a run that was stopped: R-hat needs them."""

Chain = np.ndarray | np.int64
"""The index of a chain, or (chain,) the indices of all chains."""

Progress = Callable[[int, int, int], None]
"""Called with the steps done, all steps to do and the divergent draws so far, over all chains."""


@runtime_checkable
class Display(Protocol):
    """Shows a run while it lasts."""

    def showing(self, meter: "Meter") -> AbstractContextManager[Callable[[], None]]:
        """Shows the run within the context.

        The context gives a function that shows what is new. It is called a few times a second, by
        the thread that started the run.
        """


class Meter:
    """Counts what each chain has done, and can ask all of them to stop.

    Args:
        nuts: the sampler's settings.
        progress: called after every block of steps, by the thread of the chain that took them.
    """

    def __init__(self, nuts: "NUTS", progress: Progress | None = None) -> None:
        self.num_warmup, self.num_draws = nuts.num_warmup, nuts.num_draws
        self.steps = np.zeros(nuts.num_chains, int)
        """(chain,) steps of warm-up and draws that are done."""
        self.divergences = np.zeros(nuts.num_chains, int)
        """(chain,) divergent draws so far."""
        self.step_size = np.full(nuts.num_chains, np.nan)
        """(chain,) the latest step size; NaN before a chain's first block."""
        self.started = time.perf_counter()
        """When the run began, in seconds."""
        self.seen = np.full(nuts.num_chains, self.started)
        """(chain,) when its latest block ended, in seconds."""
        self.is_stopped = False
        """Whether the chains were asked to stop; each takes its current block to the end."""
        self._progress, self._lock = progress, threading.Lock()

    def add(self, chain: Chain, steps: int, divergences: Array, step_size: Array) -> None:
        """Counts a block of steps of one chain, or of several by their (chain,) indices."""
        with self._lock:
            self.divergences[chain] += divergences
            self.step_size[chain] = step_size
            self.seen[chain] = time.perf_counter()
            # Last, because a display reads without the lock: what has steps has the rest.
            self.steps[chain] += steps
            if self._progress is not None and not self.is_stopped:
                total = len(self.steps) * (self.num_warmup + self.num_draws)
                try:
                    self._progress(int(self.steps.sum()), total, int(self.divergences.sum()))
                except BaseException:
                    # Before another chain calls it again.
                    self.stop()
                    raise

    def stop(self) -> None:
        """Asks every chain to stop after its current block."""
        self.is_stopped = True

    def stop_with_draws(self) -> bool:
        """Asks the chains to stop if all have draws to keep; returns whether they have."""
        has_draws = bool(np.all(self.steps >= self.num_warmup + LEAST_DRAWS))
        if has_draws:
            self.stop()
        return has_draws
