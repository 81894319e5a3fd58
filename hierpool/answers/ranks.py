"""Ranks of the groups, and the probabilities that each is the best or among the top."""

from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import xarray as xr

from hierpool.input.arguments import check_prob, tails
from hierpool.input.table import InputError
from hierpool.models.protocol import groups_differ
from hierpool.posterior.fitted import Fitted, read_fit
from hierpool.posterior.sentences import MOST, joined, name_of, percent
from hierpool.runtime.answer import printed
from hierpool.runtime.order import noted
from hierpool.runtime.tables import Table

Best = Literal["highest", "lowest"]
BLOCK = 2**20
"""Number of values of theta sorted at a time."""
MOST_GROUPS = 5000
"""Most groups that are ranked: with more, the table of groups by ranks exceeds 200 MB."""


@printed
class Ranks(NamedTuple):
    """The posterior distribution of each group's rank; rank 1 is the best."""

    groups: pd.DataFrame
    """One row per group that has trials (index ``group``). Columns:

    - ``rank``: posterior mean of the rank, from 1 (the best) to the number of groups.
    - ``rank_mcse``: its Monte Carlo standard error.
    - ``lower``, ``upper``: ends of the equal-tailed interval of the rank: whole numbers.
    - ``best``: probability that the group has rank 1, and its Monte Carlo standard error
      ``best_mcse``.
    - ``top``: probability that the rank is at most the argument ``top``, and its Monte Carlo
      standard error ``top_mcse``."""
    distribution: pd.DataFrame
    """One row per group (index ``group``), one column per rank 1, 2, ...: the probability that the
    group has that rank. Each row and each column adds up to 1. With D independent draws the Monte
    Carlo standard error of a probability p is sqrt(p (1 - p) / D)."""

    @property
    def sentence(self) -> str:
        """The answer: which groups are the most probable to be the best."""
        likely = self.groups["best"].sort_values(ascending=False, kind="stable")[: MOST + 1]
        (first, most), *rest = [(name_of(label), f"{p:.2f}") for label, p in likely.items()]
        after = joined(f"{name} ({probability})" for name, probability in rest) if rest else ""
        best = f"The most probable best of {len(self.groups)} groups is {first} ({most})"
        return best + (f", then {after}." if after else ".")

    def tables(self) -> list[Table]:
        """Returns the table of the groups as it is printed; not that of every rank."""
        attrs = self.groups.attrs
        top = f", top: the first {attrs['top']}" if attrs.get("top", 1) > 1 else ""
        title = f"Ranks, by their means, the {attrs.get('best', 'best')} first (lower and upper: "
        title += f"{percent(self.groups)}{top})"
        unseen = attrs.get("without_trials", 0)
        notes = (f"Groups without trials that are left out: {unseen}.",) if unseen else ()
        keep = ("rank", "best", "lower", "upper", "top")
        return [Table("groups", title, self.groups, keep, sort="rank", notes=notes)]


def rank(tree: xr.DataTree, *, top: int = 1, best: Best = "highest", prob: float = 0.89) -> Ranks:
    """Returns the posterior distribution of each group's rank.

    The groups that have trials are ranked by theta in each joint posterior draw. Ties, which occur
    only where theta has underflowed, are broken at random with a fixed seed.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        top: number of groups that count as the top, from 1 to the number of groups.
        best: whether the "highest" or the "lowest" theta has rank 1.
        prob: probability of the equal-tailed interval from ``lower`` to ``upper``.

    Returns:
        A ``Ranks``:

        - ``groups``: one row per group: ``rank``, its posterior mean rank; ``lower`` and ``upper``,
          the ends of the interval of the rank; ``best``, the probability of rank 1; ``top``, the
          probability of a rank from 1 to ``top``; and the Monte Carlo standard errors
          ``rank_mcse``, ``best_mcse`` and ``top_mcse``.
        - ``distribution``: one row per group, one column per rank: the probability of that rank.

    Raises:
        InputError: an argument is out of range, the model gives all groups the same theta (complete
            pooling), the fit holds the hyperparameters only, no group has trials, or more than
            5,000 have.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import hierpool as hp
        >>> frame = hp.load_dataset("efron-morris-75")
        >>> columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
        >>> tree = hp.fit(frame, **columns, model="collapsed", inference=hp.Quadrature())
        >>> ranks = hp.rank(tree, top=3)
        >>> print(ranks.groups[["rank", "lower", "upper", "best", "top"]].head(2).round(1))
                          rank  lower  upper  best  top
        group
        Roberto Clemente   4.4      1     12   0.2  0.5
        Frank Robinson     5.1      1     13   0.2  0.5
    """
    check_best(best)
    check_prob(prob)
    of_all = read_unequal(tree)
    fitted = with_trials(of_all)
    num_groups = len(fitted.labels)
    if not isinstance(top, int | np.integer):
        raise TypeError(f"top must be a whole number, not {type(top).__name__}.")
    if not 1 <= top <= num_groups:
        raise InputError(f"top must be from 1 to {num_groups}, the groups with trials, not {top}.")
    if num_groups > MOST_GROUPS:
        raise InputError(
            f"The ranks of {num_groups:,} groups have {num_groups**2:,} probabilities, and "
            f"{MOST_GROUPS:,} groups are the most: use expected_loss to see which may be best, "
            "or select for those above a threshold."
        )
    ranks = ranks_of(fitted.theta, best)
    ends = np.quantile(ranks, tails(prob), axis=0, method="inverted_cdf")
    lower, upper = ends.astype(np.int64)
    columns: dict[str, np.ndarray] = {"rank": ranks.mean(axis=0), "rank_mcse": fitted.error(ranks)}
    columns |= {"lower": lower, "upper": upper}
    for name, most in (("best", 1), ("top", top)):
        inside = ranks <= most
        columns |= {name: inside.mean(axis=0), f"{name}_mcse": fitted.share_error(inside)}
    cells = ranks - 1 + num_groups * np.arange(num_groups)
    times = np.bincount(cells.ravel(), minlength=num_groups**2).reshape(num_groups, num_groups)
    unseen = len(of_all.labels) - num_groups
    groups = pd.DataFrame(columns, index=fitted.names)
    return Ranks(
        noted(groups, prob=prob, top=int(top), best=best, without_trials=unseen),
        pd.DataFrame(
            times / len(ranks),
            index=fitted.names,
            columns=pd.RangeIndex(1, num_groups + 1, name="rank"),
        ),
    )


def ranks_of(theta: np.ndarray, best: Best) -> np.ndarray:
    """Returns (draw, group) ranks, 1 for the best: a permutation in each draw.

    Args:
        theta: (draw, group) chances of success.
        best: whether the highest or the lowest theta has rank 1.
    """
    num_draws, num_groups = theta.shape
    rng = np.random.default_rng(0)
    ranks = np.empty(theta.shape, np.int32)
    height = max(1, BLOCK // num_groups)
    for first in range(0, num_draws, height):
        block = theta[first : first + height]
        block = -block if best == "highest" else block
        order = block.argsort(axis=1)
        tied = (np.diff(np.take_along_axis(block, order, axis=1)) == 0).any(axis=1)
        if tied.any():
            order[tied] = np.lexsort((rng.random((tied.sum(), num_groups)), block[tied]))
        np.put_along_axis(
            ranks[first : first + height], order, np.arange(1, num_groups + 1)[None], axis=1
        )
    return ranks


def read_unequal(tree: xr.DataTree) -> Fitted:
    """Returns a fit whose model allows the groups to differ.

    Raises:
        InputError: the model is complete pooling, where all groups share one theta; or as
            ``read_fit``.
    """
    fitted = read_fit(tree)
    if not groups_differ(fitted.model):
        raise InputError(
            f"Under {type(fitted.model).__name__} all groups have the same theta, so none is "
            "better than another: fit PartialPooling or another model to compare groups."
        )
    return fitted


def with_trials(fitted: Fitted) -> Fitted:
    """Returns a fit without the groups that have no trials.

    Raises:
        InputError: no group has trials.
    """
    (indices,) = np.nonzero(fitted.trials > 0)
    if not len(indices):
        raise InputError("No group has trials: there is nothing to compare.")
    return fitted.of(indices)


def check_best(best: str) -> None:
    """Raises ``InputError`` unless ``best`` is "highest" or "lowest"."""
    if best not in get_args(Best):
        raise InputError(f"best must be 'highest' or 'lowest', not {best!r}.")
