"""The answers of a fit in sentences: who is highest, what checks found, which model predicts."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from hierpool.reports.asking import Asked, word_of
from hierpool.reports.columns import Groups
from hierpool.reports.wording import counted, how_sure, percent, signed

MOST_NEW = 5
"""Most new groups whose answers come first."""
SUSPECT = 0.01
"""A p-value below this, or above 1 minus this, is pointed out."""


class Answer(NamedTuple):
    """A chance of success, and what is to be said of it."""

    name: str
    estimate: str
    interval: str
    rest: str
    """A sentence that follows."""


def answers_of(asked: Asked, groups: Groups, new_names: set[str], prob: float) -> list[Answer]:
    """Returns the answers that come first: new groups, then the group that is highest.

    Args:
        asked: what the fit answered.
        groups: the groups, the highest first.
        new_names: names of the groups that were added as new ones.
        prob: probability of the intervals.
    """
    interval = f"{100 * prob:g}% interval"
    if "mean" not in groups.columns:
        return []

    def answer(index: int, name: str, rest: str) -> Answer:
        estimate = groups.columns["mean"].shown(index)
        return Answer(name, estimate, f"{groups.interval(index)}, {interval}", rest)

    if asked.is_shared:
        return [answer(0, "All groups", "The model gives all of them the same chance of success.")]
    rows = np.flatnonzero(groups.is_new)
    found = [answer(row, groups.names[row], _data(groups, row)) for row in rows[:MOST_NEW]]
    known = np.flatnonzero(groups.columns["trials"].values > 0)
    if not len(known):
        return found
    first = int(known[0])
    rest = "It has the highest estimate"
    if len(known) == 1:
        rest = "It is the only group with trials."
    elif "best" in groups.columns:
        best = groups.columns["best"].values
        sure = percent(best[first])
        rest += (
            f". The probability that it is truly the highest of {counted(len(known), 'group')} "
            f"with trials is {sure}, {how_sure(best[first])}."
        )
        other = int(np.nanargmax(best))
        if best[other] > best[first] and best[other] >= 0.01:
            rest += f" The most probable highest is {groups.names[other]}, {percent(best[other])}."
    else:
        rest += f" of {counted(len(known), 'group')} with trials."
    if first in rows[:MOST_NEW]:
        found = [each for each in found if each.name != groups.names[first]]
    return [*found, answer(first, groups.names[first], rest)]


def _data(groups: Groups, row: int) -> str:
    y, n = (groups.columns[key].shown(row) for key in ("successes", "trials"))
    data = "without trials" if n == "0" else f"with {y} of {n}"
    return f"A new group, {data} so far."


class Finding(NamedTuple):
    """What a check found."""

    name: str
    sentence: str
    is_fine: bool


def findings_of(asked: Asked) -> list[Finding]:
    """Returns the checks of the model in sentences."""
    found = []
    table = asked.predictive.answer
    if table is None:
        found.append(Finding("Predictive check", f"Left out: {asked.predictive.reason}", True))
    else:
        odd = table[(table["p_mid"] < SUSPECT) | (table["p_mid"] > 1 - SUSPECT)]
        names = ", ".join(f"the {statistic} of {of}" for of, statistic in odd.index)
        sentence = (
            f"Data drawn from the fit rarely look like the data in {names}."
            if names
            else "Data drawn from the fit look like the data, in every statistic below."
        )
        found.append(Finding("Predictive check", sentence, not names))
    answer = asked.exchangeable.answer
    name = "Do rates go with the number of trials?"
    if answer is None:
        found.append(Finding(name, f"Left out: {asked.exchangeable.reason}", True))
    else:
        found.append(Finding(name, answer.sentence, answer.verdict != "rates go with trials"))
    return found


def conclusion_of(asked: Asked) -> str:
    """Returns which model predicts a group best from the others; empty if not compared."""
    table = asked.compared.answer
    if table is None:
        return ""
    best, other = (_NAMES.get(str(name), str(name)) for name in table.index[:2])
    gap, error = -table["difference"].iloc[1], table["difference_se"].iloc[1]
    if gap < 0.05:
        return f"{best} and {other.lower()} predict a group equally well from the others."
    if table.index[0] == word_of(asked.fitted.settings["name"]):
        best += ", the model of this fit,"
    clearly = "clearly" if gap > 2 * error else "but not clearly"
    return (
        f"{best} predicts a group best from the others, {clearly}: its elpd is {gap:,.1f} above "
        f"that of {other.lower()} (standard error {error:.1f})."
    )


_NAMES = {
    "complete": "Complete pooling",
    "none": "No pooling",
    "partial": "Partial pooling",
    "collapsed": "Partial pooling (collapsed)",
    "gamma": "Partial pooling (gamma)",
    "spread": "Partial pooling (spread)",
    "logit": "Partial pooling of log-odds",
    "collapsed-logit": "Partial pooling of log-odds (collapsed)",
}


def comparison_rows(asked: Asked) -> list[list[str]]:
    """Returns the rows of the comparison of models as text; none if not compared."""
    table = pd.DataFrame() if asked.compared.answer is None else asked.compared.answer
    return [
        [
            _NAMES.get(str(name), str(name)),
            *(
                signed(row[column], 1)
                for column in ("elpd", "difference", "difference_se", "log_evidence")
            ),
        ]
        for name, row in table.iterrows()
    ]
