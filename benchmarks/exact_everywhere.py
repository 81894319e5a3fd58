"""Whether `estimate` is right on every kind of table: 34 regimes of 500 random tables.

Prints one table and writes it to benchmarks/results/exact_everywhere.md. Every regime is a process
of its own. A sample is held against `slow_oracle`, which knows the default prior alone. Run it by
`make exact-everywhere`; it takes hours: what a regime showed is kept in build/, so that a run that
was cut goes on where it stopped if the package is the same. With `--tables 20 --checked 2` it takes
half an hour.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import slow_oracle
from result_tables import circumstances, keep

ROOT = Path(__file__).parent.parent
Table = tuple[np.ndarray, np.ndarray, dict[str, float]]
Maker = Callable[[np.random.Generator], Table]


def log_uniform(rng, low, high, size=None):
    """Returns numbers whose log is uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def few(groups, trials, rate, spread, *, flip=False) -> Maker:
    """Returns a maker of tables whose log rates have a spread; with flip, near 1 half the time."""

    def table(rng):
        size = rng.integers(groups[0], groups[1] + 1)
        n = np.rint(log_uniform(rng, *trials, size)).astype(np.int64)
        theta = log_uniform(rng, *rate) * np.exp(spread * rng.normal(size=size))
        y = rng.binomial(n, np.clip(theta, 0, 1))
        return (n - y if flip and rng.random() < 0.5 else y), n, {}

    return table


def middle(groups, trials, spread) -> Maker:
    """Returns a maker of tables whose log odds have a spread."""

    def table(rng):
        size = rng.integers(groups[0], groups[1] + 1)
        n = np.rint(log_uniform(rng, *trials, size)).astype(np.int64)
        log_odds = 2 * rng.normal() + spread * rng.normal(size=size)
        return rng.binomial(n, 1 / (1 + np.exp(-log_odds))), n, {}

    return table


def beta(groups, mean_trials) -> Maker:
    """Returns a maker of tables from the model: kappa of 1.01 to 1e6, phi of .001 to .999."""

    def table(rng):
        log_odds = rng.uniform(np.log(0.001 / 0.999), np.log(0.999 / 0.001))
        phi, kappa = 1 / (1 + np.exp(-log_odds)), log_uniform(rng, 1.01, 1e6)
        n = rng.negative_binomial(1, 1 / (1 + log_uniform(rng, *mean_trials)), groups) + 1
        theta = rng.beta(phi * kappa, (1 - phi) * kappa, groups)
        return rng.binomial(n, theta), n, {}

    return table


def broad(groups) -> Maker:
    """Returns a maker of tables of many groups that differ much."""

    def table(rng):
        n = rng.integers(1, 631, groups)
        a = rng.uniform(0.3, 2)
        return rng.binomial(n, rng.beta(a, a * rng.uniform(1, 3), groups)), n, {}

    return table


def any_prior(maker: Maker) -> Maker:
    """Returns a maker of the same tables with hyperpriors of .01 to 1e4."""

    def table(rng):
        y, n, _ = maker(rng)
        names = ("kappa_log_rate", "phi_alpha", "phi_beta")
        return y, n, {name: float(log_uniform(rng, 0.01, 1e4)) for name in names}

    return table


ANY = few((1, 10), (1, 1e9), (1e-8, 0.5), 0.5, flip=True)
SMALL = few((1, 10), (1, 100), (1e-3, 1), 0.5, flip=True)
LOW = (1e-6, 1e-2)
REGIMES: dict[str, Maker] = {
    "1 group of 1e5 to 1e6, low": few((1, 1), (1e5, 1e6), LOW, 0.3),
    "1 group of 3e6 to 3e7, low": few((1, 1), (3e6, 3e7), LOW, 0.3),
    "3 groups of 1e5 to 1e6, low": few((3, 3), (1e5, 1e6), LOW, 0.3),
    "3 groups of 3e6 to 3e7, low": few((3, 3), (3e6, 3e7), LOW, 0.3),
    "6 groups of 1e5 to 1e6, low": few((6, 6), (1e5, 1e6), LOW, 0.3),
    "6 groups of 3e6 to 3e7, low": few((6, 6), (3e6, 3e7), LOW, 0.3),
    "3 groups of 1e8 to 1e9, low": few((3, 3), (1e8, 1e9), (1e-8, 1e-2), 0.3),
    "1 to 10 of 1e8 to 1e9": few((1, 10), (1e8, 1e9), (1e-8, 0.5), 0.1, flip=True),
    "1 to 10 of 1 to 1e9": ANY,
    "1 to 10 of 1 to 1e9, tight": few((1, 10), (1, 1e9), (1e-8, 0.5), 0.01, flip=True),
    "1 to 10 of 1 to 1e9, wide": few((1, 10), (1, 1e9), (1e-8, 0.5), 3, flip=True),
    "1 to 10 of 1 to 100": SMALL,
    "1 to 10, middle rates": middle((1, 10), (1, 1e9), 0.3),
    "1 to 10, middle rates, tight": middle((1, 10), (1e4, 1e9), 0.01),
    "4, nearly equal, low": few((4, 4), (1e4, 1e9), (1e-6, 0.5), 0.1, flip=True),
    "5 to 8, nearly equal, low": few((5, 8), (1e5, 1e7), (1e-4, 0.1), 0.1, flip=True),
    "2 to 5, nearly equal": middle((2, 5), (1e5, 1e9), 0.02),
    "100": beta(100, (1, 1e5)),
    "1,000": beta(1000, (1, 1e3)),
    "1,000 of many trials": beta(1000, (1e3, 1e6)),
    "10,000": beta(10_000, (1, 1e3)),
    "20,000, broad": broad(20_000),
    "100,000": beta(100_000, (1, 300)),
    "1,000,000": beta(1_000_000, (1, 300)),
    "any hyperprior, 1 to 10": any_prior(ANY),
    "any hyperprior, 1 to 10, middle": any_prior(middle((1, 10), (1, 1e6), 0.3)),
    "any hyperprior, 1 to 10 of 1 to 100": any_prior(SMALL),
    "any hyperprior, 4, nearly equal": any_prior(few((4, 4), (1e4, 1e9), (1e-6, 0.5), 0.1)),
    "any hyperprior, 300": any_prior(beta(300, (1, 1e4))),
    "any hyperprior, 1,000": any_prior(beta(1000, (1, 1e3))),
}
OTHER_PRIORS = {
    "spread, 1 to 10 of 1 to 1e9": ("spread", ANY),
    "spread, 4, nearly equal, low": ("spread", REGIMES["4, nearly equal, low"]),
    "spread, 1 to 10 of 1 to 100": ("spread", SMALL),
    "gamma, 1 to 10 of 1 to 1e9": ("gamma", ANY),
}
"""Regimes of other priors of kappa: the word of the model, and the tables."""
FEWER = {"20,000, broad": 100, "10,000": 200, "100,000": 40, "1,000,000": 8}
"""Regimes of which a single table is large have fewer."""
TWO_MODED = ("4, nearly equal, low", "5 to 8, nearly equal, low", "6 groups of 1e5 to 1e6, low")
"""Regimes many of whose posteriors have two modes: more of their tables are checked."""


def tables(name: str, number: int) -> list[Table]:
    """Returns the tables of a regime: always the same."""
    maker = OTHER_PRIORS[name][1] if name in OTHER_PRIORS else REGIMES[name]
    seed = zlib.crc32(name.encode())
    return [maker(np.random.default_rng([seed, i])) for i in range(number)]


def estimated(batch: list[Table], word: str = "collapsed") -> pd.DataFrame:
    """Returns one row of numbers of each table, under the model of a word."""
    import hierpool as hp

    def one(table: pd.DataFrame, model: object, **options: object) -> pd.DataFrame:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = hp.estimate(
                table, successes="y", trials="n", model=model, prob=None, **options
            )
        population = pd.DataFrame(result.population)
        if not options:
            population = population.T if population.shape[1] == 1 else population
        kinds = [warning.category.__name__ for warning in caught]
        return population.assign(warned="ConvergenceWarning" in kinds)

    if any(hyperpriors for *_, hyperpriors in batch) or len(batch[0][0]) > 3000:
        parts = []
        for y, n, hyperpriors in batch:
            model = hp.CollapsedPartialPooling(**hyperpriors)
            parts.append(one(pd.DataFrame({"y": y, "n": n}), model))
        return pd.concat(parts, ignore_index=True)
    whole = pd.concat(
        [pd.DataFrame({"set": i, "y": y, "n": n}) for i, (y, n, _) in enumerate(batch)]
    )
    found = one(whole, word, by="set").reset_index(drop=True)
    # The warning is of the whole call: which tables it means, their own errors tell.
    return found.assign(warned=found["warned"] & ~(found["error"] < hp.Quadrature().tolerance))


def differences(found: pd.Series, truth: slow_oracle.Posterior) -> dict[str, float]:
    """Returns how far numbers are from the oracle's: in sds, relative, and absolute."""
    result = {"log evidence": abs(found["log_evidence"] - truth.log_evidence)}
    for name in ("phi", "kappa_log"):
        sd = getattr(truth, f"{name}_sd")
        result[f"{name} mean"] = abs(found[f"{name}_mean"] - getattr(truth, f"{name}_mean")) / sd
        result[f"{name} sd"] = abs(found[f"{name}_sd"] / sd - 1)
    return {key: float(value) for key, value in result.items()}


def regime(name: str, number: int, checked: int) -> dict[str, object]:
    """Returns what a regime's tables show."""
    batch = tables(name, number)
    word, _ = OTHER_PRIORS.get(name, ("collapsed", None))
    found = estimated(batch, word)
    number_columns = found[["phi_mean", "phi_sd", "kappa_log_mean", "kappa_log_sd", "log_evidence"]]
    against = []
    for i in range(min(checked, number) if name in REGIMES else 0):
        y, n, hyperpriors = batch[i]
        truth = slow_oracle.exact(y, n, **hyperpriors)
        against.append(
            {"table": i, "modes": truth.modes, **differences(found.iloc[i].astype(float), truth)}
        )
    return {
        "tables": number,
        "nan": int(number_columns.isna().any(axis=1).sum()),
        "unconverged": int(found["warned"].sum()),
        "error": float(found["error"].max()),
        "against": against,
    }


def in_a_process(name: str, number: int, checked: int) -> dict[str, object]:
    """Returns what a regime shows, from a process of its own, or as it was kept."""
    words = ["--regime", name, "--tables", str(number), "--checked", str(checked)]
    known = [path.read_bytes() for path in sorted((ROOT / "hierpool").glob("**/*.py"))]
    known += [Path(__file__).read_bytes(), Path(slow_oracle.__file__).read_bytes()]
    key = hashlib.sha256(b"\0".join([*known, *(word.encode() for word in words)])).hexdigest()
    kept = ROOT / "build" / "exact_everywhere" / f"{key[:16]}.json"
    if not kept.exists():
        run = [sys.executable, __file__, *words]
        done = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(done.stdout.splitlines()[-1])
    result: dict[str, object] = json.loads(kept.read_text())
    return result


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--checked", type=int, default=6)
    parser.add_argument("--regime", choices=[*REGIMES, *OTHER_PRIORS])
    options = parser.parse_args()
    if options.regime:
        print(json.dumps(regime(options.regime, options.tables, options.checked)))
        return
    lines = [
        "Tables of each regime by `estimate(..., prob=None)`; the last columns hold the first of",
        "them against `benchmarks/slow_oracle.py`: the largest difference of phi's and",
        "kappa_log's means (in sds), of sds (relative) and of the log evidence (absolute).",
        "",
        "| regime | tables | NaN | not converged | largest error reported | checked | two modes "
        "| means | sds | log evidence |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    every = []
    for name in [*REGIMES, *OTHER_PRIORS]:
        number = min(options.tables, FEWER.get(name, options.tables))
        checked = 4 * options.checked if name in TWO_MODED else options.checked
        result = in_a_process(name, number, checked)
        against = result["against"]
        assert isinstance(against, list)
        every += [{"regime": name, **each} for each in against]
        largest = [
            max(float(np.nan_to_num(each[key], nan=np.inf)) for each in against for key in keys)
            for keys in (
                ("phi mean", "kappa_log mean"),
                ("phi sd", "kappa_log sd"),
                ("log evidence",),
            )
            if against
        ]
        means, sds, evidence = (f"{value:.1e}" for value in largest) if largest else "---"
        lines.append(
            f"| {name} | {number} | {result['nan']} | {result['unconverged']} "
            f"| {result['error']:.1e} | {len(against)} "
            f"| {sum(each['modes'] > 1 for each in against)} "
            f"| {means} | {sds} | {evidence} |"
        )
        print(lines[-1], flush=True)
    worst = sorted(every, key=_largest, reverse=True)[:10]
    two = sum(each["modes"] > 1 for each in every)
    lines += [
        "",
        f"{len(every)} tables checked, {two} of them with two modes: local maxima of the density",
        "of kappa_log, its end at 0 included, both within e^20 of the higher. The worst:",
        "",
        "| regime | table | modes | what | difference |",
        "|---|---|---|---|---|",
    ]
    for each in worst:
        what = max((key for key in each if key not in NOT_DIFFERENCES), key=lambda key: each[key])
        lines.append(
            f"| {each['regime']} | {each['table']} | {each['modes']} | {what} | {each[what]:.1e} |"
        )
    keep("exact_everywhere.md", [*lines, "", circumstances("jax", "numpy", "scipy") + "."])


NOT_DIFFERENCES = ("regime", "table", "modes")


def _largest(each: dict[str, float]) -> float:
    values = [float(value) for key, value in each.items() if key not in NOT_DIFFERENCES]
    return float("inf") if np.isnan(values).any() else max(values)


if __name__ == "__main__":
    main()
