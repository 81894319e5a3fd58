"""What a grid over the population says of each group: moments and quantiles of its chance.

Given phi and kappa a group's chance is Beta(phi kappa + y, (1 - phi) kappa + n - y), so a
posteriori it is a mixture of Betas over the grid. Its moments follow in closed form from phi's
moments in each row, where kappa is one number. Its quantiles come from the mixture's density,
integrated on the logit scale, where it is smooth.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hierpool.counts import Counts
from hierpool.grid import Grid
from hierpool.population import concentration
from hierpool.special import log_beta
from hierpool.stretch import stretch

BATCH = 32
"""Groups whose quantiles are solved at once."""
FARTHEST = 60.0
"""Quantiles are sought between log-odds of minus and plus so much."""


class Population(NamedTuple):
    """The population's posterior in rows, in each of which kappa is one number."""

    weight: jax.Array
    """(row,) posterior probability."""
    kappa: jax.Array
    """(row,) population concentration."""
    phi_mean: jax.Array
    """(row,) mean of phi given kappa."""
    phi_var: jax.Array
    """(row,) its variance."""


class Parts(NamedTuple):
    """Each row cut into parts, in two ways: (row, part) each."""

    node_weight: jax.Array
    """Probability of a node, given the row."""
    node: jax.Array
    """phi of the node."""
    bump_weight: jax.Array
    """Probability under a smooth bump around the node; the bumps of a row add up to 1."""
    bump_mean: jax.Array
    """Mean of phi under the bump."""
    bump_var: jax.Array
    """Its variance."""


class Moments(NamedTuple):
    """Moments of each group's chance of success."""

    mean: jax.Array
    """(group,) posterior mean."""
    sd: jax.Array
    """(group,) posterior standard deviation."""
    shrinkage: jax.Array
    """(group,) posterior mean of kappa / (kappa + n), the weight of the population in the mean."""


def population(grid: Grid) -> Population:
    """Returns the rows of a grid over logit_phi and log_kappa_log."""
    phi = jax.nn.sigmoid(grid.positions["logit_phi"])
    weight = grid.weight.sum(axis=1)
    share = _share(grid.weight)
    mean = jnp.sum(share * phi, axis=1)
    var = jnp.sum(share * (phi - mean[:, None]) ** 2, axis=1)
    return Population(weight, concentration(grid.positions["log_kappa_log"][:, 0]), mean, var)


class Components(NamedTuple):
    """What the quantiles of a group ask of a grid."""

    rows: Population
    """Some of the grid's rows."""
    parts: Parts
    """Those rows, cut into parts."""


def components(grid: Grid) -> Components:
    """Returns a grid over logit_phi and log_kappa_log as quantiles take it."""
    # A distribution function is far smoother in kappa than the posterior: rows a good sd apart do.
    # The outermost ones hold some 1e-6 of the mass, and would cost as much as the others.
    size = grid.weight.shape[0]
    trim = max(size // 10, 1)
    every = slice(trim, -trim, max(size // 16, 1))
    positions, weight = jax.tree.map(lambda leaf: leaf[every], (grid.positions, grid.weight))
    rows = population(grid._replace(positions=positions, weight=weight / weight.sum()))
    return Components(rows, _parts(jax.nn.sigmoid(positions["logit_phi"]), weight))


def moments(population: Population, counts: Counts) -> Moments:
    """Returns mean and sd of each group's chance, and how far it is shrunk.

    Args:
        population: as ``population`` returns it.
        counts: successes out of trials, (group,) each.
    """
    y, _, n = counts.as_floats(population.kappa.dtype)
    return jax.vmap(moments_of_one, (None, 0, 0))(population, y, n)


def moments_of_one(population: Population, y: jax.Array, n: jax.Array) -> Moments:
    """Returns the moments of one group with y successes out of n trials, () each."""
    share, kappa = _shrinkage(population.kappa, n), population.kappa
    means = share * population.phi_mean + y / (kappa + n)
    between = share * share * population.phi_var
    variances = between + (means * (1 - means) - between) / (kappa + n + 1)
    mean = population.weight @ means
    variance = population.weight @ (variances + (means - mean) ** 2)
    return Moments(mean, jnp.sqrt(variance), population.weight @ share)


def quantiles(
    grid: Grid, counts: Counts, levels: jax.Array, num_nodes: int = 64
) -> tuple[jax.Array, jax.Array]:
    """Returns (group, level) quantiles of each group's chance, and (group,) their error.

    The error is that of the mixture's total probability.

    Args:
        grid: a grid over logit_phi and log_kappa_log.
        counts: successes out of trials, (group,) each.
        levels: (level,) probabilities.
        num_nodes: points at which the density of a group is computed.
    """
    of = components(grid)

    def one(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return quantiles_of_one(of, *pair, levels, num_nodes)

    y, _, n = counts.as_floats(grid.weight.dtype)
    # In batches, whose densities stay in a processor's cache.
    return jax.lax.map(one, (y, n), batch_size=BATCH)


def quantiles_of_one(
    of: Components, y: jax.Array, n: jax.Array, levels: jax.Array, num_nodes: int = 64
) -> tuple[jax.Array, jax.Array]:
    """Returns (level,) quantiles of one group's chance, and () their error."""
    rows, parts = of
    share, rest = _shrinkage(rows.kappa, n)[:, None], (rows.kappa + n)[:, None]
    middle = share[:, 0] * rows.phi_mean + y / rest[:, 0]
    within = middle * (1 - middle) / (rest[:, 0] + 1)
    # Betas narrower than the nodes are apart would show as a comb: there bumps stand for the
    # nodes, as Betas of the same mean and variance.
    is_narrow = (within < 0.8 * share[:, 0] ** 2 * rows.phi_var)[:, None]
    mean = share * jnp.where(is_narrow, parts.bump_mean, parts.node) + y / rest
    between = jnp.where(is_narrow, share**2 * parts.bump_var, 0)
    variance = between + (mean * (1 - mean) - between) / (rest + 1)
    total = mean * (1 - mean) / variance - 1
    inside = jnp.where(is_narrow, parts.bump_weight, parts.node_weight)
    weight = (rows.weight[:, None] * inside).ravel()
    a, b = (mean * total).ravel(), ((1 - mean) * total).ravel()
    return beta_mixture_quantiles(weight, a, b, levels, num_nodes)


def _parts(phi: jax.Array, weight: jax.Array) -> Parts:
    """Returns the rows cut at every other node, from phi and its weight, (row, node) each."""
    size = phi.shape[1]
    node_weight = _share(weight[:, ::2])
    # A partition of unity by normal bumps, so that no seam is seen where each becomes a Beta.
    centres = np.arange(0, size, 2)
    bumps = np.exp(-0.5 * ((np.arange(size) - centres[:, None]) / 1.4) ** 2)
    pieces = weight[:, None, :] * jnp.asarray(bumps / bumps.sum(axis=0), phi.dtype)
    share = _share(pieces)
    mean = jnp.sum(share * phi[:, None, :], axis=-1)
    var = jnp.sum(share * (phi[:, None, :] - mean[..., None]) ** 2, axis=-1)
    return Parts(node_weight, phi[:, ::2], _share(pieces.sum(axis=-1)), mean, var)


def _share(weight: jax.Array) -> jax.Array:
    """Returns weights over their sum along the last axis; equal ones where there is no weight."""
    total = weight.sum(axis=-1, keepdims=True)
    return jnp.where(total > 0, weight / jnp.where(total > 0, total, 1), 1 / weight.shape[-1])


def beta_mixture_quantiles(
    weight: jax.Array, a: jax.Array, b: jax.Array, levels: jax.Array, num_nodes: int
) -> tuple[jax.Array, jax.Array]:
    """Returns (level,) quantiles of a mixture of Betas, and the error of its total probability.

    Args:
        weight: (component,) probabilities.
        a: (component,) first parameters.
        b: (component,) second parameters.
        levels: (level,) probabilities.
        num_nodes: points at which the density is computed.
    """
    centre, spread = jnp.log(a) - jnp.log(b), jnp.sqrt(1 / a + 1 / b)
    matters = weight > 1e-9
    low = jnp.min(jnp.where(matters, centre - 5 * spread - 12 / a, jnp.inf))
    high = jnp.max(jnp.where(matters, centre + 5 * spread + 12 / b, -jnp.inf))
    low, high = jnp.clip(low, -FARTHEST, FARTHEST), jnp.clip(high, -FARTHEST, FARTHEST)
    middle = jnp.clip(weight @ centre, low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    width = jnp.exp(weight @ jnp.log(spread))
    scale = stretch(middle, width, middle - low, high - middle)

    t = jnp.linspace(-1, 1, num_nodes, dtype=a.dtype)
    x, dx = scale.with_slope(t)
    log_theta, log_rest = jax.nn.log_sigmoid(x), jax.nn.log_sigmoid(-x)
    constant = jnp.log(jnp.maximum(weight, 1e-30)) - log_beta(a, b)

    def parts(log_theta: jax.Array, log_rest: jax.Array) -> jax.Array:
        return jnp.exp(jnp.maximum(constant + a * log_theta + b * log_rest, -80))

    # One sum of exponentials and nothing else: XLA fuses the two, and stores none of them.
    step = t[1] - t[0]
    density = jax.vmap(parts, out_axes=1)(log_theta, log_rest).sum(axis=0) * dx * step
    slope, cells = _slopes_and_cells(density)
    # What lies below the first node, where theta is so small that only its power matters. As
    # products of vectors, whose exponentials are not computed one at a time.
    beyond = (1 / a) @ parts(log_theta[0], log_rest[0])
    above = (1 / b) @ parts(log_theta[-1], log_rest[-1])
    below = jnp.concatenate([beyond[None], beyond + jnp.cumsum(cells)])
    excess = below[-1] + above - 1

    def solve(level: jax.Array) -> jax.Array:
        # Upper quantiles are counted from above: an error in the lower tail is none of theirs.
        level = jnp.where(level > 0.5, level + excess, level)
        cell = jnp.clip(jnp.sum(below <= level) - 1, 0, num_nodes - 2)
        f0, f1 = below[cell], below[cell + 1]
        d0, d1 = density[cell], density[cell + 1]
        c0, c1 = slope[cell], slope[cell + 1]
        # Hermite's quintic through values, slopes and curvatures at both ends.
        rise = f1 - f0 - d0 - 0.5 * c0
        turn, bend = d1 - d0 - c0, c1 - c0
        p3 = 10 * rise - 4 * turn + 0.5 * bend
        p4 = -15 * rise + 7 * turn - bend
        p5 = 6 * rise - 3 * turn + 0.5 * bend

        def newton(_: int, s: jax.Array) -> jax.Array:
            value = f0 + s * (d0 + s * (0.5 * c0 + s * (p3 + s * (p4 + s * p5))))
            rate = d0 + s * (c0 + s * (3 * p3 + s * (4 * p4 + s * 5 * p5)))
            return jnp.clip(s - (value - level) / rate, 0, 1)

        s = jax.lax.fori_loop(0, 5, newton, jnp.clip((level - f0) / (f1 - f0), 0, 1))
        return jax.nn.sigmoid(scale.at(t[cell] + step * s))

    return jax.vmap(solve)(levels), jnp.abs(excess)


def _slopes_and_cells(values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns (node,) slopes of a function that vanishes at both ends, and (node - 1,) integrals.

    By the polynomials through the six or seven nearest nodes.
    """
    wide, size = jnp.pad(values, 3), values.size

    def shifted(step: int) -> jax.Array:
        return wide[3 + step : 3 + step + size]

    near, middle, far = (shifted(step) - shifted(-step) for step in (1, 2, 3))
    slopes = (45 * near - 9 * middle + far) / 60
    near, middle, far = (shifted(step) + shifted(1 - step) for step in (1, 2, 3))
    return slopes, ((802 * near - 93 * middle + 11 * far) / 1440)[:-1]


def _shrinkage(kappa: jax.Array, n: jax.Array) -> jax.Array:
    return kappa / (kappa + n)
