"""Runs NUTS from the host, in chunks of steps, so that a run can be watched and stopped.

By default every chain has its own thread. The thread that started the run waits for them, shows
their progress, and notices Ctrl-C. One compiled program serves every chunk, of warm-up or
of draws, any number of steps and any target acceptance: a second fit with the same number of groups
compiles nothing.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import register_namedtuple_serialization
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from hierpool.likelihood.histograms import Data
from hierpool.mcmc.nuts import NUTS, chain_key
from hierpool.mcmc.progress import LEAST_DRAWS, Chain, Display, Meter, Progress
from hierpool.mcmc.ravel import Flat
from hierpool.mcmc.schedule import START, Schedule, schedule
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import is_free, target_of
from hierpool.models.protocol import Model
from hierpool.runtime.jax_settings import as_configured
from hierpool.runtime.programs import BySize

CHUNK = (250, 2000)
"""Fewest and most steps in a chunk, after which the host regains control."""
CHUNK_VALUES = 2**16
"""Numbers in the positions of a chunk, within the bounds of ``CHUNK``."""
WAKE_SECONDS = 0.2
"""Longest time in seconds until Ctrl-C is noticed, and between two looks at the progress."""

Kept = list[tuple[np.ndarray, Stats]]
"""Positions (..., draw, dim) and ``Stats`` (..., draw) of the chunks of one chain, or of all."""


class Chunk(NamedTuple):
    """Some steps of a chain, or of all chains."""

    state: list[jax.Array]
    """The leaves of the state after the last step, the position (..., dim) first."""
    positions: jax.Array
    """(..., step, dim) positions of the model after each step."""
    stats: Stats
    """(..., step) statistics of each step."""


# So that its program can be kept.
register_namedtuple_serialization(Chunk, serialized_name="hierpool.Chunk")


class Chains:
    """The chains of one fit, compiled and at their starting points; ``run`` draws.

    Args:
        key: random key.
        model: the model to fit.
        data: one data set; compressed, if the model's density accepts that.
        nuts: the sampler's settings. "parallel" and "sequential" run the same compiled program,
            and give identical draws; "vectorized" rounds differently.
    """

    def __init__(self, key: jax.Array, model: Model, data: Data, nuts: NUTS) -> None:
        self._nuts = nuts
        self._steps = schedule(nuts.num_warmup, nuts.num_draws)
        is_batch = nuts.method == "vectorized"
        start, advance = _ALL_CHAINS if is_batch else _ONE_CHAIN
        # Copied to the device once, and not with every chunk.
        self._target = jax.device_put((model, data, key))
        self._chains = np.arange(nuts.num_chains)
        chain = self._chains if is_batch else self._chains[0]
        starting = start.of(*self._target, chain)
        self._start = partial(starting, *self._target)
        state = starting.result
        self._size = int(np.clip(CHUNK_VALUES // state[0].shape[-1], *CHUNK))
        nowhere = [np.zeros(leaf.shape, leaf.dtype) for leaf in state]
        self._advance = advance.of(
            *self._arguments(nowhere, chain, START, 0), max_tree_depth=nuts.max_tree_depth
        )
        # Compiled here: otherwise every chain's thread would compile it. Tracing runs Python code,
        # which only one thread can do at a time, so it comes first. XLA then compiles without
        # Python, beside the other thread.
        self._advance.lower()
        with ThreadPoolExecutor(1) as other:
            started = other.submit(as_configured(self._start), chain)
            self._advance.compile()
            started.result()
        jax.block_until_ready(self._chunk(nowhere, chain, START, 0))

    def run(self, progress: Progress | Display | None = None) -> tuple[np.ndarray, Stats]:
        """Returns positions (chain, draw, dim) and ``Stats`` (chain, draw), as NumPy arrays.

        A run that is stopped, by Ctrl-C or by ``Meter.stop``, ends with the current chunk of each
        chain, and returns the draws that every chain has. A second Ctrl-C does not wait for that.

        Args:
            progress: a function, called after every chunk, possibly from another thread, or a
                display. An exception that it raises is raised here, and every chain stops after its
                current chunk.

        Raises:
            KeyboardInterrupt: the run was stopped before every chain had ``LEAST_DRAWS`` draws.
        """
        display = progress if isinstance(progress, Display) else None
        meter = Meter(self._nuts, None if isinstance(progress, Display) else progress)
        is_batch = self._nuts.method == "vectorized"
        blocks: list[Chain] = [self._chains] if is_batch else list(self._chains)
        kept: list[Kept] = [[] for _ in blocks]
        drive = as_configured(partial(self._drive, meter=meter))
        pool = ThreadPoolExecutor(len(blocks) if self._nuts.method == "parallel" else 1)
        futures: list[Future[None]] = []
        with display.showing(meter) if display else nullcontext(_nothing) as show:
            try:
                futures += map(partial(pool.submit, drive), blocks, kept)
                _await(futures, show)
            except KeyboardInterrupt:
                meter.stop()
                # A second Ctrl-C leaves from here, and the threads end by themselves.
                while wait(futures, WAKE_SECONDS).not_done:
                    show()
            except BaseException:
                meter.stop()
                wait(futures)
                raise
            finally:
                pool.shutdown(wait=not wait(futures, 0).not_done)
        num_draws = min(sum(stats.lp.shape[-1] for _, stats in chunks) for chunks in kept)
        if meter.is_stopped and num_draws < LEAST_DRAWS:
            raise KeyboardInterrupt
        parts = [_joined(chunks, num_draws) for chunks in kept]
        if is_batch:
            return parts[0]
        columns = zip(*(stats for _, stats in parts), strict=True)
        positions = np.stack([chain_positions for chain_positions, _ in parts])
        return positions, Stats(*(np.stack(column) for column in columns))

    def _drive(self, chain: Chain, kept: Kept, meter: Meter) -> None:
        """Runs one chain, or all, and appends the draws of each chunk to ``kept``."""
        state = self._chunk(self._start(chain), chain, START, 1).state
        num_warmup, num_steps = self._nuts.num_warmup, self._nuts.num_warmup + self._nuts.num_draws
        for first in range(0, num_steps, self._size):
            if meter.is_stopped:
                break
            size = min(self._size, num_steps - first)
            run = self._chunk(state, chain, first, size)
            state = run.state
            rows = slice(max(num_warmup - first, 0), size)
            columns = Stats(*map(np.asarray, run.stats))
            stats = Stats(*(column[..., rows] for column in columns))
            if stats.lp.shape[-1]:
                kept.append((np.asarray(run.positions)[..., rows, :], stats))
            step_size = columns.step_size[..., size - 1]
            meter.add(chain, size, stats.diverging.sum(axis=-1), step_size)

    def _chunk(self, state: Sequence[Any], chain: Chain, first: int, size: int) -> Chunk:
        chunk: Chunk = self._advance(*self._arguments(state, chain, first, size))
        return chunk

    def _arguments(
        self, state: Sequence[Any], chain: Chain, first: int, size: int
    ) -> tuple[Any, ...]:
        # Every chunk has the same shape, so that one program serves them all.
        rows = slice(first - START, first - START + size)
        steps = Schedule(*(np.resize(column[rows], self._size) for column in self._steps))
        return *self._target, list(state), chain, first, steps, size, self._nuts.target_accept


def _nothing() -> None:
    """Shows nothing."""


def _joined(chunks: Kept, num_draws: int) -> tuple[np.ndarray, Stats]:
    """Returns the first draws of one chain, or of all, and empties the list of their chunks."""
    positions = np.concatenate([chunk_positions for chunk_positions, _ in chunks], axis=-2)
    columns = zip(*(stats for _, stats in chunks), strict=True)
    stats = Stats(*(np.concatenate(column, axis=-1)[..., :num_draws] for column in columns))
    # Their memory is needed for the copy that joins the chains.
    chunks.clear()
    return positions[..., :num_draws, :], stats


def _await(futures: list[Future[None]], show: Callable[[], None]) -> None:
    """Waits for every chain, and raises the first error of any."""
    pending = set(futures)
    while pending:
        # Wait for any chain and not for each in order, or an error in the last chain would be
        # raised only after the first one ended. Wake up regularly: the system may deliver Ctrl-C to
        # another thread, and Python raises it in this one only when it runs.
        done, pending = wait(pending, WAKE_SECONDS, FIRST_EXCEPTION)
        for future in done:
            future.result()
        show()


def _start_one(model: Model, data: Data, key: jax.Array, chain: ArrayLike) -> list[jax.Array]:
    # Imported late: BlackJAX takes as long to import as a small fit.
    from hierpool.mcmc.kernel import start

    # Only models that accept compressed data are given them.
    target = target_of(model, data)  # type: ignore[arg-type]
    init_key, _ = jax.random.split(chain_key(key, chain))
    position = target.init(init_key)
    free, _ = ravel_pytree(is_free(position, data))
    known, _ = ravel_pytree(target.known_variances(position))
    # Coordinates of padding rows start at 0, where their density is finite for every population.
    point = jnp.where(free, ravel_pytree(position)[0], 0)
    return jax.tree.leaves(start(point, jnp.where(free, known, 0)))


def _start_all(model: Model, data: Data, key: jax.Array, chains: ArrayLike) -> list[jax.Array]:
    return jax.vmap(partial(_start_one, model, data, key))(chains)


def _advance_one(
    model: Model,
    data: Data,
    key: jax.Array,
    state: list[jax.Array],
    chain: ArrayLike,
    first: ArrayLike,
    steps: Schedule,
    num_steps: ArrayLike,
    target_accept: ArrayLike,
    max_tree_depth: int,
) -> Chunk:
    # Imported late: BlackJAX takes as long to import as a small fit.
    from hierpool.mcmc.kernel import advance, start

    target = target_of(model, data)  # type: ignore[arg-type]
    flat = Flat(target.log_density, target.init)
    structure = jax.tree.structure(jax.eval_shape(start, state[0]))
    _, steps_key = jax.random.split(chain_key(key, chain))
    run = advance(
        flat.log_density,
        target_accept,
        max_tree_depth,
        jax.tree.unflatten(structure, state),
        steps_key,
        first,
        steps,
        num_steps,
        steps.stage.shape[0],
    )

    def to_position(point: jax.Array) -> jax.Array:
        return ravel_pytree(target.to_position(flat.unravel(point)))[0]

    return Chunk(jax.tree.leaves(run.state), jax.vmap(to_position)(run.positions), run.stats)


def _advance_all(
    model: Model,
    data: Data,
    key: jax.Array,
    state: list[jax.Array],
    chains: ArrayLike,
    first: ArrayLike,
    steps: Schedule,
    num_steps: ArrayLike,
    target_accept: ArrayLike,
    max_tree_depth: int,
) -> Chunk:
    def one(state: list[jax.Array], chain: ArrayLike) -> Chunk:
        return _advance_one(
            model, data, key, state, chain, first, steps, num_steps, target_accept, max_tree_depth
        )

    return jax.vmap(one)(state, chains)


_ONE_CHAIN = BySize(_start_one), BySize(_advance_one)
_ALL_CHAINS = BySize(_start_all), BySize(_advance_all)
