"""Checks groups that are added to a table or a fit, ``new_groups={"rookie": (0, 4)}``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierpool.input.errors import InputError
from hierpool.input.labels import KINDS, SEPARATOR, find
from hierpool.input.whole_numbers import LARGEST_COUNT, is_whole, unwrapped

NewGroups = Mapping[Any, tuple[int, int]]
"""Successes and trials by name; a name is text, or of the kind of the other groups' names."""


class Added(NamedTuple):
    """Groups to add, checked."""

    names: list[Any]
    """(new group,) names."""
    successes: np.ndarray
    """(new group,) int64 successes."""
    trials: np.ndarray
    """(new group,) int64 trials."""


def read_new_groups(new_groups: NewGroups | None, labels: np.ndarray) -> Added:
    """Returns groups to add, checked.

    Args:
        new_groups: successes and trials by name.
        labels: (group,) the names of the groups to which they are added.

    Raises:
        InputError: a name or a number breaks a rule.
        TypeError: ``new_groups`` is not a mapping.
    """
    new_groups = {} if new_groups is None else new_groups
    if not isinstance(new_groups, Mapping):
        raise TypeError(
            'new_groups must map names to (successes, trials), as {"rookie": (0, 4)}, and is '
            f"{type(new_groups).__name__}."
        )
    pairs = [_pair(name, counts, labels) for name, counts in new_groups.items()]
    names = [in_kind(name, labels) for name in new_groups]
    # Labels may repeat in several data sets, but new groups are refused there: no names to find.
    known = find(labels, names) >= 0 if names else np.zeros(0, bool)
    for index in np.flatnonzero(known)[:1]:
        raise InputError(
            f"New group {str(names[index])!r} has the name of a group of the table: give it "
            "another."
        )
    for name, times in Counter(map(str, names)).items():
        if times > 1:
            raise InputError(f"Two new groups are called {name!r}: give each a name of its own.")
    counts = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return Added(names, counts[:, 0], counts[:, 1])


def parts_of(name: Any, columns: Sequence[str]) -> tuple[Any, ...]:
    """Returns the values that a new group has in the columns that name the groups.

    Args:
        name: a tuple of the values, or their label, as "north, 7".
        columns: names of the columns, more than one.

    Raises:
        InputError: there are more or fewer values than columns.
    """
    parts = name if isinstance(name, tuple) else tuple(str(name).split(SEPARATOR))
    if len(parts) != len(columns):
        values = ", ".join(columns)
        raise InputError(
            f"New group {str(name)!r} needs a value for each of {values}: name it by the tuple "
            f"({values}), or by one text, {values!r}."
        )
    return parts


def in_kind(name: Any, labels: np.ndarray) -> Any:
    """Returns a name, converted from text to a number if the other groups' names are numbers.

    On a command line every name is text.
    """
    if isinstance(name, str) and labels.dtype.kind in "iuf":
        try:
            number = labels.dtype.type(name)
        except (ValueError, OverflowError):
            return name
        return number if str(number) == name else name
    return name


def _pair(name: Any, counts: Any, labels: np.ndarray) -> tuple[int, int]:
    """Returns the successes and trials of a new group, checked."""
    is_text = isinstance(name, str) and bool(name.strip())
    if not is_text and not _is_of_kind(name, labels):
        raise InputError(
            "The name of a new group must be text that is not blank, or of the kind of the other "
            f"groups' names, not {name!r}."
        )
    if np.shape(counts) != (2,):
        raise InputError(f"New group {str(name)!r} needs (successes, trials), not {counts!r}.")
    successes, trials = map(unwrapped, counts)
    if (
        not (is_whole(successes) and is_whole(trials))
        or not 0 <= successes <= trials <= LARGEST_COUNT
    ):
        shown = [repr(n.item() if hasattr(n, "item") else n) for n in counts]
        raise InputError(
            f"New group {str(name)!r} has {shown[0]} of {shown[1]}: whole numbers are needed, "
            "with 0 <= successes <= trials <= 2^53."
        )
    return int(successes), int(trials)


def _is_of_kind(name: Any, labels: np.ndarray) -> bool:
    """Returns whether a name that is not text is of the kind of the labels, numbers or times."""
    if isinstance(name, bool) or not isinstance(name, int | float | np.generic | datetime):
        return False
    own = pd.Series([name])
    kind = own.to_numpy().dtype.kind
    return (
        kind in "iufM" and bool(own.notna().all()) and KINDS.get(labels.dtype.kind) == KINDS[kind]
    )


def as_json(new_groups: NewGroups | None) -> dict[str, list[int]]:
    """Returns new groups in a form that can be stored as an attribute of a file."""
    return {
        str(name): [int(count) for count in counts] for name, counts in (new_groups or {}).items()
    }
