"""Plain BlackJAX as its tutorials show it: a dict position, and ``vmap`` over the chains."""

import time
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import stats

from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table

Position = dict[str, jax.Array]

jax.config.update("jax_enable_x64", True)


def log_density(position: Position, successes: jax.Array, trials: jax.Array) -> jax.Array:
    """Returns () the joint log density on the unconstrained space, by ``jax.scipy.stats``."""
    logit_phi, log_kappa_log = position["logit_phi"], position["log_kappa_log"]
    logit_theta = position["logit_theta"]
    phi, theta = jax.nn.sigmoid(logit_phi), jax.nn.sigmoid(logit_theta)
    kappa_log = jnp.exp(log_kappa_log)
    kappa = jnp.exp(kappa_log)
    log_theta, log_not_theta = jax.nn.log_sigmoid(logit_theta), jax.nn.log_sigmoid(-logit_theta)
    prior = (
        stats.expon.logpdf(kappa_log, scale=1 / 1.5)
        + log_kappa_log
        + jax.nn.log_sigmoid(logit_phi)
        + jax.nn.log_sigmoid(-logit_phi)
    )
    population = stats.beta.logpdf(theta, phi * kappa, (1 - phi) * kappa)
    data = successes * log_theta + (trials - successes) * log_not_theta
    return prior + jnp.sum(population + log_theta + log_not_theta + data)


class BlackJAX:
    """Window adaptation and NUTS, each one compiled program over all chains."""

    compiles = "ahead"

    def prepare(self, table: Table, settings: Settings) -> None:
        """Compiles the warm-up and the loop of draws."""
        num_chains, num_draws = settings.num_chains, settings.num_draws
        self._shape = (num_chains, len(table.trials))

        def density(successes: jax.Array, trials: jax.Array) -> Any:
            return lambda position: log_density(position, successes, trials)

        def warm_up(keys: jax.Array, starts: Position, *data: jax.Array) -> Any:
            adaptation = blackjax.window_adaptation(
                blackjax.nuts, density(*data), target_acceptance_rate=settings.target_accept
            )

            def chain(key: jax.Array, start: Position) -> Any:
                (state, parameters), _ = adaptation.run(key, start, settings.num_warmup)
                return state, parameters

            return jax.vmap(chain)(keys, starts)

        def draw(key: jax.Array, states: Any, parameters: Any, *data: jax.Array) -> Any:
            kernel = blackjax.nuts.build_kernel()

            def chain_step(key: jax.Array, state: Any, parameters: Any) -> Any:
                return kernel(key, state, density(*data), **parameters)

            def step(states: Any, key: jax.Array) -> Any:
                keys = jax.random.split(key, num_chains)
                states, infos = jax.vmap(chain_step)(keys, states, parameters)
                return states, (states.position, infos.is_divergent)

            _, (positions, diverging) = jax.lax.scan(step, states, jax.random.split(key, num_draws))
            draws = {
                "phi": jax.nn.sigmoid(positions["logit_phi"]),
                "kappa_log": jnp.exp(positions["log_kappa_log"]),
                "theta": jax.nn.sigmoid(positions["logit_theta"]),
            }
            return {name: leaf.swapaxes(0, 1) for name, leaf in draws.items()}, diverging

        data = data_of(table)
        keys, starts = self._begin(0)
        self._warm_up = jax.jit(warm_up).lower(keys, starts, *data).compile()
        states, parameters = jax.eval_shape(warm_up, keys, starts, *data)
        self._draw = jax.jit(draw).lower(keys[0], states, parameters, *data).compile()

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws."""
        keys, starts = self._begin(seed)
        key = jax.random.fold_in(jax.random.key(seed), 1)
        data = data_of(table)
        started = time.perf_counter()
        states, parameters = jax.block_until_ready(self._warm_up(keys, starts, *data))
        warmup = time.perf_counter() - started
        draws, diverging = self._draw(key, states, parameters, *data)
        found = {name: np.asarray(leaf) for name, leaf in draws.items()}
        seconds = time.perf_counter() - started
        return Run(found, seconds, seconds, 0.0, warmup, int(diverging.sum()))

    def _begin(self, seed: int) -> tuple[jax.Array, Position]:
        """Returns a key and a start of each chain, uniform on (-2, 2) as Stan's."""
        keys = jax.random.split(jax.random.key(seed), self._shape[0])

        def start(key: jax.Array) -> Position:
            values = jax.random.uniform(key, (self._shape[1] + 2,), float, -2, 2)
            return {
                "logit_phi": values[0],
                "log_kappa_log": values[1],
                "logit_theta": values[2:],
            }

        return keys, jax.vmap(start)(keys)


def data_of(table: Table) -> tuple[jax.Array, jax.Array]:
    """Returns successes and trials, (group,) each, on the device."""
    return jnp.asarray(table.successes), jnp.asarray(table.trials)
