"""Bars of progress on a terminal or in a notebook: one for each chain, or one for all."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from hierpool.mcmc.progress import Display, Meter, Progress
from hierpool.runtime.screen import size

MOST_BARS = 8
"""With more chains than this, or than the terminal has lines, one bar stands for all."""
Watch = Progress | Display | bool | None
"""What ``fit`` takes as ``progress``."""


def followed(progress: Watch) -> Progress | Display | None:
    """Returns what follows a run, given the ``progress`` of ``fit``: True stands for bars.

    Raises:
        TypeError: it is neither True, False, None nor a function.
    """
    if progress is None or isinstance(progress, bool):
        return Bars() if progress else None
    if not isinstance(progress, Display) and not callable(progress):
        raise TypeError(
            f"progress must be True, False or a function of three numbers, not {progress!r}."
        )
    return progress


class Bars:
    """Shows each chain as a bar: its phase, draws, time left, step size and divergences.

    Nothing is shown where standard error is neither a terminal nor a notebook's.

    Args:
        leave: whether the bars stay when the run has ended.
    """

    def __init__(self, *, leave: bool = True) -> None:
        self._leave = leave

    @contextmanager
    def showing(self, meter: Meter) -> Iterator[Callable[[], None]]:
        """Shows the run within the context; the function that it gives shows what is new."""
        kind, is_apart = _kind_of_bar()
        chains = np.arange(len(meter.steps))
        most = min(MOST_BARS, size(sys.stderr).lines - 1)
        is_apart = is_apart and 1 < len(chains) <= most
        rows = list(chains[:, None]) if is_apart else [chains]
        total = meter.num_warmup + meter.num_draws
        bars = [
            kind(total=total * len(row), desc=_phase(meter, row), bar_format="{desc} |{bar}|")
            for row in rows
        ]
        for bar in bars:
            # Bars of the caller's own stand above these, which must not fill the screen.
            bar.leave = self._leave and not getattr(bars[0], "pos", 0)

        def show() -> None:
            for bar, row in zip(bars, rows, strict=True):
                bar.n = int(meter.steps[row].sum())
                bar.set_description_str(_phase(meter, row), refresh=False)
                bar.bar_format = f"{{desc}} |{{bar}}| {_state(meter, row)}"
                # The last column is left free: a terminal may wrap a line that fills it.
                bar.ncols = size(sys.stderr).columns - 1
                bar.refresh()

        try:
            yield show
            show()
        finally:
            for bar in bars:
                bar.close()


def _phase(meter: Meter, row: np.ndarray) -> str:
    """Returns the name of some chains, their phase, and how far they are in it."""
    name = f"chain {row[0] + 1}" if len(row) == 1 else f"{len(row)} chains"
    steps = meter.steps[row]
    is_warming = steps.max() < meter.num_warmup
    length = meter.num_warmup if is_warming else meter.num_draws
    done = steps if is_warming else np.maximum(steps - meter.num_warmup, 0)
    phase = "warm-up" if is_warming else "stopping" if meter.is_stopped else "draws"
    total = str(length * len(row))
    return f"{name} {phase:<7} {done.sum():>{len(total)}}/{total}"


def _state(meter: Meter, row: np.ndarray) -> str:
    """Returns the time left, step size and divergences of some chains, once they are known."""
    done, total = meter.steps[row].sum(), len(row) * (meter.num_warmup + meter.num_draws)
    divergences = meter.divergences[row].sum()
    if not done:
        return ""
    # By the time of the last block and not by the present, or it would grow during a block.
    latest = meter.seen[row].max()
    left = (latest - meter.started) * (total - done) / done - (time.perf_counter() - latest)
    minutes, seconds = divmod(max(round(left), 0), 60)
    state = [f"{minutes}:{seconds:02} left"] if done < total else []
    state.append(f"step size {np.nanmean(meter.step_size[row]):.2g}")
    return ", ".join(state + [f"{divergences} divergent"] * bool(divergences))


def _kind_of_bar() -> tuple[Callable[..., Any], bool]:
    """Returns a constructor of bars, and whether several can be shown at a time."""
    # Imported late: most fits show none. tqdm.auto makes the same choice, but warns where a
    # notebook lacks ipywidgets, and imports asyncio.
    in_notebook = _in_notebook()
    if in_notebook and find_spec("ipywidgets"):
        from tqdm.notebook import tqdm
    else:
        from tqdm.std import tqdm
    # A class of our own: its lock is none that processes share, and it needs no thread that
    # redraws bars, since a run does so by itself.
    kind = type("Bar", (tqdm,), {"monitor_interval": 0, "_lock": threading.RLock()})

    def bar(**settings: Any) -> Any:
        # None: shown only if standard error is a terminal.
        disable = False if in_notebook else None
        columns, lines = size(sys.stderr)
        return kind(disable=disable, ncols=columns - 1, nrows=lines, **settings)

    can_move_up = tqdm.__module__ == "tqdm.notebook" or not (
        in_notebook or os.environ.get("TERM") == "dumb"
    )
    return bar, can_move_up


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config
