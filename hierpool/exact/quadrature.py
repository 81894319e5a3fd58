"""The exact posterior of a position of two numbers, by nested trapezoid rules around the mass.

Every row has one value of the first number, and nodes of its own in the second, around the peak of
its conditional density. For a function that is smooth on the whole real line the trapezoid rule
converges geometrically, so the rule with every other node gives an estimate of the remaining error.
Nothing here depends on a particular model.

Source: Trefethen and Weideman (2014), "The Exponentially Convergent Trapezoidal Rule".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from hierpool.arrays import computed_once, is_on_host, namespace, stop_gradient
from hierpool.exact.chart import Chart, from_starts
from hierpool.exact.grid import Grid, draw
from hierpool.exact.nodes import Nodes, Start, place
from hierpool.models.protocol import Position
from hierpool.runtime.keywords import suggest_settings
from hierpool.runtime.settings import positive, setting, whole

LogDensity = Callable[[Position], jax.Array]

CAUTION_WITHIN_ROWS = 3.0
"""Safety factor of the error within rows, as estimated from the last doublings of the nodes."""
CAUTION = 30.0
"""Safety factor of the error over rows, as estimated from the last doublings of the rows."""
CAUTION_WITH_RIVAL = 300.0
"""The same factor where there is a second peak."""
AT_ONCE = 2**19
"""Nodes, times the rows of data that each reads, that are evaluated at once: some hundred MB."""
EDGE = 1e-5
"""Largest share of the mass on the edges of a grid that counts as converged."""


@suggest_settings
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Quadrature:
    """Exact integration over a position of two numbers, and independent draws from the posterior.

    It suits models with theta integrated out, as ``CollapsedPartialPooling``. All settings are
    static: a change of one compiles again.

    Args:
        num_chains: chains into which the draws are divided; at least 1.
        num_draws: draws in each chain; at least 4. All draws are independent.
        num_nodes: rows of the grid, at least 8. Each row has half as many nodes.
        tolerance: largest estimated error of a grid that counts as converged: of the log evidence,
            and of means and sds in units of the sd. Positive.

    Examples:
        >>> import hierpool as hp
        >>> tree = hp.fit(
        ...     "efron-morris-75",
        ...     "hits",
        ...     "at_bats",
        ...     group="player",
        ...     model="collapsed",
        ...     inference=hp.Quadrature(num_chains=2, num_draws=500),
        ... )
        >>> tree.posterior["theta"].shape, tree.attrs["quadrature_converged"]
        ((2, 500, 18), 1)
    """

    num_chains: int = setting(4, whole(1))
    num_draws: int = setting(1000, whole(4))
    num_nodes: int = setting(48, whole(8))
    tolerance: float = setting(1e-6, positive)

    @property
    def finer(self) -> "Quadrature":
        """The same with twice the nodes, for what did not converge."""
        return replace(self, num_nodes=2 * self.num_nodes)

    def integrate(self, chart: Chart) -> Grid:
        """Returns the posterior as weighted points.

        The log evidence may be differentiated with respect to what the density closes over, such
        as the parameters of a prior: the nodes are held where they are.

        Args:
            chart: the log density, and where to look for its peaks.
        """
        leaves: list[jax.Array] = jax.tree.leaves(chart.points)
        structure: Any = jax.tree.structure(chart.points)
        if len(leaves) != 2 or any(leaf.ndim != 1 for leaf in leaves):
            raise TypeError(
                "Quadrature explores a position of two numbers; this model's has "
                f"{sum(leaf[0].size for leaf in leaves)}. Take NUTS, or a model with "
                "theta integrated out, such as CollapsedPartialPooling."
            )

        # Two scalars, and not one vector: terms of the first number alone are computed once a row.
        def pair_density(first: jax.Array, second: jax.Array) -> jax.Array:
            return chart.log_density(structure.unflatten([first, second]))

        def pair_meaning(first: jax.Array, second: jax.Array) -> tuple[Position, Position]:
            position = chart.to_position(structure.unflatten([first, second]))
            return position, chart.reported(position)

        start = Start(leaves[0], leaves[1], chart.reach)
        nodes = place(pair_density, start, self.num_nodes, self.num_nodes // 2)
        xp, nodes = namespace(nodes.rows), computed_once(nodes)
        values = _over_nodes(pair_density, nodes, chart.size)
        log_mass = computed_once(values + nodes.log_cell)
        largest = stop_gradient(log_mass.max())
        mass = xp.exp(log_mass - largest)
        total = mass.sum()
        log_evidence, weight = largest + xp.log(total), mass / total
        first = xp.broadcast_to(nodes.rows[:, None], nodes.columns.shape)
        positions, reported = computed_once(_over_nodes(pair_meaning, nodes))
        points = structure.unflatten([first, nodes.columns])
        asked = xp.stack([first, nodes.columns, *jax.tree.leaves(reported)])
        error, thinned_error = _errors(asked, weight, nodes.has_rival)
        edge = xp.maximum(weight[0].sum() + weight[-1].sum(), (weight[:, 0] + weight[:, -1]).sum())
        is_sound = nodes.found & (edge < EDGE) & xp.isfinite(log_evidence)
        return Grid(
            points,
            positions,
            weight,
            log_evidence,
            error,
            thinned_error,
            (error < self.tolerance) & is_sound,
            nodes.row_scale,
            nodes.column_scales,
        )

    def run_chart(self, key: jax.Array, chart: Chart) -> Position:
        """Returns independent draws, each leaf (chain, draw). NaN if the grid did not converge."""
        grid, shape = self.integrate(chart), (self.num_chains, self.num_draws)
        uniform = jax.random.uniform(key, (2, math.prod(shape)), grid.weight.dtype)
        positions = jax.vmap(chart.to_position)(draw(uniform, grid))
        return jax.tree.map(lambda leaf: leaf.reshape(shape), positions)

    def run(
        self, key: jax.Array, log_density: LogDensity, init: Callable[[jax.Array], Position]
    ) -> tuple[Position, None]:
        """Returns independent draws from a density, given only a function for its starts.

        Args:
            key: random key.
            log_density: log density of a position, a dict of two scalars.
            init: returns a start from a key.
        """
        return self.run_chart(key, from_starts(log_density, init)), None


def _over_nodes[Result](function: Callable[..., Result], nodes: Nodes, size: int = 1) -> Result:
    """Returns the values of a function of two numbers at every node, each leaf (row, column).

    Args:
        function: of two scalars; on the host it broadcasts.
        nodes: where to evaluate it.
        size: how many rows of data one evaluation reads.
    """

    def over_row(of_row: tuple[jax.Array, jax.Array]) -> Result:
        return jax.vmap(function, (None, 0))(*of_row)

    num_rows, num_columns = nodes.columns.shape
    fitting = [part for part in range(1, num_rows + 1) if part * num_columns * size <= AT_ONCE]
    # Batches of one size: another for the rest would compile the function twice.
    height = max((part for part in fitting if num_rows % part == 0), default=1)
    if is_on_host(nodes.rows):
        shape = (height, num_columns)
        parts = [
            function(nodes.rows[i : i + height, None], nodes.columns[i : i + height])
            for i in range(0, num_rows, height)
        ]
        # What depends on the first number alone has one column.
        whole = [jax.tree.map(lambda leaf: np.broadcast_to(leaf, shape), part) for part in parts]
        result: Result = jax.tree.map(lambda *leaves: np.concatenate(leaves), *whole)
        return result
    points = nodes.rows, nodes.columns
    if height == num_rows:
        return jax.vmap(over_row)(points)
    return jax.lax.map(over_row, points, batch_size=height)


def _errors(
    asked: jax.Array, weight: jax.Array, has_rival: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns the estimated error of a grid, and that of the grid of every other row and node.

    Args:
        asked: (number, row, column) numbers whose means and sds must be exact.
        weight: (row, column) posterior probability.
        has_rival: () whether there is a second peak.
    """
    xp = namespace(weight)
    centred = asked - xp.sum(weight * asked, axis=(1, 2), keepdims=True)
    terms = weight * xp.concatenate([xp.ones_like(centred[:1]), centred, centred * centred])
    by_row = terms.sum(axis=2)
    log_mass, means, sds = _moments(by_row.sum(axis=1))

    def distance(sums: jax.Array, other: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        its_log_mass, its_means, its_sds = _moments(sums)
        other_log_mass, other_means, other_sds = other
        gaps = xp.stack([(its_means - other_means) / sds, (its_sds - other_sds) / sds])
        return xp.maximum(xp.max(xp.abs(gaps)), xp.abs(its_log_mass - other_log_mass))

    whole = log_mass, means, sds

    def errors(terms: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the error with every other term, and its ratio to that with every fourth."""
        half, quarter = 2 * terms[:, ::2].sum(axis=1), 4 * terms[:, ::4].sum(axis=1)
        of_half, of_quarter = distance(half, whole), distance(quarter, _moments(half))
        tiny = xp.finfo(of_half.dtype).tiny
        return of_half, xp.minimum(of_half / xp.maximum(of_quarter, tiny), 1)

    of_nodes, fall_of_nodes = errors(terms.sum(axis=1))
    of_rows, fall_of_rows = errors(by_row)
    # Geometric convergence: twice the nodes square the error, and square the ratio by which it
    # falls. That holds within a row, which has one peak. The profile over the rows may have
    # shoulders, which only many rows resolve, so there the error is not assumed to fall faster
    # than it was seen to fall.
    caution = xp.where(has_rival, CAUTION_WITH_RIVAL, CAUTION)
    of_nodes_left = CAUTION_WITHIN_ROWS * of_nodes * xp.minimum(of_nodes, fall_of_nodes**2)
    of_rows_left = caution * of_rows * xp.maximum(of_rows, fall_of_rows)
    return xp.maximum(of_nodes_left, of_rows_left), xp.maximum(of_nodes, of_rows)


def _moments(sums: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns () log mass, and (number,) means and sds.

    Args:
        sums: (1 + 2 number,) the mass, then first moments, then second moments.
    """
    size = sums.shape[0] // 2
    means = sums[1 : size + 1] / sums[0]
    xp = namespace(sums)
    return xp.log(sums[0]), means, xp.sqrt(sums[size + 1 :] / sums[0] - means * means)
