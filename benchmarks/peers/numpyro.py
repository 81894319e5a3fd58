"""NumPyro by ``MCMC.run``, and in its best case: one chain's run compiled once, mapped."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC
from numpyro.infer import NUTS as NumPyroNUTS

from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table

numpyro.enable_x64()


def model(successes: jax.Array, trials: jax.Array) -> None:
    """The joint model of a table."""
    phi = numpyro.sample("phi", dist.Uniform(0, 1))
    kappa_log = numpyro.sample("kappa_log", dist.Exponential(1.5))
    kappa = jnp.exp(kappa_log)
    with numpyro.plate("groups", trials.shape[0]):
        theta = numpyro.sample("theta", dist.Beta(phi * kappa, (1 - phi) * kappa))
        numpyro.sample("y", dist.Binomial(trials, theta), obs=successes)


def sampler(settings: Settings, num_chains: int, method: str) -> MCMC:
    """Returns NumPyro's driver of its NUTS."""
    return MCMC(
        NumPyroNUTS(model, target_accept_prob=settings.target_accept),
        num_warmup=settings.num_warmup,
        num_samples=settings.num_draws,
        num_chains=num_chains,
        chain_method=method,
        progress_bar=False,
        jit_model_args=True,
    )


class Plain:
    """``MCMC.run`` with a chain method. It traces and compiles anew at every call."""

    compiles = "always"

    def __init__(self, chain_method: str) -> None:
        self._method = chain_method

    def prepare(self, table: Table, settings: Settings) -> None:
        """Builds the driver."""
        # Before JAX is used for the first time, or it has no effect.
        if self._method == "parallel":
            numpyro.set_host_device_count(settings.num_chains)
        self._mcmc = sampler(settings, settings.num_chains, self._method)

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws."""
        started = time.perf_counter()
        self._mcmc.run(jax.random.key(seed), table.successes, table.trials)
        draws = jax.block_until_ready(self._mcmc.get_samples(group_by_chain=True))
        seconds = time.perf_counter() - started
        divergences = int(self._mcmc.get_extra_fields()["diverging"].sum())
        found = {name: np.asarray(leaf) for name, leaf in draws.items()}
        return Run(found, seconds, seconds, 0.0, None, divergences)


class CompiledOnce:
    """One chain's ``MCMC.run`` under ``jax.pmap``, a host device a chain, data as arguments."""

    compiles = "ahead"

    def prepare(self, table: Table, settings: Settings) -> None:
        """Compiles the program of a chain."""
        numpyro.set_host_device_count(settings.num_chains)
        self._num_chains = settings.num_chains

        def chain(key: jax.Array, successes: jax.Array, trials: jax.Array) -> Any:
            mcmc = sampler(settings, 1, "sequential")
            mcmc.run(key, successes, trials)
            return mcmc.get_samples(), mcmc.get_extra_fields()["diverging"]

        mapped = jax.pmap(chain, in_axes=(0, None, None))
        self._run = mapped.lower(self._keys(0), table.successes, table.trials).compile()

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws."""
        keys = self._keys(seed)
        started = time.perf_counter()
        draws, diverging = jax.block_until_ready(self._run(keys, table.successes, table.trials))
        found = {name: np.asarray(leaf) for name, leaf in draws.items()}
        seconds = time.perf_counter() - started
        return Run(found, seconds, seconds, 0.0, None, int(diverging.sum()))

    def _keys(self, seed: int) -> jax.Array:
        return jax.random.split(jax.random.key(seed), self._num_chains)
