"""What an accelerator is worth: every kind of work on it, and on the processors beside it.

    python benchmarks/accelerator.py                # all parts
    python benchmarks/accelerator.py --part chains --part sets

It runs where it finds itself, names the card, and checks every result against the exact posterior.
Writes benchmarks/results/accelerator-<card>.md; without a card, the name is "cpu". The parts are

    demo      the classic example, as `fit` chooses by itself and on either platform
    cross     from how many chains on an accelerator is faster
    chains    NUTS with many chains, in effective draws a second
    groups    joint NUTS with many groups
    integrate jit(vmap(integrate)) over data sets
    sets      estimate(by=) from a frame
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import bench_quality
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from result_tables import circumstances, keep

import hierpool as hp

PLAYERS = {"successes": "hits", "trials": "at_bats", "group": "player"}
MODELS = {"joint": hp.PartialPooling(), "collapsed": hp.CollapsedPartialPooling()}
BRIEF = {"num_warmup": 300, "num_draws": 300}
KEPT_CHAINS = 64
"""Chains of which the effective draws are counted; the others are taken to be worth as much."""
Row = dict[str, Any]


def seconds(function: Callable[[], Any], runs: int = 3) -> tuple[float, float, Any]:
    """Returns the seconds of the first call, the fewest of the later ones, and a result."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        result = jax.block_until_ready(function())
        times.append(time.perf_counter() - started)
    return times[0], min(times[1:]), result


def players() -> tuple[hp.Counts, dict[str, np.ndarray]]:
    """Returns the classic counts, and their exact means."""
    frame = hp.load_dataset("efron-morris-75")
    exact = hp.estimate(frame, **PLAYERS, prob=None)
    means = {
        "phi": exact.population["phi_mean"].to_numpy()[0],
        "kappa_log": exact.population["kappa_log_mean"].to_numpy()[0],
        "theta": exact.groups["mean"].to_numpy(),
    }
    return hp.Counts(frame["hits"].to_numpy(), frame["at_bats"].to_numpy()), means


def worth(draws: dict[str, Any], means: dict[str, np.ndarray]) -> bench_quality.Quality:
    """Returns what draws are worth, against the exact means; a few chains stand for all."""
    some = {name: np.asarray(draws[name][:KEPT_CHAINS], float) for name in means}
    return bench_quality.quality(some, means)


def demo(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields the seconds of the README's example, sampling alone."""
    frame = hp.load_dataset("efron-morris-75")
    nuts = partial(hp.NUTS, num_chains=2, num_warmup=2000, num_draws=2000, target_accept=0.95)
    ways: dict[str, tuple[Any, str | None]] = {"as fit chooses": (None, None)}
    ways |= {"processor": (jax.devices("cpu")[0], None)}
    if jax.default_backend() != "cpu":
        ways["accelerator"] = (None, "vectorized")
    for name, model in MODELS.items():
        for way, (device, method) in ways.items():
            fit = partial(hp.fit, frame, **PLAYERS, model=model)
            with jax.default_device(device):
                fit(inference=nuts(chain_method=method))
                tree = fit(inference=nuts(chain_method=method), seed=1)
            yield {
                "model": name,
                "where": way,
                "ran on": tree.attrs["platform"],
                "sampling, s": tree.attrs["sampling_time"],
            }


def cross(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields the seconds of sampling on either platform, for more and more chains."""
    frame = hp.load_dataset("efron-morris-75")
    for name, model in MODELS.items():
        for num_chains in [4, 16] if quick else [1024, 4096]:
            row: Row = {"model": name, "chains": num_chains}
            nuts = partial(hp.NUTS, num_chains=num_chains, num_warmup=300, num_draws=100)
            ways: list[tuple[str, Any, str]] = [
                (
                    "processor",
                    jax.devices("cpu")[0],
                    "parallel",
                )
            ]
            if jax.default_backend() != "cpu":
                ways.append(("accelerator", None, "vectorized"))
            for way, device, method in ways:
                fit = partial(hp.fit, frame, **PLAYERS, model=model, hyperparameters_only=True)
                with jax.default_device(device):
                    fit(inference=nuts(chain_method=method))
                    tree = fit(inference=nuts(chain_method=method), seed=1)
                row[f"{way}, s"] = tree.attrs["sampling_time"]
                row[f"compiling for the {way}, s"] = tree.attrs["compile_time"]
            yield row


def chains(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields effective draws a second of many chains, in either precision."""
    counts, means = players()
    numbers = [4, 16] if quick else [1024, 8192, 65536]
    for is_double in (True, False):
        for name, model in MODELS.items():
            for num_chains in numbers if is_double else numbers[1:2]:
                nuts = hp.NUTS(num_chains=num_chains, chain_method="vectorized", **BRIEF)
                with jax.enable_x64(is_double):
                    run = jax.jit(
                        lambda key, nuts=nuts, model=model: _parameters(key, model, counts, nuts)
                    )
                    first, least, draws = seconds(partial(run, jax.random.key(1)), 1)
                quality = worth(draws, means)
                effective = quality["ess"] * num_chains / min(num_chains, KEPT_CHAINS)
                yield {
                    "precision": "float64" if is_double else "float32",
                    "model": name,
                    "chains": num_chains,
                    "first call, s": first,
                    "second call, s": least,
                    "effective draws a second": effective / least,
                    "largest error, standard errors": quality["error"],
                }
                del draws


def _parameters(key: jax.Array, model: hp.Model, counts: hp.Counts, nuts: hp.NUTS) -> Any:
    drawn = hp.sample(key, model, counts, nuts).parameters
    return {name: drawn[name] for name in ("phi", "kappa_log", "theta")}


def groups(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields the seconds of joint NUTS, 2 chains of 200 + 100, with many groups."""
    numbers = [1000, 3000] if quick else [1000, 10_000, 100_000, 1_000_000]
    for is_double in (True, False):
        for num_groups in numbers if is_double else numbers[2:]:
            rng = np.random.default_rng(0)
            n = rng.integers(20, 100, num_groups)
            y = rng.binomial(n, rng.beta(20, 60, num_groups))
            nuts = hp.NUTS(num_chains=2, num_warmup=200, num_draws=100, chain_method="vectorized")
            with jax.enable_x64(is_double):
                data = hp.Counts(jnp.asarray(y), jnp.asarray(n))

                @jax.jit
                def run(key: jax.Array, data: hp.Counts, nuts: hp.NUTS = nuts) -> Any:
                    draws = hp.sample(key, hp.PartialPooling(), data, nuts)
                    some = {name: draws.parameters[name] for name in ("phi", "kappa_log")}
                    return some | {
                        "theta": draws.parameters["theta"][..., :50]
                    }, draws.stats.n_steps

                first, least, (draws, steps) = seconds(partial(run, jax.random.key(1), data), 1)
            exact = hp.estimate({"y": y, "n": n}, "y", "n", prob=None)
            means = {
                "phi": exact.population["phi_mean"].to_numpy()[0],
                "kappa_log": exact.population["kappa_log_mean"].to_numpy()[0],
                "theta": exact.groups["mean"].to_numpy()[:50],
            }
            quality = worth(draws, means)
            yield {
                "precision": "float64" if is_double else "float32",
                "groups": num_groups,
                "first call, s": first,
                "second call, s": least,
                "leapfrogs a draw": float(np.mean(steps)),
                "ms a leapfrog of the draws": 1000 * least / float(np.max(np.sum(steps, 1))) / 3,
                "fewest effective draws": quality["ess"],
                "largest error, standard errors": quality["error"],
            }


def _simulated(num_sets: int, num_groups: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    shape = (num_sets, num_groups)
    n = rng.integers(10, 60, shape)
    y = rng.binomial(n, rng.beta(8, 24, shape))
    return pd.DataFrame(
        {
            "set": np.repeat(np.arange(num_sets), num_groups),
            "group": np.tile(np.arange(num_groups), num_sets),
            "y": y.ravel(),
            "n": n.ravel(),
        }
    )


def integrate(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields data sets a second under jit(vmap(integrate)), 20 groups each."""
    model = hp.CollapsedPartialPooling()
    for num_sets in [10, 100] if quick else [10_000, 100_000]:
        frame = _simulated(num_sets)
        with jax.enable_x64(True):
            y, n = (jnp.asarray(frame[name].to_numpy().reshape(num_sets, -1)) for name in "yn")

            def whole(y: jax.Array, n: jax.Array) -> Any:
                return hp.integrate(model, hp.Counts(y, n))

            def moments(y: jax.Array, n: jax.Array) -> Any:
                exact = hp.integrate(model, hp.Counts(y, n))
                of = exact.population
                return of.phi_mean, of.kappa_log_mean, of.log_evidence, exact.groups.mean

            for name, one in (("all intervals", whole), ("moments", moments)):
                run = jax.jit(jax.vmap(one))
                first, least, result = seconds(lambda run=run, y=y, n=n: run(y, n))
                got = result.groups.mean if name == "all intervals" else result[3]
                yield {
                    "what": name,
                    "data sets": num_sets,
                    "first call, s": first,
                    "data sets a second": num_sets / least,
                    "largest error of a mean": _error_of_some(frame, np.asarray(got)),
                }


def sets(quick: bool) -> Iterator[Row]:  # noqa: FBT001
    """Yields data sets a second of estimate(by=), from a frame to two frames."""
    columns = {"successes": "y", "trials": "n", "group": "group", "by": "set"}
    for num_sets in [10, 100] if quick else [10_000, 100_000]:
        frame = _simulated(num_sets)
        for name, prob in (("all intervals", 0.89), ("moments", None)):
            ways = {"as estimate chooses": None, "processor": jax.devices("cpu")[0]}
            if jax.default_backend() == "cpu" or num_sets > 10_000:
                del ways["processor"]
            for way, device in ways.items():
                with jax.default_device(device):
                    run = partial(hp.estimate, frame, **columns, prob=prob)
                    first, least, result = seconds(run, 1 if num_sets > 10_000 else 2)
                got = result.groups["mean"].to_numpy().reshape(num_sets, -1)
                yield {
                    "what": name,
                    "data sets": num_sets,
                    "where": way,
                    "first call, s": first,
                    "data sets a second": num_sets / least,
                    "largest error of a mean": _error_of_some(frame, got),
                }


def _error_of_some(frame: pd.DataFrame, means: np.ndarray, some: int = 20) -> float:
    """Returns the largest distance of some data sets' means from finer ones on the processor."""
    few = frame[frame["set"] < some]
    finer = hp.Quadrature(num_nodes=128)
    columns = {"successes": "y", "trials": "n", "group": "group", "by": "set"}
    with jax.default_device(jax.devices("cpu")[0]):
        exact = hp.estimate(few, **columns, inference=finer, prob=None)
    return float(np.abs(exact.groups["mean"].to_numpy() - means[:some].ravel()).max())


PARTS: dict[str, tuple[str, Callable[..., Iterator[Row]]]] = {
    "demo": ("The demo: 2 chains of 2000 + 2000, sampling alone", demo),
    "cross": ("NUTS on 18 players, chains of 300 + 100, sampling alone", cross),
    "chains": ("NUTS on 18 players, chains of 300 + 300", chains),
    "groups": ("Joint NUTS with many groups, 2 chains of 200 + 100", groups),
    "integrate": ("jit(vmap(integrate)) over data sets of 20 groups, float64", integrate),
    "sets": ("estimate(by=) over data sets of 20 groups, from a frame, float64", sets),
}


def table(rows: Sequence[Row]) -> list[str]:
    """Returns the lines of a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (row.get(name, "") for name in names)
        texts = (f"{cell:,.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append("| " + " | ".join(texts) + " |")
    return lines


def card() -> str:
    """Returns the name of the accelerator, or "cpu"."""
    device = jax.devices()[0]
    return "cpu" if device.platform == "cpu" else device.device_kind


def main() -> None:
    """Measures what was asked for, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="these alone")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    words = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [
        f"# {card()}",
        "",
        circumstances("jax", "blackjax", "numpy").replace("no GPU", card()) + ".",
    ]
    print(lines[-1], flush=True)
    for part in words.part or PARTS:
        title, measure = PARTS[part]
        rows = []
        for row in measure(words.quick):
            rows.append(row)
            print(part, row, flush=True)
        lines += ["", f"## {title}", "", *table(rows)]
    name = card().lower().replace(" ", "-")
    if not words.quick:
        keep(f"accelerator-{name}.md", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    main()
