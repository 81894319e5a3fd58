"""Follows NUTS for a command: bars on a terminal, and Ctrl-C, which keeps the draws so far."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hierpool.cli import stopping
from hierpool.cli.terminal import status

if TYPE_CHECKING:
    from hierpool.mcmc.progress import Meter


class Sampling:
    """What a command passes to ``fit`` as ``progress``."""

    @contextmanager
    def showing(self, meter: "Meter") -> Iterator[Callable[[], None]]:
        """Shows the chains within the context, in which Ctrl-C after warm-up ends them early."""
        with stopping.ending_early(meter.stop_with_draws), status.showing(meter) as show:
            yield show
