"""How often the verdict is wrong: fits that are right and called not converged, failures passed.

The fits are those of all defaults: joint NUTS, PartialPooling, 4 chains of 1000 draws after 1000
steps of warm-up. A failure is made of a fit that is right, by damage to one quantity.

    python benchmarks/verdicts.py [--draws FOLDER] [20 300 2000]

Prints two tables and writes them to benchmarks/results/verdicts.md: a size that is not asked for
keeps its rows in verdicts.json. In the folder draws are kept, and taken from there the next time.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from result_tables import RESULTS, keep

from hierpool import NUTS, PartialPooling
from hierpool.counts import Counts
from hierpool.mcmc.chains import Chains
from hierpool.posterior.diagnostics import Diagnostics, diagnose
from hierpool.posterior.verdict import CAPS, FALSE_ALARMS, MAX_DIVERGENT, MIN_EFFECTIVE_PER_CHAIN

SIZES, NUM_FITS = (20, 300, 2000), 100
"""Groups, and fits of each size."""
CHAINS = 4
POPULATION = ["kappa_log", "phi"]


class Fit(NamedTuple):
    """Draws (chain, draw, quantity), the population's first, and the divergent ones a chain."""

    draws: np.ndarray
    divergent: np.ndarray


def fits(size: int, folder: Path | None) -> Iterator[Fit]:
    """Returns fits of one table, with another seed each."""
    rng = np.random.default_rng(size)
    trials = np.exp(rng.uniform(np.log(5), np.log(2000), size)).astype(int)
    successes = rng.binomial(trials, rng.beta(0.27 * 60, 0.73 * 60, size))
    for seed in range(NUM_FITS):
        yield kept_or_fitted(Counts(successes, trials), seed, folder)


def kept_or_fitted(counts: Counts, seed: int, folder: Path | None) -> Fit:
    """Returns what ``fit`` draws with a seed, kept in the folder in single precision."""
    file = folder / f"draws_{len(counts.trials)}_{seed}.npz" if folder else None
    if file is not None and file.exists():
        with np.load(file) as kept:
            return Fit(kept["draws"].astype(float), kept["divergent"])
    with jax.enable_x64(True):
        key, _ = jax.random.split(jax.random.key(seed))
        # log_kappa_log, logit_phi, logit_theta.
        positions, stats = Chains(key, PartialPooling(), counts, NUTS()).run()
    positions[..., 0] = np.exp(positions[..., 0])
    positions[..., 1:] = 1 / (1 + np.exp(-positions[..., 1:]))
    fit = Fit(positions, np.asarray(stats.diverging).sum(axis=1))
    if file is not None:
        np.savez(file, draws=fit.draws.astype(np.float32), divergent=fit.divergent)
    return fit


def judged(draws: np.ndarray, kind: str, number: int) -> Diagnostics:
    """Returns the diagnostics of some of ``number`` quantities of a kind."""
    share = FALSE_ALARMS * draws.shape[2] / number
    names = [""] * draws.shape[2]
    return diagnose(names, draws, false_alarms=share, cap=CAPS[kind])


def is_failed(found: Diagnostics) -> bool:
    """Returns what ``check`` would say of quantities."""
    too_few = np.minimum(found.bulk, found.tails) < MIN_EFFECTIVE_PER_CHAIN * CHAINS
    return bool(np.any(~(found.judged < found.limit) | found.stuck | too_few))


def stuck(draws: np.ndarray, rng: np.random.Generator) -> None:
    """A chain stands still at one of its draws."""
    draws[-1] = rng.choice(draws[-1])


def shifted(draws: np.ndarray, _: np.random.Generator) -> None:
    """A chain is .3 posterior sds off."""
    draws[-1] += 0.3 * draws.std()


def two_modes(draws: np.ndarray, _: np.random.Generator) -> None:
    """Two chains are 2 posterior sds from the others."""
    draws[CHAINS // 2 :] += 2 * draws.std()


def frozen(draws: np.ndarray, _: np.random.Generator) -> None:
    """A chain stands still from the middle on."""
    draws[-1, draws.shape[1] // 2 :] = draws[-1, draws.shape[1] // 2]


DAMAGES: dict[str, Callable[[np.ndarray, np.random.Generator], None]] = {
    "a chain stuck": stuck,
    "a chain shifted by .3 sd": shifted,
    "two modes": two_modes,
    "half a chain frozen": frozen,
}


def caught(fit: Fit, rng: np.random.Generator) -> Iterator[tuple[str, str, bool]]:
    """Returns each damage, where it was done, and whether it was caught."""
    num_groups = fit.draws.shape[2] - len(POPULATION)
    places = {
        "kappa_log": (0, "population", len(POPULATION)),
        "phi": (1, "population", len(POPULATION)),
        "one theta": (len(POPULATION) + int(rng.integers(num_groups)), "theta", num_groups),
    }
    for place, (index, kind, number) in places.items():
        for name, damage in DAMAGES.items():
            draws = fit.draws[..., index].copy()
            damage(draws, rng)
            yield name, place, is_failed(judged(draws[..., None], kind, number))


def rows_of(size: int, folder: Path | None) -> tuple[str, list[str]]:
    """Returns the row of the fits that are right, and those of the failures."""
    rng = np.random.default_rng(1)
    wrong, by_fixed, rhats, bulk, tails, divergent = [], [], [], [], [], []
    seen: dict[tuple[str, str], list[bool]] = {}
    for fit in fits(size, folder):
        parts = (
            judged(fit.draws[..., : len(POPULATION)], "population", len(POPULATION)),
            judged(fit.draws[..., len(POPULATION) :], "theta", size),
        )
        divergent.append(int(fit.divergent.sum()))
        too_many = divergent[-1] > MAX_DIVERGENT * fit.draws[..., 0].size
        wrong.append(too_many or any(map(is_failed, parts)))
        rhats.append(max(part.rhat.max() for part in parts))
        by_fixed.append(rhats[-1] >= 1.01)
        bulk.append(min(part.bulk.min() for part in parts))
        tails.append(min(part.tails.min() for part in parts))
        for damage, place, found in caught(fit, rng):
            seen.setdefault((place, damage), []).append(found)
    alarms = (
        f"| {size:,} | {len(wrong)} | {sum(wrong)} | {sum(by_fixed)} | "
        f"{max(rhats):.4f} | {min(bulk):.0f} | {min(tails):.0f} | {max(divergent)} |"
    )
    failures = []
    for place in (*POPULATION, "one theta"):
        cells = [seen[place, damage] for damage in DAMAGES]
        shares = " | ".join(f"{sum(cell)} of {len(cell)}" for cell in cells)
        failures.append(f"| {size:,} | {place} | {shares} |")
    return alarms, failures


def main() -> None:
    """Prints and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="groups")
    parser.add_argument("--draws", type=Path, help="folder that keeps draws")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    store = RESULTS / "verdicts.json"
    rows = json.loads(store.read_text()) if store.exists() else {}
    for size in options.sizes:
        rows[str(size)] = rows_of(size, options.draws)
        store.write_text(json.dumps(rows, indent=1) + "\n")
    ordered = [rows[str(size)] for size in SIZES if str(size) in rows]
    lines = [
        "Fits that are right:",
        "",
        "| groups | fits | called not converged | R-hat 1.01 or more | "
        "largest R-hat | fewest effective draws, bulk | tails | most divergent of 4000 |",
        "|---|---|---|---|---|---|---|---|",
        *(alarms for alarms, _ in ordered),
        "",
        "Failures that were caught (one quantity damaged, judged as one of all):",
        "",
        f"| groups | where | {' | '.join(DAMAGES)} |",
        "|---|---|" + "---|" * len(DAMAGES),
        *(row for _, failures in ordered for row in failures),
    ]
    print(*lines, sep="\n")
    keep("verdicts.md", lines)


if __name__ == "__main__":
    main()
