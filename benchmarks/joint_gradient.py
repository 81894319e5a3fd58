"""What the joint density's gradient costs: by hand, and by automatic differentiation.

    python benchmarks/joint_gradient.py

Prints a table and writes it to benchmarks/results/joint_gradient.md.
"""

import time
from collections.abc import Callable

import jax
import numpy as np
from result_tables import circumstances, keep

from hierpool.likelihood.compress import distinct
from hierpool.likelihood.histograms import Data
from hierpool.mcmc.ravel import Flat
from hierpool.mcmc.target import target_of
from hierpool.models.beta import PartialPooling
from hierpool.models.protocol import Position

jax.config.update("jax_enable_x64", True)
MODEL = PartialPooling()
STEPS, RUNS = 50, 7


def by_hand(data: Data) -> Callable[[Position], jax.Array]:
    """Returns the density that NUTS explores."""
    return target_of(MODEL, data).log_density


def automatic(data: Data) -> Callable[[Position], jax.Array]:
    """Returns the same density, from that of the position."""

    def density(standard: Position) -> jax.Array:
        position, log_jacobian = MODEL.unstandardize(standard, data)
        return MODEL.log_density(position, data) + log_jacobian

    return density


def seconds(density_of: Callable[[Data], Callable[[Position], jax.Array]], data: Data) -> float:
    """Returns the seconds of a gradient, the least of a few runs of a loop."""
    init = target_of(MODEL, data).init

    @jax.jit
    def many(data: Data, point: jax.Array) -> jax.Array:
        gradient = jax.grad(Flat(density_of(data), init).log_density)
        return jax.lax.fori_loop(0, STEPS, lambda _, x: x + 1e-9 * gradient(x), point)

    start = Flat(density_of(data), init).init(jax.random.key(0))
    jax.block_until_ready(many(data, start))
    spent = []
    for _ in range(RUNS):
        began = time.perf_counter()
        jax.block_until_ready(many(data, start))
        spent.append(time.perf_counter() - began)
    return min(spent) / STEPS


def main() -> None:
    """Prints and writes the table."""
    rows = ["| groups | automatic, us | by hand, us |", "|---|---|---|"]
    for size in (18, 300, 2000, 10_000, 100_000):
        rng = np.random.default_rng(0)
        trials = rng.integers(1, 631, size)
        data = MODEL.compress(distinct(rng.binomial(trials, rng.beta(20, 60, size)), trials))
        found = [1e6 * seconds(way, data) for way in (automatic, by_hand)]
        rows.append(f"| {size:,} | {found[0]:,.1f} | {found[1]:,.1f} |")
    print(*rows, sep="\n")
    keep("joint_gradient.md", [*rows, "", circumstances("jax", "numpy") + "."])


if __name__ == "__main__":
    main()
