"""The exact posterior where a position is two numbers: nested trapezoid rules around the mass.

The first number runs along rows; every row has nodes of its own in the second, around the peak of
its conditional. For a function that is smooth on the whole line the trapezoid rule converges
geometrically, so the rule with every other node tells what error is left. Nothing here knows a
model.

Source: Trefethen and Weideman (2014), "The Exponentially Convergent Trapezoidal Rule".
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from hierpool.grid import Grid, Position, draw
from hierpool.keywords import suggesting
from hierpool.placement import place

LogDensity = Callable[[Position], jax.Array]

NUM_STARTS = 8
EDGE = 1e-5
"""A grid that converged has no more of the mass than that on its edges."""


@suggesting
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Quadrature:
    """Exact integration over a position of two numbers, and independent draws from it."""

    num_chains: int = field(default=4, metadata={"static": True})
    """Chains that the draws are dealt into."""
    num_draws: int = field(default=1000, metadata={"static": True})
    """Draws of each chain. All are independent."""
    num_nodes: int = field(default=40, metadata={"static": True})
    """Rows. Each has half as many nodes: given the first number, the second is nearly normal."""
    tolerance: float = field(default=1e-6, metadata={"static": True})
    """Largest estimated error of a grid that counts as converged."""

    @property
    def finer(self) -> "Quadrature":
        """The same with twice the nodes, for what did not converge."""
        return replace(self, num_nodes=2 * self.num_nodes)

    def integrate(
        self, key: jax.Array, log_density: LogDensity, init: Callable[[jax.Array], Position]
    ) -> Grid:
        """Returns the posterior as weighted points.

        The log evidence may be differentiated with respect to what the density closes over, such
        as the parameters of a prior: the nodes are held where they are.

        Args:
            key: random key, for the starts of the search.
            log_density: log density of a position, a dict of two scalars.
            init: a start from a key.
        """
        starts = jax.vmap(init)(jax.random.split(key, NUM_STARTS))
        leaves: list[jax.Array] = jax.tree.leaves(starts)
        structure: Any = jax.tree.structure(starts)
        if len(leaves) != 2 or any(leaf.ndim != 1 for leaf in leaves):
            raise TypeError(
                "Quadrature explores a position of two numbers; this model's has "
                f"{sum(leaf.size for leaf in leaves) // NUM_STARTS}. Take NUTS, or a model with "
                "theta integrated out, such as CollapsedPartialPooling."
            )

        # Two scalars, and not one vector: what depends on the first alone is computed once a row.
        def pair_density(first: jax.Array, second: jax.Array) -> jax.Array:
            return log_density(structure.unflatten([first, second]))

        nodes = place(pair_density, leaves[0], leaves[1], self.num_nodes, self.num_nodes // 2)
        # Or each use of them, and of the values there, would be fused with its own computation.
        nodes = jax.lax.optimization_barrier(nodes)
        across = jax.vmap(pair_density, (None, 0))
        values = jax.vmap(across)(nodes.rows, nodes.columns)
        log_mass = jax.lax.optimization_barrier(values + nodes.log_cell)
        largest = jax.lax.stop_gradient(log_mass.max())
        mass = jnp.exp(log_mass - largest)
        total = mass.sum()
        log_evidence, weight = largest + jnp.log(total), mass / total
        first = jnp.broadcast_to(nodes.rows[:, None], nodes.columns.shape)
        error = _error(first, nodes.columns, weight)
        edge = jnp.maximum(weight[0].sum() + weight[-1].sum(), (weight[:, 0] + weight[:, -1]).sum())
        return Grid(
            structure.unflatten([first, nodes.columns]),
            weight,
            log_evidence,
            error,
            (error < self.tolerance) & (edge < EDGE) & jnp.isfinite(log_evidence),
            nodes.row_scale,
            nodes.column_scales,
        )

    def run(
        self, key: jax.Array, log_density: LogDensity, init: Callable[[jax.Array], Position]
    ) -> tuple[Position, None]:
        """Returns independent draws, each leaf (chain, draw). NaN if the grid did not converge."""
        place_key, draw_key = jax.random.split(key)
        grid = self.integrate(place_key, log_density, init)
        return draw(draw_key, grid, (self.num_chains, self.num_draws)), None


def _error(first: jax.Array, second: jax.Array, weight: jax.Array) -> jax.Array:
    """Returns what is left of the error, from the rules with every other row or node."""
    u, v = first - jnp.sum(weight * first), second - jnp.sum(weight * second)
    terms = weight * jnp.stack([jnp.ones_like(u), u, v, u * u, v * v])
    by_row = terms.sum(axis=2)
    log_mass, means, sds = _moments(by_row.sum(axis=1))

    def distance(sums: jax.Array) -> jax.Array:
        half_log_mass, half_means, half_sds = _moments(2 * sums)
        gaps = jnp.stack([(half_means - means) / sds, half_sds / sds - 1])
        return jnp.maximum(jnp.max(jnp.abs(gaps)), jnp.abs(half_log_mass - log_mass))

    every_other_node = terms[:, :, ::2].sum(axis=(1, 2))
    half = jnp.maximum(distance(by_row[:, ::2].sum(axis=1)), distance(every_other_node))
    # Geometric convergence: twice the nodes, the square of the error.
    return half * half


def _moments(sums: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns () log mass, (2,) means and sds, from (5,) the sums of 1, u, v, u u and v v."""
    means = sums[1:3] / sums[0]
    return jnp.log(sums[0]), means, jnp.sqrt(sums[3:] / sums[0] - means * means)
