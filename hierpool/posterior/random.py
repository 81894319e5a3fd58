"""Random draws in bulk by NumPy, in pieces and in threads: a tenth of the time that JAX takes.

Every piece has a generator of its own, so the draws depend on the seed alone, and not on how many
threads there are; NumPy releases the interpreter's lock while it draws.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

PIECE = 2**13
"""Values drawn at a time: temporaries stay within a cache, and within a megabyte a thread."""


def stream(seed: int, use: str, *part: int) -> np.random.SeedSequence:
    """Returns the seed of one use of random numbers, independent of every other use's.

    ``fit`` spawns its own from the same seed, with a number as the key: a name is none of those.

    Args:
        seed: the user's.
        use: what is drawn.
        part: which part of it, if it is drawn in several.
    """
    return np.random.SeedSequence(int(seed), spawn_key=(*use.encode(), *part))


def betas(
    seed: np.random.SeedSequence,
    alpha: np.ndarray,
    beta: np.ndarray,
    successes: np.ndarray,
    failures: np.ndarray,
) -> np.ndarray:
    """Returns (draw, group) draws from Beta(alpha + successes, beta + failures).

    Args:
        seed: of the draws; used once.
        alpha: (draw,) positive.
        beta: (draw,) positive.
        successes: (group,) what is added to ``alpha``.
        failures: (group,) what is added to ``beta``.
    """
    # NumPy refuses parameters that have underflowed to 0: out there theta is 0 or 1 for certain.
    alpha, beta = np.maximum(alpha, 1e-300), np.maximum(beta, 1e-300)
    theta = np.empty((len(alpha), len(successes)))

    def fill(rng: np.random.Generator, rows: slice, columns: slice) -> None:
        a = alpha[rows, None] + successes[columns]
        b = beta[rows, None] + failures[columns]
        theta[rows, columns] = rng.beta(a, b)

    _in_pieces(seed, theta.shape, fill)
    return theta


def binomials(seed: np.random.SeedSequence, trials: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Returns (draw, group) successes out of trials.

    Args:
        seed: of the draws; used once.
        trials: (group,) trials.
        theta: (draw, group) chances of success.
    """
    successes = np.empty(theta.shape, np.int64)

    def fill(rng: np.random.Generator, rows: slice, columns: slice) -> None:
        successes[rows, columns] = rng.binomial(trials[columns], theta[rows, columns])

    _in_pieces(seed, theta.shape, fill)
    return successes


def _in_pieces(
    seed: np.random.SeedSequence,
    shape: tuple[int, ...],
    fill: Callable[[np.random.Generator, slice, slice], None],
) -> None:
    """Calls ``fill`` for pieces that cover (draw, group), each with a generator of its own."""
    num_rows, num_columns = shape
    width = max(1, min(PIECE, num_columns))
    height = PIECE // width
    pieces = [
        (slice(row, row + height), slice(column, column + width))
        for row in range(0, num_rows, height)
        for column in range(0, num_columns, width)
    ]
    jobs = zip(seed.spawn(len(pieces)), pieces, strict=True)

    def work(job: tuple[np.random.SeedSequence, tuple[slice, slice]]) -> None:
        child, piece = job
        fill(np.random.default_rng(child), *piece)

    num_threads = min(os.cpu_count() or 1, len(pieces))
    if num_threads < 2:
        for job in jobs:
            work(job)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in pool.map(work, jobs):
            pass
