"""The table of groups as columns: for the first rows as text, and for the script as numbers."""

from typing import Any, NamedTuple

import numpy as np

from hierpool.input.labels import texts
from hierpool.reports.asking import Asked
from hierpool.reports.wording import decimals_of


class Column(NamedTuple):
    """A column of numbers, one per group."""

    key: str
    """Its name for the script and the pictures."""
    label: str
    note: str
    """What it means, in a few words."""
    values: np.ndarray
    """(group,) numbers; NaN where there is none."""
    decimals: int = 0
    """Number of decimals that are shown."""
    is_percent: bool = False
    """Whether it is shown in percent."""

    def shown(self, row: int) -> str:
        """Returns a number as text, empty for NaN."""
        value = float(self.values[row]) * (100 if self.is_percent else 1)
        if np.isnan(value):
            return ""
        return f"{value:,.{self.decimals}f}{'%' if self.is_percent else ''}"

    @property
    def places(self) -> int:
        """Number of decimals that the script is given: one more than it shows, for sorting."""
        return self.decimals + 3 * self.is_percent + (self.decimals > 0)

    @property
    def data(self) -> dict[str, Any]:
        """The column for the script: whole numbers, which are short, in units of 10^-places."""
        whole = np.round(self.values.astype(float) * 10.0**self.places)
        is_there = np.isfinite(whole)
        numbers = np.where(is_there, whole, 0).astype(np.int64).tolist()
        return {
            "key": self.key,
            "places": self.places,
            "decimals": self.decimals,
            "percent": self.is_percent,
            "values": [
                number if there else None
                for number, there in zip(numbers, is_there.tolist(), strict=True)
            ],
        }


class Groups(NamedTuple):
    """The groups of a fit, sorted: the highest estimate first."""

    names: list[str]
    """(group,) their names."""
    is_new: np.ndarray
    """(group,) whether a group was added as a new one."""
    columns: dict[str, Column]
    """The columns by their keys, in their order."""
    decimals: int
    """Number of decimals of a chance of success."""

    def values(self, *keys: str) -> list[np.ndarray]:
        """Returns (group,) the values of each of some columns."""
        return [self.columns[key].values for key in keys]

    def interval(self, row: int) -> str:
        """Returns the interval of a group as text."""
        return f"{self.columns['lower'].shown(row)} to {self.columns['upper'].shown(row)}"


def groups_of(asked: Asked, new_names: set[str], prob: float) -> Groups:
    """Returns the groups of a fit with all that is known of each.

    Args:
        asked: what the fit answered.
        new_names: names of the groups that were added as new ones.
        prob: probability of the intervals.
    """
    table = asked.summary.groups
    has_theta = "mean" in table
    order = np.argsort(-table["mean" if has_theta else "rate"].to_numpy(), kind="stable")
    decimals = decimals_of(float(np.median(table["sd"])) if has_theta else np.nan)
    names = texts(asked.fitted.labels[order])
    columns = [
        Column("rate", "Raw rate", "successes / trials", table["rate"].to_numpy(), decimals),
        Column("successes", "Successes", "in the data", table["successes"].to_numpy()),
        Column("trials", "Trials", "in the data", table["trials"].to_numpy()),
    ]
    if has_theta:
        interval = f"of the {100 * prob:g}% interval"
        columns[:0] = [
            Column("mean", "Estimate", "posterior mean", table["mean"].to_numpy(), decimals),
            Column("lower", "From", f"lower end {interval}", table["lower"].to_numpy(), decimals),
            Column("upper", "To", f"upper end {interval}", table["upper"].to_numpy(), decimals),
        ]
    if "shrinkage" in table:
        note = "weight of the population in the estimate"
        columns.append(_share("shrinkage", "Pooled", note, table["shrinkage"].to_numpy()))
    if asked.highest.answer is not None:
        best = asked.highest.answer.reindex(table.index).to_numpy()
        columns.append(_share("best", "Pr(highest)", "probability of being the highest", best))
    if asked.ranks.answer is not None:
        ranks = asked.ranks.answer.reindex(table.index)
        if asked.top > 1:
            note = f"probability of being among the {asked.top} highest"
            columns.append(_share("top", f"Pr(top {asked.top})", note, ranks["top"].to_numpy()))
        interval = f"{100 * prob:g}% interval of the rank"
        columns += [
            Column("rank", "Rank", "mean rank; 1 is the highest", ranks["rank"].to_numpy(), 1),
            Column("first", "Rank from", f"{interval}, first", ranks["lower"].to_numpy()),
            Column("last", "Rank to", f"{interval}, last", ranks["upper"].to_numpy()),
        ]
    return Groups(
        names,
        np.array([name in new_names for name in names], bool),
        {column.key: column._replace(values=column.values[order]) for column in columns},
        decimals,
    )


def _share(key: str, label: str, note: str, values: np.ndarray) -> Column:
    return Column(key, label, note, values, decimals=1, is_percent=True)
