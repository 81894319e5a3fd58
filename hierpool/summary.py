"""The posterior of a fit in two tables: the population, and a row a group."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.inference_data import GROUPS


class Summary(NamedTuple):
    """A posterior in two tables."""

    population: pd.DataFrame
    """A row a parameter: ``mean``, ``sd``, ``median``, ``lower``, ``upper``. kappa has no mean or
    sd: its posterior variance is infinite."""
    groups: pd.DataFrame
    """A row a group: ``successes``, ``trials``, raw ``rate``, ``mean``, ``sd``, ``lower``,
    ``upper``. The first three alone if the fit holds the hyperparameters only."""


def summarize(tree: xr.DataTree, *, prob: float = 0.89) -> Summary:
    """Returns the posterior of a fit in two tables.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        prob: probability of the interval from ``lower`` to ``upper``, equal-tailed.

    Raises:
        ValueError: ``prob`` does not lie between 0 and 1.
    """
    if not 0 < prob < 1:
        raise ValueError(f"prob must lie between 0 and 1, not {prob}.")
    posterior = tree["posterior"].dataset.stack(sample=("chain", "draw"), create_index=False)
    levels = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    rows = {}
    for name in posterior.data_vars:
        if name == "theta":
            continue
        draws = posterior[name].values
        lower, median, upper = np.quantile(draws, levels)
        has_moments = name != "kappa"
        rows[str(name)] = {
            "mean": draws.mean() if has_moments else np.nan,
            "sd": draws.std(ddof=1) if has_moments else np.nan,
            "median": median,
            "lower": lower,
            "upper": upper,
        }
    columns = ["mean", "sd", "median", "lower", "upper"]
    population = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    population.index.name = "parameter"

    observed = tree["observed_data"].dataset["y"]
    successes, trials = observed.values, tree["constant_data"].dataset["n"].values
    # A group that was never tried has no rate of its own.
    rate = np.divide(successes, trials, out=np.full(len(trials), np.nan), where=trials > 0)
    groups = pd.DataFrame(
        {"successes": successes, "trials": trials, "rate": rate},
        index=pd.Index(observed[GROUPS].values.astype(str), dtype=object, name="group"),
    )
    if "theta" in posterior:
        theta = posterior["theta"].transpose(GROUPS, "sample").values
        lower, _, upper = np.quantile(theta, levels, axis=1)
        groups = groups.assign(
            mean=theta.mean(axis=1), sd=theta.std(axis=1, ddof=1), lower=lower, upper=upper
        )
    return Summary(population, groups)
