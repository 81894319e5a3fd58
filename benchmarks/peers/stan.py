"""Stan through PyStan's compiled model. httpstan keeps it in its cache, by the program's text."""

import re
import time

import numpy as np
import stan

from benchmarks.bench.run import Run
from benchmarks.bench.tables import Settings, Table

PROGRAM = """
data {
  int<lower=0> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0> y;
}
parameters {
  real<lower=0, upper=1> phi;
  real<lower=0> kappa_log;
  vector<lower=0, upper=1>[J] theta;
}
model {
  real kappa = exp(kappa_log);
  kappa_log ~ exponential(1.5);
  theta ~ beta(phi * kappa, (1 - phi) * kappa);
  y ~ binomial(n, theta);
}
"""
CLOCK = re.compile(rb"info:[^\"]*?([0-9.e+-]+) seconds \((Warm-up|Total)\)")


class Stan:
    """Stan's NUTS, a process a chain. The seconds are Stan's own: PyStan's service adds to them."""

    compiles = "ahead"

    def prepare(self, table: Table, settings: Settings) -> None:
        """Compiles the program, or finds it in the cache."""
        self._settings = settings
        stan.build(PROGRAM, data=data_of(table), random_seed=0)

    def sample(self, table: Table, seed: int) -> Run:
        """Returns draws. A seed must be new: httpstan keeps the fits of old ones."""
        settings = self._settings
        started = time.perf_counter()
        posterior = stan.build(PROGRAM, data=data_of(table), random_seed=seed)
        fit = posterior.sample(
            num_chains=settings.num_chains,
            num_warmup=settings.num_warmup,
            num_samples=settings.num_draws,
            delta=settings.target_accept,
        )
        call = time.perf_counter() - started
        clocks: dict[bytes, list[float]] = {b"Warm-up": [], b"Total": []}
        for output in fit.stan_outputs:
            for seconds, what in CLOCK.findall(output):
                clocks[what].append(float(seconds))
        # PyStan's draws run over the chains first: (..., draw times chain).
        shape = (settings.num_draws, settings.num_chains)
        draws = {name: np.reshape(fit[name], (-1, *shape)) for name in ("phi", "kappa_log")}
        found = {name: leaf[0].T for name, leaf in draws.items()}
        found["theta"] = np.transpose(np.reshape(fit["theta"], (-1, *shape)), (2, 1, 0))
        return Run(
            found,
            max(clocks[b"Total"]),
            call,
            0.0,
            max(clocks[b"Warm-up"]),
            int(np.sum(fit["divergent__"])),
        )


def data_of(table: Table) -> dict[str, int | list[int]]:
    """Returns a table as Stan's data."""
    return {"J": len(table.trials), "n": table.trials.tolist(), "y": table.successes.tolist()}
