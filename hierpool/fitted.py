"""A fitted tree as arrays, for the questions that are asked of it."""

import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool import logit_normal, models
from hierpool.inference_data import GROUPS
from hierpool.models import Model
from hierpool.table import InputError

KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        models.CompletePooling,
        models.NoPooling,
        models.PartialPooling,
        models.CollapsedPartialPooling,
        logit_normal.LogitPartialPooling,
        logit_normal.CollapsedLogitPartialPooling,
    )
}


class Fitted(NamedTuple):
    """A fit: data and draws, a row a draw, chain after chain."""

    labels: np.ndarray
    """(group,) names."""
    successes: np.ndarray
    """(group,) successes."""
    trials: np.ndarray
    """(group,) trials."""
    settings: dict[str, Any]
    """The model's ``name``, and its hyperparameters."""
    parameters: dict[str, np.ndarray]
    """Parameters of the population by name, (draw,) each; none without a population."""
    theta: np.ndarray
    """(draw, group) chances of success; (draw, 0) if the fit holds the hyperparameters only."""
    num_chains: int
    """Chains that the draws come from."""
    is_independent: bool
    """Whether every draw is exact and independent of the others."""

    @property
    def model(self) -> Model:
        """What was fitted.

        Raises:
            InputError: it is none of hierpool's models.
        """
        name = self.settings["name"]
        if name not in KINDS:
            raise InputError(
                f"{name} is not one of hierpool's models: this question needs to know how its "
                "groups hang together."
            )
        model: Model = KINDS[name](
            **{field: value for field, value in self.settings.items() if field != "name"}
        )
        return model

    @property
    def names(self) -> pd.Index:
        """The groups' names, as the index of a table."""
        return pd.Index(self.labels, dtype=object, name="group")

    def of(self, places: np.ndarray) -> "Fitted":
        """Returns the fit of some of its groups, by their (some,) places."""
        if np.array_equal(places, np.arange(len(self.labels))):
            return self
        return self._replace(
            labels=self.labels[places],
            successes=self.successes[places],
            trials=self.trials[places],
            theta=self.theta[:, places] if self.theta.shape[1] else self.theta,
        )

    def kept(self, every: int) -> np.ndarray:
        """Returns the places of one draw of so many, chain by chain."""
        return np.arange(len(self.theta)).reshape(self.num_chains, -1)[:, ::every].ravel()

    def thinned(self, every: int) -> "Fitted":
        """Returns the fit with one draw of so many, chain by chain."""
        if every == 1:
            return self
        draws = self.kept(every)
        parameters = {name: values[draws] for name, values in self.parameters.items()}
        return self._replace(parameters=parameters, theta=self.theta[draws])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (draw, ...) values."""
        return mcse(values.astype(float), self.num_chains, is_independent=self.is_independent)

    def share_error(self, happens: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the shares of (draw, ...) draws."""
        # What happens in no draw, or in all, is known to one draw only.
        return np.maximum(self.error(happens), 1 / len(happens))

    @property
    def rate(self) -> np.ndarray:
        """(group,) raw rates; NaN for a group that was never tried."""
        none = np.full(len(self.trials), np.nan)
        return np.divide(self.successes, self.trials, out=none, where=self.trials > 0)


def read_fit(tree: xr.DataTree, *, needs_theta: bool = True) -> Fitted:
    """Returns a fit as arrays.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        needs_theta: refuse a fit that holds the hyperparameters only.

    Raises:
        InputError: the tree holds no fit, or lacks what is needed.
        TypeError: it is no tree.
    """
    if not isinstance(tree, xr.DataTree):
        raise TypeError(
            f"Expected the tree that fit returned or load read, not {type(tree).__name__}."
        )
    if "posterior" not in tree.children or "hierpool_model" not in tree.attrs:
        raise InputError("The tree holds no fit of hierpool's: pass what fit returned.")
    posterior = tree["posterior"].dataset
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    num_draws = shape[0] * shape[1]
    if needs_theta and "theta" not in posterior:
        raise InputError(
            "The fit holds the hyperparameters only: fit without hyperparameters_only "
            "(--hyperparameters-only) to ask about groups."
        )
    theta = np.empty((num_draws, 0))
    if "theta" in posterior:
        theta = posterior["theta"].transpose("chain", "draw", GROUPS).values.reshape(num_draws, -1)
    observed = tree["observed_data"].dataset["y"]
    return Fitted(
        observed[GROUPS].values.astype(str).astype(object),
        observed.values,
        tree["constant_data"].dataset["n"].values,
        json.loads(tree.attrs["hierpool_model"]),
        {
            str(name): posterior[name].transpose("chain", "draw").values.reshape(num_draws)
            for name in posterior.data_vars
            if name != "theta"
        },
        theta,
        shape[0],
        "sample_stats" not in tree.children,
    )


def find_group(fitted: Fitted, label: str) -> int:
    """Returns the place of a group.

    Raises:
        InputError: there is none of that name; the message names the nearest.
    """
    import difflib

    (places,) = np.nonzero(fitted.labels == label)
    if not len(places):
        near = difflib.get_close_matches(str(label), list(fitted.labels))
        told = f"the nearest name is {near[0]!r}" if near else f"the first is {fitted.labels[0]!r}"
        raise InputError(f"The fit has no group {label!r}; {told}.")
    return int(places[0])


def mcse(values: np.ndarray, num_chains: int, *, is_independent: bool) -> np.ndarray:
    """Returns the Monte Carlo standard errors of means over draws; of chains, by batch means.

    A single row is no draw, and has no error. ArviZ's estimator, sd / sqrt(effective draws), sums
    autocorrelations of one quantity after another, about a millisecond each: a table of 2,000
    groups would wait seconds for each of its columns. On chains of NUTS both agree within their
    own noise; see the tests.

    Source: Flegal and Jones (2010), "Batch Means and Spectral Variance Estimators in Markov Chain
    Monte Carlo".

    Args:
        values: (draw, ...) what was averaged, chain after chain.
        num_chains: chains.
        is_independent: whether the draws are independent.

    Returns:
        (...) standard errors.
    """
    if len(values) == 1:
        return np.zeros(values.shape[1:])
    if not is_independent:
        values = batch_means(values, num_chains)
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def batch_means(values: np.ndarray, num_chains: int) -> np.ndarray:
    """Returns (batch, ...) means of draws in a row; batches are as long as a chain has of them.

    Args:
        values: (draw, ...) values, chain after chain.
        num_chains: chains.
    """
    in_chain = len(values) // num_chains
    length = max(1, int(np.sqrt(in_chain)))
    chains = values.reshape(num_chains, in_chain, *values.shape[1:])
    chains = chains[:, : in_chain // length * length]
    return chains.reshape(-1, length, *values.shape[1:]).mean(axis=1)
