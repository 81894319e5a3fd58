"""A hash of each of a hundred results: two trees of the code that compute the same print the same.

    python benchmarks/fingerprints.py before.json
    python benchmarks/fingerprints.py after.json before.json

The second names what differs, and leaves with 1 if anything does. It calls the package by its
public names alone, so that it can be run beside any arrangement of its files.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

import hierpool as hp

PLAYERS = {"successes": "hits", "trials": "at_bats", "group": "player"}
RATS = {"successes": "tumors", "trials": "rats", "group": "experiment"}
SHORT = hp.NUTS(num_chains=2, num_warmup=100, num_draws=100)
EXACT = hp.Quadrature(num_chains=2, num_draws=100)
COMMANDS = (
    "fit estimate summary events ranks contrasts predict score checks compare sensitivity".split()
)
VOLATILE = re.compile(r"time|created|version|command", re.IGNORECASE)
"""Attributes of a tree that differ from run to run."""
TIMES = re.compile(r"\d+\.\d+ (s\b|loading|compiling|sampling|the rest)|/tmp/\S+")
"""What a command prints that does."""


def feed(digest: Any, value: Any) -> None:
    """Adds a value of any kind that hierpool returns to a digest."""
    if isinstance(value, xr.DataTree):
        for node in value.subtree:
            digest.update(node.path.encode())
            feed(digest, {k: v for k, v in node.attrs.items() if not VOLATILE.search(str(k))})
            for name, variable in sorted(node.dataset.variables.items()):
                digest.update(f"{name} {variable.dims}".encode())
                feed(digest, variable.values)
    elif isinstance(value, pd.DataFrame | pd.Series):
        frame = value.to_frame() if isinstance(value, pd.Series) else value
        for part in (frame.index.to_frame(), frame):
            for name in part.columns:
                digest.update(repr(name).encode())
                feed(digest, part[name].to_numpy())
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        feed(digest, value._asdict())
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(str(key).encode())
            feed(digest, value[key])
    elif isinstance(value, tuple | list):
        for each in value:
            feed(digest, each)
    elif isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        digest.update(f"{array.dtype.kind} {array.shape}".encode())
        digest.update(repr(array.tolist()).encode() if array.dtype == object else array.tobytes())
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        feed(digest, vars(value))
    else:
        digest.update(repr(value).encode())


def simulated() -> pd.DataFrame:
    """Returns 300 groups of unequal size, in three data sets."""
    rng = np.random.default_rng(1)
    n = rng.negative_binomial(1, 1 / 61, 300)
    y = rng.binomial(n, rng.beta(20, 60, 300))
    return pd.DataFrame({"set": np.arange(300) % 3, "name": [f"g{i}" for i in range(300)]}).assign(
        y=y, n=n, later=rng.binomial(50, 0.25, 300), more=50
    )


def trees() -> dict[str, Callable[[], Any]]:
    """Returns fits by name."""
    players, rats = hp.load_dataset("efron-morris-75"), hp.load_dataset("rat-tumors")
    found: dict[str, Callable[[], Any]] = {}
    for word in ("partial", "collapsed", "complete", "none", "logit", "collapsed-logit"):
        found[f"fit {word}"] = lambda word=word: hp.fit(
            players, **PLAYERS, model=word, inference=SHORT, seed=3, new_groups={"rookie": (0, 4)}
        )
    for word in ("collapsed", "collapsed-logit"):
        found[f"fit {word} quadrature"] = lambda word=word: hp.fit(
            rats, **RATS, model=word, inference=EXACT, seed=4
        )
    found["fit hyperparameters"] = lambda: hp.fit(
        players, **PLAYERS, model="collapsed", inference=SHORT, hyperparameters_only=True
    )
    found["fit prior"] = lambda: hp.fit(
        simulated(), "y", "n", group="name", model=hp.PartialPooling(0.5, 2.0, 3.0), inference=SHORT
    )
    return found


def answers(tree: Any) -> dict[str, Callable[[], Any]]:
    """Returns what is asked of a fit, by name."""
    names = [str(name) for name in tree["posterior"]["groups"].values[:4]]
    kept = tree["posterior"]["groups"].values[:2]
    later = {"successes": dict.fromkeys(kept, 3), "trials": dict.fromkeys(kept, 10)}
    return {
        "summarize": lambda: hp.summarize(tree),
        "summarize density": lambda: hp.summarize(tree, interval="highest-density", prob=0.5),
        "events": lambda: hp.events(tree, above=[0.2, 0.3]),
        "season": lambda: hp.season(tree, above=0.25, trials_to_come=50),
        "select": lambda: hp.select(tree, above=0.2, false_discovery_rate=0.3),
        "rank": lambda: hp.rank(tree, top=3),
        "contrast": lambda: hp.contrast(tree, *kept, rope=0.02),
        "contrasts": lambda: hp.contrasts(
            tree, groups=list(tree["posterior"]["groups"].values[:4])
        ),
        "expected_loss": lambda: hp.expected_loss(tree),
        "predict": lambda: hp.predict(tree, trials=20, new_groups={"new": (1, 3)}),
        "add_predictions": lambda: hp.add_predictions(tree, trials=20),
        "newcomers": lambda: hp.new_groups(tree, {"a": (0, 4), "b": (0, 0)}),
        "score": lambda: hp.score(tree, **later),
        "coverage": lambda: hp.coverage(tree, **later),
        "predictive_check": lambda: hp.predictive_check(tree),
        "exchangeability": lambda: hp.exchangeability(tree),
        "check": lambda: hp.check(tree),
        "compare_fits": lambda: hp.compare_fits({"one": tree, "other": tree}),
        "names": lambda: names,
    }


def without_fits() -> dict[str, Callable[[], Any]]:
    """Returns what is asked of data alone, by name."""
    players, rats = hp.load_dataset("efron-morris-75"), hp.load_dataset("rat-tumors")
    many = simulated()
    counts = hp.Counts(jnp.array([18, 7, 0]), jnp.array([45, 45, 4]))
    key = jax.random.key(0)
    few = hp.NUTS(num_chains=2, num_warmup=50, num_draws=50)
    models = {
        "partial": hp.PartialPooling(),
        "collapsed": hp.CollapsedPartialPooling(),
        "logit": hp.LogitPartialPooling(),
        "collapsed-logit": hp.CollapsedLogitPartialPooling(),
        "complete": hp.CompletePooling(),
        "none": hp.NoPooling(),
    }
    found: dict[str, Callable[[], Any]] = {
        "estimate": lambda: hp.estimate(players, **PLAYERS, new_groups={"rookie": (0, 4)}),
        "estimate rats": lambda: hp.estimate(rats, **RATS, prob=0.5),
        "estimate moments": lambda: hp.estimate(many, "y", "n", group="name", prob=None),
        "estimate by": lambda: hp.estimate(many, "y", "n", group="name", by="set"),
        "estimate prior": lambda: hp.estimate(
            players, **PLAYERS, model=hp.CollapsedPartialPooling(0.5)
        ),
        "compare": lambda: hp.compare(players, **PLAYERS),
        "compare rats": lambda: hp.compare(rats, **RATS, models=["none", "beta"]),
        "sensitivity": lambda: hp.sensitivity(players, **PLAYERS, kappa_log_rate=(0.5, 1.5, 5.0)),
        "empirical_bayes": lambda: hp.empirical_bayes(rats, **RATS),
        "stack": lambda: hp.stack([counts, hp.Counts(jnp.array([3]), jnp.array([10]))]),
        "integrate": lambda: hp.integrate(hp.CollapsedPartialPooling(), counts),
        "integrate batch": lambda: jax.vmap(
            lambda y: hp.integrate(hp.CollapsedPartialPooling(), hp.Counts(y, counts.trials))
        )(jnp.array([[18, 7, 0], [1, 2, 3]])),
    }
    for word, model in models.items():
        found[f"sample {word}"] = lambda model=model: hp.sample(key, model, counts, few)
        position = model.init(key, counts)
        found[f"log_density {word}"] = lambda model=model, position=position: model.log_density(
            position, counts
        )
        found[f"slope {word}"] = lambda model=model, position=position: jax.grad(model.log_density)(
            position, counts
        )
    for name in ("efron-morris-75", "rat-tumors", "surgical-mortality"):
        found[f"load_dataset {name}"] = lambda name=name: hp.load_dataset(name)
    return found


def commands(folder: Path) -> dict[str, list[str]]:
    """Returns the words of commands by what they are called: the first saves the fit of others."""
    columns = "--group player --successes hits --trials at_bats".split()
    fit, data = str(folder / "fit.nc"), "efron-morris-75"
    few = "--draws 100 --seed 1".split()
    found = {
        "fit quadrature": ["fit", data, *columns, *few, "--inference", "quadrature"]
        + ["--output", fit],
        "fit": ["fit", data, *columns, *few, "--warmup", "100", "--new-group", "rookie=0/4"],
        "estimate": ["estimate", data, *columns, "--new-group", "rookie=0/4"],
        "summary": ["summary", fit],
        "events": ["events", fit, "--above", ".3", "--trials-to-come", "40"],
        "ranks": ["ranks", fit, "--top", "3"],
        "contrasts": ["contrasts", fit, "--pair", "Roberto Clemente", "Max Alvis"],
        "predict": ["predict", fit, "--trials-to-come", "100", "--new-group", "rookie=0/4"],
        "score": ["score", fit, "--data", data, "--group", "player", "--successes"]
        + ["remaining_hits", "--trials", "remaining_at_bats"],
        "checks": ["predictive-check", fit],
        "compare": ["compare", data, *columns],
        "sensitivity": ["sensitivity", data, *columns],
        "no file": ["summary", "nowhere.nc"],
        "no column": ["estimate", data, "--successes", "hots", "--trials", "at_bats"],
        "no model": ["fit", data, *columns, "--model", "best"],
        "no words": [],
        "version": ["--version"],
        "help": ["--help"],
    }
    return found | {f"help of {word}": [word, "--help"] for word in COMMANDS}


def said(words: list[str]) -> tuple[int, str, str]:
    """Returns the exit code of a command, and what it printed, without times."""
    try:
        from hierpool.cli.main import main
    except ImportError:  # Before the rooms.
        from hierpool.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
    return code, TIMES.sub("", out.getvalue()), TIMES.sub("", err.getvalue())


def results(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields what is computed, by name."""
    fits: dict[str, Any] = {}
    for name, fit in trees().items():
        fits[name] = fit()
        yield name, lambda name=name: fits[name]
    for name in ("fit partial", "fit collapsed quadrature", "fit logit", "fit complete"):
        for question, answer in answers(fits[name]).items():
            yield f"{question} of {name}", answer
    yield from without_fits().items()
    for name, words in commands(folder).items():
        yield f"hierpool: {name}", lambda words=words: said(words)
    yield "load", lambda: hp.load(folder / "fit.nc")


def main(path: str, before: str | None = None) -> int:
    """Writes the hashes, and returns whether they differ from others."""
    warnings.simplefilter("ignore")
    os.environ["COLUMNS"] = "100"
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name, result in results(Path(folder)):
            digest = hashlib.sha256()
            try:
                feed(digest, result())
            except (TypeError, ValueError) as error:
                digest.update(f"{type(error).__name__}: {error}".encode())
            found[name] = digest.hexdigest()[:16]
    Path(path).write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(found)} results, hash of all {hashlib.sha256(str(found).encode()).hexdigest()}")
    if before is None:
        return 0
    other = json.loads(Path(before).read_text())
    changed = [name for name in {**found, **other} if found.get(name) != other.get(name)]
    print(*(f"differs: {name}" for name in changed), sep="\n")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
