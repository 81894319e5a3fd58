import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import compiled
from tables import PLAYERS, close, on_device

from hierpool.mcmc import chains
from hierpool.mcmc.chains import Chains, Chunk
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.progress import Chain, Meter
from hierpool.mcmc.target import target_of
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.models.protocol import Position

MODEL = CollapsedPartialPooling()
LONGEST = chains.CHUNK[1]


def run(method: str, **settings: int) -> tuple[np.ndarray, object]:
    nuts = NUTS(
        chain_method=method, **({"num_chains": 3, "num_warmup": 60, "num_draws": 40} | settings)
    )
    return Chains(jax.random.key(0), MODEL, PLAYERS, nuts).run()


def test_threads_and_turns_give_the_same_draws_to_the_bit(precision: str) -> None:
    in_threads, in_turn = run("parallel"), run("sequential")
    jax.tree.map(np.testing.assert_array_equal, in_threads, in_turn)
    assert in_threads[0].dtype == precision
    assert in_threads[0].shape == (3, 40, 2)


def test_the_batched_program_agrees_in_law(double: None) -> None:
    settings = {"num_warmup": 300, "num_draws": 1000}
    in_threads, batched = run("parallel", **settings)[0], run("vectorized", **settings)[0]
    assert batched.shape == in_threads.shape
    spread = in_threads.std(axis=(0, 1))
    # At least 400 effective draws each.
    apart = np.abs(in_threads.mean(axis=(0, 1)) - batched.mean(axis=(0, 1)))
    assert np.all(apart < 5 * spread * np.sqrt(2 / 400))


@pytest.mark.parametrize(
    ("num_warmup", "num_draws"),
    [(0, 10), (LONGEST - 1, 1), (LONGEST, LONGEST), (LONGEST + 1, 2 * LONGEST - 1)],
)
def test_chunks_fit_any_number_of_steps(num_warmup: int, num_draws: int) -> None:
    positions, stats = run("parallel", num_warmup=num_warmup, num_draws=num_draws)
    assert positions.shape == (3, num_draws, 2)
    assert all(column.shape == (3, num_draws) for column in stats)
    assert np.all(np.isfinite(positions)) and np.all(stats.step_size > 0)


def test_the_size_of_a_chunk_changes_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    want = run("parallel")
    monkeypatch.setattr(chains, "CHUNK", (7, 7))
    jax.tree.map(np.testing.assert_array_equal, run("parallel"), want)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Wall:
    """Half of a normal density, off whose edge many trajectories run."""

    def init(self, key: jax.Array, data: object) -> Position:
        return {"x": jnp.full((), -1.0)}

    def log_density(self, position: Position, data: object) -> jax.Array:
        x = position["x"]
        return jnp.where(x > 0, -jnp.inf, -0.5 * x**2)


@pytest.mark.parametrize("method", ["parallel", "vectorized"])
def test_the_last_progress_tells_every_step_and_every_divergence(method: str) -> None:
    seen: list[tuple[int, int, int]] = []
    nuts = NUTS(3, num_warmup=300, num_draws=2 * LONGEST, chain_method=method)
    sampler = Chains(jax.random.key(0), Wall(), PLAYERS, nuts)
    _, stats = sampler.run(lambda *state: seen.append(state))
    done, total, divergences = zip(*seen, strict=True)
    assert len(seen) > 2 and list(done) == sorted(done)
    assert done[-1] == 3 * (300 + 2 * LONGEST) and set(total) == {done[-1]}
    assert divergences[-1] == stats.diverging.sum() > 0
    assert list(divergences) == sorted(divergences)


LONG = NUTS(num_chains=2, num_warmup=1000, num_draws=1_000_000)
"""It ends in time only if it is stopped."""


@pytest.mark.parametrize("woken", ["any thread", "a chain's thread"])
def test_a_real_interrupt_returns_the_draws_that_every_chain_has(woken: str) -> None:
    before, seen = threading.active_count(), []

    def interrupt(done: int, total: int, divergences: int) -> None:
        if not seen:
            # As Ctrl-C does: to the process, whose main thread waits for the chains. Which thread
            # the system wakes is its choice.
            if woken == "any thread":
                os.kill(os.getpid(), signal.SIGINT)
            else:
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        seen.append(done / total)

    sampler = Chains(jax.random.key(0), MODEL, PLAYERS, LONG)
    positions, stats = sampler.run(interrupt)
    assert seen[-1] < 0.5
    # Each chain ended a chunk, of which warm-up takes the first half.
    num_draws = positions.shape[1]
    assert num_draws >= LONGEST - 1000 and (num_draws + 1000) % LONGEST == 0
    assert positions.shape == (2, num_draws, 2) and stats.step_size.shape == (2, num_draws)
    # They are the first draws of the run that would have ended by itself.
    whole = Chains(jax.random.key(0), MODEL, PLAYERS, replace(LONG, num_draws=num_draws)).run()
    jax.tree.map(np.testing.assert_array_equal, (positions, stats), whole)
    assert threading.active_count() <= before


@pytest.mark.parametrize("method", ["parallel", "sequential", "vectorized"])
def test_an_interrupt_during_warmup_returns_nothing(method: str) -> None:
    nuts = NUTS(3, num_warmup=5 * LONGEST, num_draws=1_000_000, chain_method=method)
    sampler = Chains(jax.random.key(0), MODEL, PLAYERS, nuts)
    seen: list[int] = []

    def stop(done: int, total: int, divergences: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampler.run(stop)
    assert len(seen) == 1


def test_a_second_interrupt_does_not_wait_for_the_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "WAKE_SECONDS", 1e-3)
    begun, may_end = threading.Semaphore(0), threading.Event()

    class Held(Chains):
        """Each chain's first chunk of draws does not end before the test says so."""

        def _chunk(self, state: Sequence[Any], chain: Chain, first: int, size: int) -> Chunk:
            if first == 0:
                begun.release()
                may_end.wait()
            return super()._chunk(state, chain, first, size)

    class Impatient:
        """Presses Ctrl-C once both chains draw, and again while they are waited for."""

        pressed = 0

        @contextmanager
        def showing(self, meter: Meter) -> Iterator[Callable[[], None]]:
            def press() -> None:
                if self.pressed or (begun.acquire() and begun.acquire()):
                    self.pressed += 1
                    raise KeyboardInterrupt

            self.meter = meter
            yield press

    display = Impatient()
    sampler = Held(jax.random.key(0), MODEL, PLAYERS, replace(LONG, num_warmup=0))
    with pytest.raises(KeyboardInterrupt):
        sampler.run(display)
    assert display.pressed == 2 and display.meter.steps.sum() == 0
    may_end.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join()
    # Both ended the chunk that they had begun, and began no other.
    assert set(display.meter.steps) == {LONGEST}


class Drawn:
    """A display that keeps what it was shown, and ends the run after so many steps."""

    def __init__(self, last: float = np.inf) -> None:
        self.last, self.shown = last, 0

    @contextmanager
    def showing(self, meter: Meter) -> Iterator[Callable[[], None]]:
        def show() -> None:
            self.shown += 1
            if meter.steps.min() >= self.last:
                meter.stop_with_draws()

        self.meter = meter
        yield show


@pytest.mark.parametrize("method", ["parallel", "sequential", "vectorized"])
def test_a_display_sees_each_chains_steps_divergences_and_step_size(method: str) -> None:
    nuts = NUTS(3, num_warmup=300, num_draws=LONGEST, target_accept=0.2, chain_method=method)
    display = Drawn()
    _, stats = Chains(jax.random.key(0), MODEL, PLAYERS, nuts).run(display)
    meter = display.meter
    assert display.shown > 0 and not meter.is_stopped
    assert list(meter.steps) == [300 + LONGEST] * 3
    np.testing.assert_array_equal(meter.divergences, stats.diverging.sum(axis=1))
    np.testing.assert_array_equal(meter.step_size, stats.step_size[:, -1])


def test_a_run_that_is_asked_to_stop_keeps_draws_and_is_not_asked_without_them() -> None:
    display = Drawn(last=LONGEST)
    positions, _ = Chains(jax.random.key(0), MODEL, PLAYERS, LONG).run(display)
    assert display.meter.is_stopped and 4 <= positions.shape[1] < LONG.num_draws
    fresh = Meter(LONG)
    fresh.steps[:] = [1004, 1003]
    assert not fresh.stop_with_draws() and not fresh.is_stopped
    fresh.steps[:] = 1004
    assert fresh.stop_with_draws() and fresh.is_stopped


@pytest.mark.parametrize("chain", [0, 1])
def test_what_progress_raises_in_any_chain_ends_all_of_them(chain: int) -> None:
    seen: list[float] = []

    def fail(done: int, total: int, divergences: int) -> None:
        seen.append(done / total)
        # A pool numbers its threads as it gives them their work.
        if threading.current_thread().name.endswith(f"_{chain}"):
            raise RuntimeError("no more")

    sampler = Chains(jax.random.key(0), MODEL, PLAYERS, LONG)
    with pytest.raises(RuntimeError, match="no more"):
        sampler.run(fail)
    assert seen[-1] < 0.5


def test_another_number_of_draws_or_target_compiles_nothing(double: None) -> None:
    Chains(jax.random.key(0), PartialPooling(), PLAYERS, NUTS(2, 10, 10)).run()
    key = jax.random.key(1)
    with compiled() as programs:
        Chains(key, PartialPooling(0.5), PLAYERS, NUTS(4, 300, 20, 0.95)).run()
    assert not programs


def test_the_hosts_chains_take_the_steps_of_the_pure_program(double: None) -> None:
    key = jax.random.key(8)
    sampler = NUTS(num_chains=2, num_warmup=5, num_draws=10)
    hosts, _ = Chains(key, MODEL, PLAYERS, sampler).run()
    target = target_of(MODEL, on_device(PLAYERS))
    points, _ = sampler.run(key, target)
    pure = jax.vmap(jax.vmap(target.to_position))(points)
    for i, name in enumerate(sorted(pure)):
        close(hosts[..., i], pure[name], relative=1e-6)
