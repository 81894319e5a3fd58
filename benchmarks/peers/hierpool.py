"""hierpool by its own ``fit`` and ``estimate``."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

import hierpool as hp
from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table
from hierpool.inference import fit as fitting
from hierpool.posterior import theta as thetas

COLUMNS = {"successes": "y", "trials": "n"}


class Hierpool:
    """``fit`` with one model and one algorithm.

    ``fit`` does more than draw: replicates, log likelihoods, draws of the prior, a verdict. Peers
    do not, so what counts as sampling is exploring, and drawing theta where it was integrated out.
    """

    compiles = "at first"

    def __init__(
        self,
        model: str,
        *,
        quadrature: bool = False,
        chain_method: str | None = None,
        hyperparameters_only: bool = False,
    ) -> None:
        self._model = getattr(hp, model)()
        self._has_warmup, self._method = not quadrature, chain_method
        self._hyperparameters_only = hyperparameters_only

    def prepare(self, table: Table, settings: Settings) -> None:
        """Keeps the settings: ``fit`` compiles when it is first called."""
        self._settings = settings
        chains, draws = settings.num_chains, settings.num_draws
        if not self._has_warmup:
            self._inference: hp.NUTS | hp.Quadrature = hp.Quadrature(chains, draws)
            return
        self._inference = hp.NUTS(
            num_chains=chains,
            num_warmup=settings.num_warmup,
            num_draws=draws,
            target_accept=settings.target_accept,
            chain_method=self._method,
        )

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws, by ``fit``."""
        frame = frame_of(table)
        warmup_steps = self._settings.num_chains * self._settings.num_warmup
        warm: list[float] = []

        def progress(done: int, total: int, divergences: int) -> None:
            if done >= warmup_steps and not warm:
                warm.append(time.perf_counter())

        with warnings.catch_warnings(), watched() as spans:
            warnings.simplefilter("ignore")
            started = time.perf_counter()
            tree = hp.fit(
                frame,
                **COLUMNS,
                model=self._model,
                inference=self._inference,
                seed=seed,
                hyperparameters_only=self._hyperparameters_only,
                progress=progress,
            )
            call = time.perf_counter() - started
        posterior = tree["posterior"]
        names = [name for name in ("phi", "kappa_log", "theta") if name in posterior]
        compiling = tree.attrs["compile_time"]
        # Told to within the steps that fit takes between two looks of the host.
        # Chains that run one after another have no common end of their warm-up.
        is_told = self._has_warmup and self._method != "sequential" and warm
        return Run(
            {name: np.asarray(posterior[name].values) for name in names},
            sum(end - start for start, end in spans) - compiling,
            call,
            compiling,
            warm[0] - spans[0][0] - compiling if is_told else None,
            int(tree["sample_stats"]["diverging"].sum()) if self._has_warmup else 0,
        )


@contextmanager
def watched() -> Iterator[list[tuple[float, float]]]:
    """Returns a list that gets the start and end of what ``fit`` explores and draws."""
    spans: list[tuple[float, float]] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments)
            spans.append((started, time.perf_counter()))
            return result

        return call

    places = ((fitting, "explore"), (thetas, "hyperparameters"), (thetas, "theta"))
    before = [getattr(module, name) for module, name in places]
    for (module, name), function in zip(places, before, strict=True):
        setattr(module, name, timed(function))
    try:
        yield spans
    finally:
        for (module, name), function in zip(places, before, strict=True):
            setattr(module, name, function)


def frame_of(table: Table) -> pd.DataFrame:
    """Returns a table as the data frame that hierpool reads."""
    return pd.DataFrame({"y": table.successes, "n": table.trials})


def estimator(prob: float | None) -> Callable[[Table], dict[str, np.ndarray]]:
    """Returns a function that gives the exact posterior of a table, with intervals or without."""

    def run(table: Table) -> dict[str, np.ndarray]:
        result = hp.estimate(frame_of(table), **COLUMNS, prob=prob)
        return {
            "phi": result.population["phi_mean"].to_numpy()[0],
            "kappa_log": result.population["kappa_log_mean"].to_numpy()[0],
            "theta": result.groups["mean"].to_numpy(),
            "theta_sd": result.groups["sd"].to_numpy(),
        }

    return run


def estimate_sets(table: Table, data_set: np.ndarray, prob: float | None) -> None:
    """Estimates many data sets in one call."""
    frame = frame_of(table).assign(set=data_set)
    hp.estimate(frame, **COLUMNS, by="set", prob=prob)
