"""The density of the rates in the coordinates that NUTS explores, and its gradient."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import close, on_device

from hierpool.counts import Counts
from hierpool.likelihood import explored_rates
from hierpool.likelihood.explored_rates import BLOCK, explored_density, observed
from hierpool.likelihood.histograms import Data
from hierpool.mcmc.target import target_of
from hierpool.models.beta import PartialPooling
from hierpool.models.protocol import Position

MODEL = PartialPooling(kappa_log_rate=0.7, phi_alpha=2.0, phi_beta=3.0)
RNG = np.random.default_rng(4)


def drawn(trials: np.ndarray) -> Counts:
    return Counts(RNG.binomial(trials, RNG.beta(2, 6, trials.size)), trials)


TABLES = {
    "small": drawn(RNG.integers(0, 50, 40)),
    "no success": Counts(np.zeros(20, int), np.full(20, 20)),
    "no failure": Counts(np.full(20, 20), np.full(20, 20)),
    "mixed": drawn(10 ** RNG.integers(0, 9, 30)),
    "blocks": drawn(RNG.integers(0, 600, 4 * BLOCK)),
}


def by_the_other_way(data: Data) -> Callable[[Position], jax.Array]:
    """Returns the density from that of the position, to be differentiated automatically."""

    def density(standard: Position) -> jax.Array:
        position, log_jacobian = MODEL.unstandardize(standard, data)
        return MODEL.log_density(position, data) + log_jacobian

    return density


def point(num_groups: int, z_kappa: float, z_phi: float) -> Position:
    dtype = jnp.result_type(float)
    z_theta = np.random.default_rng(0).normal(size=num_groups)
    return {
        "z_kappa": jnp.asarray(z_kappa * np.sqrt(1 + 1.5 * num_groups), dtype),
        "z_phi": jnp.asarray(z_phi, dtype),
        "z_theta": jnp.asarray(z_theta, dtype),
    }


@cache
def both_ways(name: str, precision: str = "float64") -> tuple[Callable[..., Any], ...]:
    """Returns the density and its gradient, ours and by the other way."""
    counts = on_device(TABLES[name])
    assert counts.trials.dtype.itemsize == np.dtype(precision).itemsize
    densities = target_of(MODEL, counts).log_density, by_the_other_way(counts)
    ours, other = (jax.jit(jax.value_and_grad(density)) for density in densities)
    return ours, other


# kappa from 1.14 to e^20.
@pytest.mark.parametrize("z_kappa", [-2, -0.5, 0.2, 1, 1.6, 3])
@pytest.mark.parametrize("name", TABLES)
def test_it_is_the_density_of_the_position_and_its_gradient(
    name: str, z_kappa: float, double: None
) -> None:
    counts = TABLES[name]
    found, wanted = both_ways(name)
    for z_phi in (0.3, -2.0):
        at = point(counts.trials.size, z_kappa, z_phi)
        (value, slope), (true_value, true_slope) = found(at), wanted(at)
        close(value, true_value, relative=1e-11, absolute=1e-9)
        for leaf in slope:
            close(slope[leaf], true_slope[leaf], relative=1e-8, absolute=1e-8)


@pytest.mark.parametrize("name", TABLES)
def test_it_keeps_as_many_digits_in_float32_as_the_density_of_the_position(name: str) -> None:
    counts = TABLES[name]
    for z_kappa in (-2, 0.2, 1.6):
        at = point(counts.trials.size, z_kappa, 0.3)
        found, other = (jax.tree.map(np.asarray, way(at)[1]) for way in both_ways(name, "float32"))
        with jax.enable_x64(True):
            wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), at)
            _, wanted = jax.tree.map(np.asarray, both_ways(name)[1](wide))
        for leaf in found:
            assert found[leaf].dtype == "float32"
            scale = 1 + np.abs(wanted[leaf])
            error, others = (np.max(np.abs(g[leaf] - wanted[leaf]) / scale) for g in (found, other))
            assert error < 3 * others + 1e-5


def test_blocks_add_up_to_the_whole(double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = TABLES["blocks"]
    data = observed(counts, 1.0)
    z_theta = point(counts.trials.size, 0, 0)["z_theta"]

    def value_and_slopes() -> object:
        at = jnp.asarray(3.0), jnp.asarray(9.0), jnp.log(jnp.asarray(1 / 3)), z_theta, data
        return jax.value_and_grad(explored_density, (0, 1, 3))(*at)

    in_blocks = value_and_slopes()
    monkeypatch.setattr(explored_rates, "BLOCK", 3 * BLOCK)
    whole = value_and_slopes()
    for found, wanted in zip(*map(jax.tree.leaves, (in_blocks, whole)), strict=True):
        close(found, wanted, relative=1e-12, absolute=1e-12)


def test_a_row_counts_as_often_as_its_weight(double: None) -> None:
    counts = TABLES["small"]
    z_theta = point(40, 0, 0)["z_theta"]
    at = jnp.asarray(3.0), jnp.asarray(9.0), jnp.log(jnp.asarray(1 / 3))
    weight = np.arange(40) % 3
    once = [
        explored_density(*at, z[None], observed(Counts(y[None], n[None]), 1.0))
        for z, y, n in zip(z_theta, *map(np.asarray, counts), strict=True)
    ]
    close(
        explored_density(*at, z_theta, observed(counts, weight)),
        weight @ np.array(once),
        relative=1e-12,
    )


@pytest.mark.parametrize("logit_phi", [-700.0, -40.0, 40.0, 700.0])
def test_it_is_finite_where_phi_is_within_rounding_of_0_or_1(
    logit_phi: float, double: None
) -> None:
    counts = Counts(np.array([0, 0, 3, 5]), np.array([0, 5, 5, 5]))
    for kappa in (1.0, 1e12):
        a, b = kappa * jax.nn.sigmoid(logit_phi), kappa * jax.nn.sigmoid(-logit_phi)
        found = jax.value_and_grad(explored_density, (0, 1, 3))(
            a, b, jnp.asarray(logit_phi), jnp.asarray([0.3, -2.0, 0.0, 1.0]), observed(counts, 1.0)
        )
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))
