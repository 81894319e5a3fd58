"""Tables of counts that many tests use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.counts import Counts
from hierpool.input.datasets import load_dataset
from hierpool.likelihood import binomial as likelihood

EXACT = json.loads((Path(__file__).parent / "exact.json").read_text())


def _counts(name: str, successes: str, trials: str) -> Counts:
    frame = load_dataset(name)
    return Counts(frame[successes].to_numpy(), frame[trials].to_numpy())


PLAYERS = _counts("efron-morris-75", "hits", "at_bats")
WITH_ROOKIE = Counts(np.append(PLAYERS.successes, 0), np.append(PLAYERS.trials, 4))
RATS = _counts("rat-tumors", "tumors", "rats")
HOSPITALS = _counts("surgical-mortality", "deaths", "operations")

CLICKS = Counts(np.array([125, 254, 89, 89, 184, 47, 98, 147]), np.full(8, 10**6))
"""Eight low rates: the posterior of the logit-normal population has a neck where they are alike."""

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


def on_device(counts: Counts) -> Counts:
    """Returns counts that a loop may close over.

    JAX 0.12 remembers a NumPy array that the body of a ``while_loop`` or a ``cond`` closed over in
    float64, and hands its 64 bits to programs of float32 ever after.
    """
    return Counts(*map(jnp.asarray, counts))


def _uneven(num_groups: int) -> Counts:
    """Returns simulated groups of 1 to 10^4 trials, most of them small."""
    rng = np.random.default_rng(1970)
    trials = np.exp(rng.uniform(0, np.log(10_001), num_groups)).astype(int)
    return Counts(rng.binomial(trials, rng.beta(0.27 * 60, 0.73 * 60, num_groups)), trials)


def _table(successes: list[int], trials: list[int]) -> Counts:
    return Counts(np.asarray(successes), np.asarray(trials))


# Where a posterior lies against a border, is very narrow, or says next to nothing.
HARD_TABLES = {
    "ten groups 0 of 20": _table([0] * 10, [20] * 10),
    "ten groups 20 of 20": _table([20] * 10, [20] * 10),
    "one group 3 of 10": _table([3], [10]),
    "three groups near 0.3 of a billion": _table(
        [300_000_000, 299_990_000, 300_020_000], [10**9] * 3
    ),
    "fifty groups 30 of 100": _table([30] * 50, [100] * 50),
    "players, two of them unseen": _table(
        [*PLAYERS.successes.tolist(), 0, 0], [*PLAYERS.trials.tolist(), 0, 0]
    ),
    "100,000 uneven groups": _uneven(100_000),
    "none and all of a million": _table([0, 10**6], [10**6] * 2),
}


def log_constant(counts: Counts) -> float:
    """Returns what densities leave out."""
    return float(likelihood.reference(counts).sum())
