"""``NUTS``: the settings of the sampler, and its run as one pure function."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from hierpool.mcmc.ravel import Flat
from hierpool.mcmc.schedule import START, schedule
from hierpool.mcmc.stats import Stats
from hierpool.mcmc.target import Target
from hierpool.models.protocol import Position
from hierpool.runtime.jax_settings import platform
from hierpool.runtime.keywords import suggest_settings
from hierpool.runtime.settings import one_of, probability, setting, whole


@suggest_settings
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NUTS:
    """The No-U-Turn sampler with Stan's warm-up.

    ``target_accept`` is a leaf of the pytree, which may change without a new compilation; all other
    settings are static.

    Args:
        num_chains: independent chains; at least 1, and at least 2 to check convergence.
        num_warmup: steps in which each chain adapts its step size and mass matrix; they are
            discarded.
        num_draws: draws that each chain keeps; at least 4.
        target_accept: mean acceptance probability to which the step size is tuned, between 0 and 1.
            Nearer 1 gives smaller steps and fewer divergences.
        max_tree_depth: most doublings of a trajectory, which has at most 2 ** max_tree_depth
            leapfrog steps; at least 1.
        chain_method: "parallel", a host thread for each chain (``sample`` is one program, and runs
            it as "sequential"); "vectorized", one batched program, which suits an accelerator;
            "sequential", one chain after another; or None, "parallel" on a CPU and "vectorized"
            elsewhere.

    Examples:
        >>> import hierpool as hp
        >>> tree = hp.fit(
        ...     "efron-morris-75",
        ...     "hits",
        ...     "at_bats",
        ...     group="player",
        ...     model="collapsed",
        ...     inference=hp.NUTS(num_chains=2, num_draws=1500, target_accept=0.9),
        ... )
        >>> tree.posterior["theta"].shape
        (2, 1500, 18)
    """

    num_chains: int = setting(4, whole(1))
    num_warmup: int = setting(1000, whole(0))
    num_draws: int = setting(1000, whole(4))
    target_accept: ArrayLike = setting(0.8, probability, is_static=False)
    max_tree_depth: int = setting(10, whole(1))
    chain_method: str | None = setting(None, one_of(None, "parallel", "vectorized", "sequential"))

    def run(self, key: jax.Array, target: Target) -> tuple[Position, Stats]:
        """Returns positions, each leaf (chain, draw, ...), and ``Stats`` (chain, draw).

        Args:
            key: random key.
            target: the posterior to explore.
        """
        # Imported late: BlackJAX takes as long to import as a small fit.
        from hierpool.mcmc.kernel import advance, start

        flat = Flat(target.log_density, target.init)

        def run_chain(chain: jax.Array) -> tuple[jax.Array, Stats]:
            init_key, steps_key = jax.random.split(chain_key(key, chain))
            steps = schedule(self.num_warmup, self.num_draws)
            position = target.init(init_key)
            known, _ = ravel_pytree(target.known_variances(position))
            state = start(ravel_pytree(position)[0], known)
            moving = flat.log_density, self.target_accept, self.max_tree_depth
            length = len(steps.stage)
            run = advance(*moving, state, steps_key, START, steps, length, self.num_draws)
            return run.positions, run.stats

        chains = jnp.arange(self.num_chains)
        if self.method == "vectorized":
            positions, stats = jax.vmap(run_chain)(chains)
        else:
            # On a CPU a batch is slower: all its chains wait for the deepest tree, and XLA turns
            # its updates into scatters.
            positions, stats = jax.lax.map(run_chain, chains)
        return jax.vmap(jax.vmap(flat.unravel))(positions), stats

    @property
    def method(self) -> str:
        """How the chains run: ``chain_method``, or by default what suits the platform."""
        if self.chain_method is not None:
            return self.chain_method
        return "parallel" if platform() == "cpu" else "vectorized"


def chain_key(key: jax.Array, chain: ArrayLike) -> jax.Array:
    """Returns the key of a chain by its index; it does not depend on the number of chains."""
    return jax.random.fold_in(key, chain)
