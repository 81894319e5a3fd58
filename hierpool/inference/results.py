"""What ``estimate`` returns."""

from typing import NamedTuple

import pandas as pd

from hierpool.posterior.sentences import (
    OF_THETA,
    groups_in_words,
    plural,
    population_in_words,
    titled,
)
from hierpool.runtime.answer import printed
from hierpool.runtime.tables import Table


@printed
class Estimate(NamedTuple):
    """Exact posteriors in two tables, whose columns ``estimate`` describes."""

    groups: pd.DataFrame
    """The posterior of theta, one row per group, in the order of the input."""
    population: pd.DataFrame
    """The posterior of the population, one row per data set."""

    @property
    def sentence(self) -> str:
        """The answer: the new groups, or the lowest and the highest group and the population."""
        if len(self.population) > 1:
            return groups_in_words(self.groups, plural(len(self.population), "population"))
        return groups_in_words(self.groups, population_in_words(self.population))

    def tables(self) -> list[Table]:
        """Returns the tables as they are printed."""
        population = Table(
            "population",
            titled("Population", self.groups),
            self.population,
            keep=("phi_mean", "kappa_median", "new_group_mean", "phi_lower", "phi_upper"),
            has_scales=True,
        )
        groups = Table(
            "groups",
            titled("Groups", self.groups),
            self.groups,
            keep=OF_THETA,
            sort="mean",
            within=self.groups.index.nlevels - 1,
        )
        return [population, groups]
