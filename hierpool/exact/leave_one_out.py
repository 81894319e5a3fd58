"""Exact leave-one-group-out log predictive densities (elpd) of a model, and its evidence.

Both have closed forms under complete and no pooling. Under partial pooling the posterior of the
population is a grid of weights w_g, and leaving group i out divides each of them by p(y_i | g):

    1 / p(y_i | y_-i) = sum over g of w_g / p(y_i | g)

This is exact if the grid still fits the new weights. If it does not, since the group had moved the
posterior far, the population is integrated again without the group.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from hierpool.arrays import is_on_host, logsumexp, namespace, quietly
from hierpool.counts import Counts
from hierpool.exact.at_once import is_at_once, seconds_of
from hierpool.exact.grid import Grid
from hierpool.exact.posterior import explore
from hierpool.exact.quadrature import EDGE, Quadrature
from hierpool.exact.refining import refined
from hierpool.input.table import InputError
from hierpool.likelihood.binomial import beta_binomial, reference
from hierpool.likelihood.compress import (
    Distinct,
    log_coefficient,
    padded_pairs,
    power_of_two,
    tally,
)
from hierpool.likelihood.histograms import Data, Pairs
from hierpool.models.pooling import CompletePooling, NoPooling
from hierpool.models.protocol import Collapsible, Compressible, Model, Position
from hierpool.runtime.jax_settings import platform, scope
from hierpool.runtime.programs import COMPILED_SOON, BySize

MOST_PAIRS = 4096
"""With more distinct (y, n) than this, a Beta population is integrated from histograms."""
FEWEST, MOST = 64, 512
"""Least and largest number of distinct (y, n) in one call: shorter tables are padded, so that most
share one compiled program."""


class LeftOut(NamedTuple):
    """How well a model predicts each group from the others, and its evidence."""

    elpd: np.ndarray
    """(distinct,) log probability of each distinct (y, n) given all other groups."""
    log_evidence: float
    """Log probability of the data, binomial coefficients included."""
    error: float
    """Estimated error of the log evidence; 0 in closed form."""
    converged: bool
    """Whether the integration converged; True in closed form."""
    num_refitted: int
    """Number of distinct (y, n) for which the population was integrated again without the group."""


def collapsed(model: Any) -> Model:
    """Returns the model with the same posterior that has theta integrated out.

    Raises:
        InputError: the model is not one of hierpool's.
    """
    if not isinstance(model, Collapsible):
        raise InputError(
            f"{type(model).__name__} is not one of hierpool's models, so that it has no "
            "leave-one-group-out score."
        )
    return model.collapsed()


def leave_one_out(model: Model, pairs: Distinct, quadrature: Quadrature) -> LeftOut:
    """Returns the exact elpd and evidence of a model, in float64.

    Args:
        model: one of hierpool's models.
        pairs: the distinct (y, n) of a data set.
        quadrature: settings of the integration; if it does not converge, it is repeated with twice
            the nodes.
    """
    model = collapsed(model)
    if isinstance(model, CompletePooling):
        return _complete(model, pairs)
    if isinstance(model, NoPooling):
        a, b = (np.broadcast_to(x, len(pairs.trials)) for x in model.theta_prior({}))
        elpd = _log_beta_binomial(a, b, pairs.successes, pairs.trials)
        return LeftOut(elpd, float(pairs.groups @ elpd), 0.0, True, 0)
    with scope():
        return _by_quadrature(model, pairs, quadrature)


def _complete(model: CompletePooling, pairs: Distinct) -> LeftOut:
    y, n, groups = pairs.successes, pairs.trials, pairs.groups
    a, b = float(np.asarray(model.phi_alpha)), float(np.asarray(model.phi_beta))
    total_y, total_n = groups @ y, groups @ n
    # The last entry is all trials as one group.
    elpd = _log_beta_binomial(
        np.append(a + (total_y - y), a),
        np.append(b + (total_n - total_y) - (n - y), b),
        np.append(y, total_y),
        np.append(n, total_n),
    )
    as_one = elpd[-1] - log_coefficient(np.array([float(total_y)]), np.array([float(total_n)]))[0]
    of_groups = groups @ log_coefficient(y.astype(float), n.astype(float))
    return LeftOut(elpd[:-1], float(as_one + of_groups), 0.0, True, 0)


@quietly
def _log_beta_binomial(a: Any, b: Any, y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Returns (pair,) log probabilities of y successes of n trials, where theta ~ Beta(a, b)."""
    # Each pair is a data set of one group.
    alone = Counts(y[:, None], n[:, None])
    with scope():
        given = beta_binomial(np.log(a) - np.log(b), a + b, alone) + reference(alone)
    return np.asarray(given)[:, 0]


def _by_quadrature(model: Any, pairs: Distinct, quadrature: Quadrature) -> LeftOut:
    # All hyperparameters become float arrays: JAX would compile again for each other type.
    model = jax.tree.map(lambda leaf: np.asarray(leaf, float), model)
    num_pairs, are_many = len(pairs.trials), len(pairs.trials) > MOST_PAIRS

    def integrate(settings: Quadrature, _: Any) -> tuple[Grid, Pairs, _Steps]:
        steps = _steps_for(model, 1 if are_many else num_pairs, num_pairs, settings)
        length = num_pairs if steps is _AT_ONCE else max(FEWEST, power_of_two(num_pairs))
        whole = padded_pairs(pairs, length)
        is_compressed = are_many and isinstance(model, Compressible)
        data: Data = model.compress(pairs) if is_compressed else whole
        return steps.integrate(model, data, quadrature=settings), whole, steps

    (grid, whole, steps), quadrature = refined(
        integrate, quadrature, lambda found: bool(found[0].converged)
    )
    size = min(MOST, len(np.asarray(whole.groups)))
    parts = []
    for start in range(0, num_pairs, size):
        some = Distinct(*(x[start : start + size] for x in pairs))
        counts = padded_pairs(some, size).counts
        parts.append(jax.tree.map(np.asarray, steps.leave_out(model, grid, counts)))
    elpd, own, gap, edge = (
        np.concatenate(columns)[:num_pairs] for columns in zip(*parts, strict=True)
    )
    is_exact = (gap < quadrature.tolerance) & (edge < EDGE) & np.isfinite(elpd)
    (doubtful,) = np.nonzero(~is_exact & (pairs.trials > 0))
    for i in doubtful:
        groups = np.array(whole.groups)
        groups[i] -= 1
        without = steps.integrate(model, Pairs(whole.counts, groups), quadrature=quadrature)
        elpd[i] = float(grid.log_evidence - without.log_evidence) + own[i]
    return LeftOut(
        np.where(pairs.trials > 0, elpd, 0.0),
        float(grid.log_evidence) + tally(pairs).reference,
        float(grid.error),
        bool(grid.converged),
        len(doubtful),
    )


@quietly
def _integrate(model: Model, data: Data, *, quadrature: Quadrature) -> Grid:
    return explore(model, data, quadrature)


@quietly
def _leave_out(
    model: Any, grid: Grid, counts: Counts
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Returns (pair,) log densities given the others, ``reference``, and two measures of error.

    These are the estimated error of the grid without the group, and the mass on its edges.
    """

    def given(position: Position) -> jax.Array:
        # ``constrain`` draws theta too, but XLA removes it, since it is not used.
        parameters = model.constrain(jax.random.key(0), position, counts)
        others = {name: value for name, value in parameters.items() if name != "theta"}
        return model.log_likelihood(others, counts)

    if is_on_host(grid.weight):
        likelihoods = model.log_likelihood(model.population(grid.positions), counts)
    else:
        # One row at a time: the nodes of the logit model's integrals, all at once, would fill the
        # memory.
        likelihoods = jax.lax.map(jax.vmap(given), grid.positions)
    xp = namespace(grid.weight)
    logs = xp.log(grid.weight)[..., None] - likelihoods
    total = logsumexp(logs, axis=(0, 1))
    share = xp.exp(logs - total)
    # The same rule with every other row or node, as ``Quadrature`` estimates its own error.
    halves = xp.stack([share[::2].sum(axis=(0, 1)), share[:, ::2].sum(axis=(0, 1))])
    gap = xp.max(xp.abs(xp.log(2 * halves)), axis=0) ** 2
    rows, columns = share[0].sum(axis=0) + share[-1].sum(axis=0), share[:, 0] + share[:, -1]
    return -total, reference(counts), gap, xp.maximum(rows, columns.sum(axis=0))


class _Steps(NamedTuple):
    integrate: Callable[..., Grid]
    leave_out: Callable[..., tuple[jax.Array, jax.Array, jax.Array, jax.Array]]


_AT_ONCE = _Steps(_integrate, _leave_out)
_SOON, _FAST = (
    _Steps(*(BySize(step, options) for step in _AT_ONCE)) for options in (COMPILED_SOON, None)
)


def _steps_for(model: Model, num_rows: int, num_pairs: int, quadrature: Quadrature) -> _Steps:
    # What is left out of every node's weight takes about as long as what the density reads.
    seconds = seconds_of(quadrature, num_rows=num_rows + num_pairs)
    if is_at_once("leave_one_out", model, seconds):
        return _AT_ONCE
    return _SOON if num_pairs <= FEWEST and platform() == "cpu" else _FAST
