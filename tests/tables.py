"""Tables of counts that many tests use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hierpool.counts import Counts
from hierpool.datasets import load_dataset

EXACT = json.loads((Path(__file__).parent / "exact.json").read_text())


def _counts(name: str, successes: str, trials: str) -> Counts:
    frame = load_dataset(name)
    return Counts(frame[successes].to_numpy(), frame[trials].to_numpy())


PLAYERS = _counts("efron-morris-75", "hits", "at_bats")
WITH_ROOKIE = Counts(np.append(PLAYERS.successes, 0), np.append(PLAYERS.trials, 4))
RATS = _counts("rat-tumors", "tumors", "rats")
HOSPITALS = _counts("surgical-mortality", "deaths", "operations")

TABLES = {
    "efron-morris-75": PLAYERS,
    "efron-morris-75 with a 0-for-4 player": WITH_ROOKIE,
    "rat-tumors": RATS,
    "surgical-mortality": HOSPITALS,
}


def close(got: object, want: object, *, relative: float, absolute: float = 0.0) -> None:
    """Fails unless every number agrees."""
    np.testing.assert_allclose(
        np.asarray(got, float), np.asarray(want, float), rtol=relative, atol=absolute
    )


def tolerance(precision: str, *, float64: float, float32: float) -> float:
    """Returns the tolerance of a precision."""
    return {"float64": float64, "float32": float32}[precision]


def batched(function: Callable[..., Any], in_axes: Any = 0) -> Callable[..., Any]:
    """Returns a function over a batch, compiled: op by op, the tests would take minutes."""
    return jax.jit(jax.vmap(function, in_axes))
