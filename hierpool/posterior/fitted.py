"""A fitted tree as checked arrays, from which answers are computed."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.input.errors import InputError
from hierpool.input.labels import find_name, index_of
from hierpool.models.beta_population import BetaPopulation
from hierpool.models.catalogue import class_of_name
from hierpool.models.protocol import Model, heavy_tailed
from hierpool.posterior.convergence import ConvergenceWarning
from hierpool.posterior.partial import PartialFitWarning
from hierpool.posterior.values import read_values
from hierpool.runtime.warn import warn


class Fitted(NamedTuple):
    """A fit: its data, and its draws, chain after chain in one dimension."""

    labels: np.ndarray
    """(group,) names: text of dtype object, or numbers or times."""
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
    """Number of chains that the draws come from."""
    is_independent: bool
    """Whether every draw is exact and independent of the others."""

    @property
    def model(self) -> Model:
        """The fitted model, rebuilt from its settings.

        Raises:
            InputError: it is none of hierpool's models, and ``load`` was not given it.
        """
        model: Model = class_of_name(self.settings["name"])(
            **{field: value for field, value in self.settings.items() if field != "name"}
        )
        return model

    @property
    def heavy_tailed(self) -> tuple[str, ...]:
        """The parameters whose posterior variance may be infinite, as the model declares them."""
        try:
            return heavy_tailed(self.model)
        except InputError:
            # The class of a user's own model is not at hand: kappa as under the default prior.
            return BetaPopulation.heavy_tailed

    @property
    def names(self) -> pd.Index:
        """The groups' names, as the index of a table."""
        return index_of(self.labels)

    def with_theta(self) -> "Fitted":
        """Returns the fit itself, if it holds theta.

        Raises:
            InputError: the fit holds the hyperparameters only.
        """
        if not self.theta.shape[1]:
            raise InputError(
                "The fit holds the hyperparameters only: fit without hyperparameters_only "
                "(--hyperparameters-only) to ask about groups."
            )
        return self

    def of(self, places: np.ndarray) -> "Fitted":
        """Returns the fit restricted to some of its groups, given their (some,) indices."""
        if np.array_equal(places, np.arange(len(self.labels))):
            return self
        return self._replace(
            labels=self.labels[places],
            successes=self.successes[places],
            trials=self.trials[places],
            theta=self.theta[:, places] if self.theta.shape[1] else self.theta,
        )

    def kept(self, every: int) -> np.ndarray:
        """Returns the indices of every ``every``-th draw within each chain."""
        return np.arange(len(self.theta)).reshape(self.num_chains, -1)[:, ::every].ravel()

    def thinned(self, every: int) -> "Fitted":
        """Returns the fit with every ``every``-th draw within each chain."""
        if every == 1:
            return self
        draws = self.kept(every)
        parameters = {name: values[draws] for name, values in self.parameters.items()}
        return self._replace(parameters=parameters, theta=self.theta[draws])

    def error(self, values: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the means of (draw, ...) values."""
        return mcse(values.astype(float), self.num_chains, is_independent=self.is_independent)

    def share_error(self, happens: np.ndarray) -> np.ndarray:
        """Returns (...) Monte Carlo standard errors of the shares of (draw, ...) events."""
        # An event that occurs in no draw, or in all, would have error 0: its share is known no
        # better than to one draw.
        return np.maximum(self.error(happens), 1 / len(happens))

    @property
    def rate(self) -> np.ndarray:
        """(group,) raw rates; NaN for a group without trials."""
        none = np.full(len(self.trials), np.nan)
        return np.divide(self.successes, self.trials, out=none, where=self.trials > 0)


def read_fit(tree: xr.DataTree, *, needs_theta: bool = True) -> Fitted:
    """Returns a fit as checked arrays; every answer reads its tree by this function.

    Args:
        tree: a fit, as returned by ``fit`` or ``load``.
        needs_theta: whether to refuse a fit that holds the hyperparameters only.

    Raises:
        InputError: the tree holds no fit, or impossible values, or lacks theta.
        TypeError: the argument is not a tree.

    Warns:
        ConvergenceWarning: the fit did not converge. The warning points at the user's own line.
        PartialFitWarning: the fit was stopped before its last draw.
    """
    values = read_values(tree)
    num_chains, num_draws = (tree["posterior"].sizes[dim] for dim in ("chain", "draw"))
    total = num_chains * num_draws
    theta = np.empty((total, 0)) if values.theta is None else values.theta.reshape(total, -1)
    fitted = Fitted(
        values.labels,
        values.successes,
        values.trials,
        values.settings,
        {name: draws.reshape(total) for name, draws in values.parameters.items()},
        theta,
        num_chains,
        "sample_stats" not in tree.children,
    )
    if values.partial:
        warn(values.partial, PartialFitWarning)
    if values.problems:
        warn(
            f"The fit did not converge, and its answers should not be trusted: "
            f"{' '.join(values.problems)}",
            ConvergenceWarning,
        )
    return fitted.with_theta() if needs_theta else fitted


def find_group(fitted: Fitted, label: Any) -> int:
    """Returns the index of a group.

    Raises:
        InputError: there is no group of that name; the message gives the nearest name.
    """
    return find_name(fitted.labels, label)


def mcse(values: np.ndarray, num_chains: int, *, is_independent: bool) -> np.ndarray:
    """Returns the Monte Carlo standard errors of means over draws, for chains by batch means.

    A single row is an exact value and not a draw: its error is 0. ArviZ's estimator,
    sd / sqrt(effective draws), sums autocorrelations of one quantity after another, which takes
    about a millisecond each: a table of 2,000 groups would take seconds for each of its columns.
    On chains of NUTS both agree within their own noise, as the tests show.

    Source: Flegal and Jones (2010), "Batch Means and Spectral Variance Estimators in Markov Chain
    Monte Carlo".

    Args:
        values: (draw, ...) values that are averaged, chain after chain.
        num_chains: number of chains.
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
    """Returns (batch, ...) means of consecutive draws; a batch has sqrt(draws per chain) draws.

    Args:
        values: (draw, ...) values, chain after chain.
        num_chains: number of chains.
    """
    in_chain = len(values) // num_chains
    length = max(1, int(np.sqrt(in_chain)))
    chains = values.reshape(num_chains, in_chain, *values.shape[1:])
    chains = chains[:, : in_chain // length * length]
    return chains.reshape(-1, length, *values.shape[1:]).mean(axis=1)
