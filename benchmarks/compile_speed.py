"""What XLA's optimization level costs and gains: seconds to compile a program, and to run it.

Prints a table of processor time and writes it to benchmarks/results/compile_speed.md. Level 0 is
that of programs that do little (``hierpool.runtime.programs.COMPILED_SOON``).
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from result_tables import circumstances, keep

import hierpool as hp
from hierpool.exact.beta_mixture import mixture_of
from hierpool.exact.posterior import explore, of_groups, of_population
from hierpool.likelihood.compress import compress, distinct
from hierpool.runtime.programs import COMPILED_SOON

RUNS = 15
LEVELS: dict[str, dict[str, Any]] = {"usual": {}, "level 0": COMPILED_SOON}


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[..., Any], list[float]]:
    """Returns the program, and for each level the seconds to compile it and to run it."""
    figures = []
    for options in LEVELS.values():
        lowered = jax.jit(function).lower(*arguments)
        started = time.process_time()
        program = lowered.compile(options)
        compiling = time.process_time() - started
        jax.block_until_ready(program(*arguments))
        running = []
        for _ in range(RUNS):
            started = time.process_time()
            jax.block_until_ready(program(*arguments))
            running.append(time.process_time() - started)
        figures += [compiling, min(running)]
    return program, figures


def main() -> None:
    """Measures, and writes the table."""
    # What was compiled before would cost nothing.
    jax.config.update("jax_enable_compilation_cache", False)
    jax.config.update("jax_enable_x64", True)
    frame = hp.load_dataset("efron-morris-75")
    y, n = frame["hits"].to_numpy(), frame["at_bats"].to_numpy()
    model, settings, counts = hp.CollapsedPartialPooling(), hp.Quadrature(), hp.Counts(y, n)
    data = compress(distinct(y, n))
    rows = []
    integrate, figures = timed(lambda data: explore(model, data, settings), data)
    rows.append(("integration of the population", figures))
    grid = integrate(data)

    def population(grid: Any, data: Any) -> Any:
        mixture = mixture_of(model, grid)
        return of_population(model, grid, mixture, data, 0.89), mixture

    intervals, figures = timed(population, grid, data)
    rows.append(("intervals of the population", figures))
    mixtures = jax.tree.map(lambda leaf: leaf[None], intervals(grid, data)[1])
    which = jnp.asarray(np.zeros(len(y), int))
    _, figures = timed(lambda mixtures: of_groups(mixtures, which, counts, 0.89), mixtures)
    rows.append(("intervals of 18 groups", figures))
    nuts = hp.NUTS(num_chains=1, num_warmup=500, num_draws=500)
    _, figures = timed(
        lambda key: hp.sample(key, hp.PartialPooling(), counts, nuts).parameters["phi"],
        jax.random.key(0),
    )
    rows.append(("joint NUTS, a chain of 500 + 500", figures))
    lines = [
        "# Compiling and running",
        "",
        f"Processor time; {circumstances('jax', 'jaxlib')}.",
        "",
        "| program | compiling, s | running, ms | level 0: compiling, s | running, ms |",
        "|---|---|---|---|---|",
    ]
    for name, (compiling, running, soon, slow) in rows:
        cells = f"{compiling:.2f} | {1e3 * running:.2f} | {soon:.2f} | {1e3 * slow:.2f}"
        lines.append(f"| {name} | {cells} |")
    keep("compile_speed.md", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
