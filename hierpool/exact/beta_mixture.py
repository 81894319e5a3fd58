"""Moments and quantiles of each group's theta, given a grid over the population.

Given phi and kappa, theta is Beta(phi kappa + y, (1 - phi) kappa + n - y), so its posterior is a
mixture of Betas over the grid. Its moments follow in closed form from phi's moments in each row,
where kappa is constant. Its quantiles are those of a mixture of fewer Betas.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.arrays import exp, indices_of_largest, is_on_host, namespace, sigmoid
from hierpool.counts import Counts
from hierpool.exact.grid import Grid
from hierpool.exact.mixture_quantiles import beta_mixture_quantiles
from hierpool.models.beta_population import BetaPopulation
from hierpool.runtime.jax_settings import platform

BATCH, BATCH_ON_ACCELERATOR = 128, 8192
"""Groups whose quantiles are solved together, at most, on a processor and on an accelerator."""
LEAST_POINTS = 48
"""Points at which the density of a group is computed, at least: enough for ends of intervals that
are within 5e-5 in probability."""


class Rows(NamedTuple):
    """The population's posterior by rows of the grid; kappa is constant within a row."""

    weight: jax.Array
    """(row,) posterior probability."""
    kappa: jax.Array
    """(row,) population concentration."""
    phi_mean: jax.Array
    """(row,) mean of phi given kappa."""
    phi_var: jax.Array
    """(row,) variance of phi given kappa."""


class Parts(NamedTuple):
    """Each row divided into parts, by nodes and by bumps: every field has an entry for each."""

    node_weight: jax.Array
    """Probability of a node, given the row."""
    node: jax.Array
    """phi of the node."""
    other_node: jax.Array
    """1 - phi of the node."""
    bump_weight: jax.Array
    """Probability under a smooth bump around the node; the bumps of a row add up to 1."""
    bump_mean: jax.Array
    """Mean of phi under the bump."""
    other_bump_mean: jax.Array
    """Mean of 1 - phi under the bump."""
    bump_var: jax.Array
    """Variance of phi under the bump."""


class Moments(NamedTuple):
    """Moments of each group's theta."""

    mean: jax.Array
    """(group,) posterior mean."""
    sd: jax.Array
    """(group,) posterior standard deviation."""
    shrinkage: jax.Array
    """(group,) posterior mean of kappa / (kappa + n), the weight of the population in the mean."""


def rows_of(model: BetaPopulation, grid: Grid) -> Rows:
    """Returns the posterior of a model's population by rows of a grid."""
    phi = sigmoid(grid.positions["logit_phi"])
    weight = grid.weight.sum(axis=1)
    share = _share(grid.weight)
    mean = (share * phi).sum(axis=1)
    var = (share * (phi - mean[:, None]) ** 2).sum(axis=1)
    # kappa is constant along a row.
    first = jax.tree.map(lambda leaf: leaf[:, 0], grid.positions)
    return Rows(weight, exp(model.log_kappa(first)), mean, var)


class Components(NamedTuple):
    """What the quantiles of a group need from a grid: every field of both is (component,)."""

    rows: Rows
    """The row of each component."""
    parts: Parts
    """The component, a part of its row."""


class Mixture(NamedTuple):
    """What the posteriors of groups need from a grid over their population."""

    rows: Rows
    """From which moments are computed."""
    components: Components | None
    """From which quantiles are computed; ``None`` if none are asked for."""
    thinned_error: jax.Array
    """() the error of quantiles that comes of every other row and node being left out."""

    @property
    def num_points(self) -> int:
        """The number of points at which the density of a group is computed.

        There are as many as the grid has rows, so that twice the nodes of an integration that did
        not converge make its intervals finer too.
        """
        return max(LEAST_POINTS, self.rows.weight.shape[-1])


def mixture_of(model: BetaPopulation, grid: Grid, *, has_quantiles: bool = True) -> Mixture:
    """Returns what the posteriors of a model's groups need from a grid."""
    components = components_of(model, grid) if has_quantiles else None
    return Mixture(rows_of(model, grid), components, grid.thinned_error)


def components_of(model: BetaPopulation, grid: Grid) -> Components:
    """Returns the parts of a grid's rows from which quantiles are computed."""
    # A distribution function is much smoother in kappa than the posterior, so every other row is
    # enough; ``grid.thinned_error`` is the error of that. The outermost rows hold almost no mass,
    # and would cost as much as the others. Fewer are left out where kappa is large, since there
    # may be a second peak or a long tail.
    num_rows = grid.weight.shape[0]
    every = slice(num_rows // 8, num_rows - num_rows // 24, 2)
    positions, weight = jax.tree.map(lambda leaf: leaf[every], (grid.positions, grid.weight))
    rows = rows_of(model, grid._replace(positions=positions, weight=weight / weight.sum()))
    parts = _parts(positions["logit_phi"], weight)
    xp = namespace(weight)
    share = rows.weight[:, None] * xp.maximum(parts.node_weight, parts.bump_weight)
    # All but 1e-5 of the probability is in two thirds of them. The rest counts as an error.
    kept = indices_of_largest(share.ravel(), 2 * share.size // 3)

    def of_kept(leaf: jax.Array) -> jax.Array:
        return xp.broadcast_to(leaf.reshape(share.shape[0], -1), share.shape).ravel()[kept]

    return jax.tree.map(of_kept, Components(rows, parts))


def moments(rows: Rows, counts: Counts) -> Moments:
    """Returns the mean, sd and shrinkage of each group's theta.

    Args:
        rows: the population's posterior.
        counts: successes out of trials, (group,) each.
    """
    y, _, n = counts.as_floats(rows.kappa.dtype, namespace(rows.kappa))
    return moments_of(rows, y, n)


def moments_of(rows: Rows, y: jax.Array, n: jax.Array) -> Moments:
    """Returns the moments of groups with y successes out of n trials, (...,) each."""
    y, n = y[..., None], n[..., None]
    share, kappa = _shrinkage(rows.kappa, n), rows.kappa
    means = share * rows.phi_mean + y / (kappa + n)
    between = share * share * rows.phi_var
    variances = between + (means * (1 - means) - between) / (kappa + n + 1)
    weight = rows.weight
    mean = (weight * means).sum(axis=-1)
    variance = (weight * (variances + (means - mean[..., None]) ** 2)).sum(axis=-1)
    return Moments(mean, namespace(variance).sqrt(variance), (weight * share).sum(axis=-1))


def quantiles(
    mixture: Mixture, counts: Counts, levels: jax.Array, num_points: int | None = None
) -> tuple[jax.Array, jax.Array]:
    """Returns (group, level) quantiles of each group's theta, and (group,) their error.

    The error is in probability: that of the mixture's total probability, plus that of the rows,
    nodes and parts that are left out.

    Args:
        mixture: what they need from a grid; it has components.
        counts: successes out of trials, (group,) each.
        levels: (level,) probabilities.
        num_points: points at which the density of a group is computed; by default the mixture's.
    """
    num_points = mixture.num_points if num_points is None else num_points

    def of_block(pairs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        assert mixture.components is not None
        return quantiles_of(mixture.components, *pairs, levels, num_points)

    weight = mixture.rows.weight
    y, _, n = counts.as_floats(weight.dtype, namespace(weight))
    ends, error = over_groups(of_block, (y, n))
    return ends, error + mixture.thinned_error


def over_groups[T, Result](function: Callable[[T], Result], groups: T) -> Result:
    """Returns the results of a function for all groups, in blocks that suit the platform.

    Args:
        function: of a block of groups, over which it broadcasts: not of one, so that it can leave
            out what no group of a block needs.
        groups: the groups, each leaf (group, ...).
    """
    leaves = jax.tree.leaves(groups)
    size = leaves[0].shape[0]
    if is_on_host(*leaves):
        parts = [
            function(jax.tree.map(lambda leaf: leaf[i : i + BATCH], groups))  # noqa: B023
            for i in range(0, size, BATCH)
        ]
        whole: Result = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
        return whole
    height = BATCH if platform() == "cpu" else BATCH_ON_ACCELERATOR
    num_blocks = (size + height - 1) // height
    if isinstance(size, int):
        # An exported program takes any number of groups, and has full blocks.
        num_blocks = max(num_blocks, 1)
        height = (size + num_blocks - 1) // num_blocks

    # All blocks are of one size, so that the function is compiled once: the last has groups of 0
    # trials, which are dropped.
    def blocks(leaf: jax.Array) -> jax.Array:
        fill = ((0, num_blocks * height - size), *[(0, 0)] * (leaf.ndim - 1))
        return jnp.pad(leaf, fill).reshape(num_blocks, height, *leaf.shape[1:])

    results = jax.lax.map(function, jax.tree.map(blocks, groups))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:size], results)


def quantiles_of(
    of: Components, y: jax.Array, n: jax.Array, levels: jax.Array, num_points: int
) -> tuple[jax.Array, jax.Array]:
    """Returns (..., level) quantiles of groups' theta, and (...,) their error."""
    xp, (rows, parts) = namespace(of.rows.weight, y), of
    y, n = y[..., None], n[..., None]
    share, rest = _shrinkage(rows.kappa, n), rows.kappa + n
    middle = share * rows.phi_mean + y / rest
    within = middle * (1 - middle) / (rest + 1)
    # Where the Betas are narrower than the distance between nodes, their mixture would have a
    # false peak at every node. There a Beta with the mean and variance of the bump around the node
    # takes the place of the Beta at the node.
    is_narrow = within < 0.8 * share**2 * rows.phi_var
    mean = share * xp.where(is_narrow, parts.bump_mean, parts.node) + y / rest
    # Not 1 - mean, which loses its digits where the mean is nearly 1.
    other = share * xp.where(is_narrow, parts.other_bump_mean, parts.other_node) + (n - y) / rest
    between = xp.where(is_narrow, share**2 * parts.bump_var, 0)
    variance = between + (mean * other - between) / (rest + 1)
    total = mean * other / variance - 1
    weight = rows.weight * xp.where(is_narrow, parts.bump_weight, parts.node_weight)
    kept = weight.sum(axis=-1)
    weight = weight / kept[..., None]
    ends, error = beta_mixture_quantiles(weight, mean, other, total, levels, num_points)
    return ends, error + xp.abs(1 - kept)


def _parts(logit_phi: jax.Array, weight: jax.Array) -> Parts:
    """Returns the parts, (row, part), of rows divided at every other node.

    Args:
        logit_phi: (row, node) log-odds of phi.
        weight: (row, node) probabilities.
    """
    phi, other = sigmoid(logit_phi), sigmoid(-logit_phi)
    size = phi.shape[1]
    node_weight = _share(weight[:, ::2])
    # Normal bumps that overlap and add up to 1 at every node: parts with sharp boundaries would
    # show as steps in the mixture of Betas.
    centres = np.arange(0, size, 2)
    bumps = np.exp(-0.5 * ((np.arange(size) - centres[:, None]) / 1.4) ** 2)
    pieces = weight[:, None, :] * (bumps / bumps.sum(axis=0)).astype(phi.dtype)
    share = _share(pieces)
    mean = (share * phi[:, None, :]).sum(axis=-1)
    other_mean = (share * other[:, None, :]).sum(axis=-1)
    var = (share * (phi[:, None, :] - mean[..., None]) ** 2).sum(axis=-1)
    bump_weight = _share(pieces.sum(axis=-1))
    return Parts(node_weight, phi[:, ::2], other[:, ::2], bump_weight, mean, other_mean, var)


def _share(weight: jax.Array) -> jax.Array:
    """Returns weights divided by their sum along the last axis; equal weights where it is 0."""
    xp, total = namespace(weight), weight.sum(axis=-1, keepdims=True)
    return xp.where(total > 0, weight / xp.where(total > 0, total, 1), 1 / weight.shape[-1])


def _shrinkage(kappa: jax.Array, n: jax.Array) -> jax.Array:
    return kappa / (kappa + n)
