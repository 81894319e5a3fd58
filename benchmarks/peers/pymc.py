"""PyMC by its own NUTS and by nutpie. Data are ``pm.Data``, so that they can be swapped."""

import logging
import time
from typing import Any

import numpy as np
import pymc as pm

from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table


def model_of(table: Table) -> pm.Model:
    """Returns the joint model of a table."""
    with pm.Model() as model:
        successes = pm.Data("successes", table.successes)
        trials = pm.Data("trials", table.trials)
        phi = pm.Uniform("phi", 0, 1)
        kappa_log = pm.Exponential("kappa_log", 1.5)
        kappa = pm.math.exp(kappa_log)
        theta = pm.Beta("theta", phi * kappa, (1 - phi) * kappa, shape=len(table.trials))
        pm.Binomial("y", n=trials, p=theta, observed=successes)
    return model


def draws_of(tree: Any) -> dict[str, np.ndarray]:
    """Returns the draws of an ArviZ tree."""
    return {name: tree["posterior"][name].values for name in ("phi", "kappa_log", "theta")}


class PyMC:
    """``pm.sample`` with PyMC's own sampler, a process a chain. It compiles at every call."""

    compiles = "always"

    def prepare(self, table: Table, settings: Settings) -> None:
        """Builds the model."""
        logging.getLogger("pymc").setLevel(logging.ERROR)
        self._settings, self._model = settings, model_of(table)

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws; the seconds of sampling are PyMC's own."""
        settings = self._settings
        with self._model:
            pm.set_data({"successes": table.successes, "trials": table.trials})
            started = time.perf_counter()
            tree = pm.sample(
                draws=settings.num_draws,
                tune=settings.num_warmup,
                chains=settings.num_chains,
                cores=settings.num_chains,
                target_accept=settings.target_accept,
                random_seed=seed,
                nuts_sampler="pymc",
                progressbar=False,
                compute_convergence_checks=False,
            )
            call = time.perf_counter() - started
        stats = tree["sample_stats"]
        sampling = float(stats.attrs["sampling_time"])
        return Run(
            draws_of(tree),
            sampling,
            call,
            call - sampling,
            None,
            int(stats["diverging"].sum()),
        )


class Nutpie:
    """nutpie's sampler over the PyMC model, compiled once by Numba."""

    compiles = "ahead"

    def prepare(self, table: Table, settings: Settings) -> None:
        """Builds the model and compiles its density."""
        import nutpie  # Late: plain PyMC must run without it.

        self._settings, self._nutpie = settings, nutpie
        self._compiled = nutpie.compile_pymc_model(model_of(table))

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws."""
        settings = self._settings
        compiled = self._compiled.with_data(successes=table.successes, trials=table.trials)
        started = time.perf_counter()
        tree = self._nutpie.sample(
            compiled,
            draws=settings.num_draws,
            tune=settings.num_warmup,
            chains=settings.num_chains,
            cores=settings.num_chains,
            target_accept=settings.target_accept,
            seed=seed,
            save_warmup=False,
            progress_bar=False,
        )
        seconds = time.perf_counter() - started
        divergences = int(tree["sample_stats"]["diverging"].sum())
        return Run(draws_of(tree), seconds, seconds, 0.0, None, divergences)
