"""A model as a graph: its quantities, how each arises, and from which others.

A model states itself in lines, as its docstring does: ``statements``, a tuple of texts such as
"phi ~ Beta(phi_alpha, phi_beta)". What stands before "~" has a distribution, and what stands before
"=" follows from others. A name that ends in ``_i`` belongs to a group. Every model is given the
trials ``n_i``, and observes the successes ``y_i``. Quantities that the model integrates over, in
place of exploring them, are named by ``integrated_out``.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from hierpool.input.errors import InputError
from hierpool.models.protocol import Collapsible

Kind = Literal["given", "parameter", "deterministic", "observed"]
"""What a quantity is: known beforehand, unknown, computed from others, or seen."""
TRIALS, SUCCESSES = "n_i", "y_i"
WORD = re.compile(r"[A-Za-z]\w*")
STATEMENT = re.compile(r"\s*([A-Za-z]\w*)\s*([~=])\s*(\S.*)")
DENSITIES = ("log_prior", "log_density")
"""Methods that compute what the statements say."""


class Node(NamedTuple):
    """A quantity of a model."""

    name: str
    """Its name, as "theta_i"."""
    text: str
    """How it arises, with the values of hyperparameters: "phi ~ Beta(1, 1)"."""
    kind: Kind
    """What it is."""
    parents: tuple[str, ...]
    """The names of the quantities from which it arises."""
    is_integrated_out: bool = False
    """Whether the model integrates over it, in place of exploring it."""

    @property
    def is_of_a_group(self) -> bool:
        """Whether every group has one of its own."""
        return self.name.endswith("_i")


Graph = dict[str, Node]
"""The quantities of a model by name, each after those from which it arises."""


def graph_of(model: Any) -> Graph:
    """Returns a model as a graph.

    A model without statements of its own has those of its form with theta integrated out.

    Args:
        model: a model.

    Raises:
        InputError: the model has no statements, they break a rule, or they are those of a base
            class whose density the model replaces.
    """
    name = type(model).__name__
    stated = model
    if not hasattr(model, "statements") and isinstance(model, Collapsible):
        stated = model.collapsed()
    if not hasattr(stated, "statements") or _are_of_a_base(type(stated)):
        raise InputError(
            f"{name} has no statements of its own, from which its graph is drawn: add to the class "
            'statements = ("phi ~ Beta(1, 1)", ...), one text for each of its quantities.'
        )
    values = {field: _short(value) for field, value in vars(stated).items()}
    integrated_out = getattr(model, "integrated_out", ())
    parsed = [_parsed(line, name) for line in stated.statements]
    names = {of for of, _, _ in parsed} | set(values) | {TRIALS}
    graph: Graph = {}
    for of, relation, formula in parsed:
        parents = tuple(dict.fromkeys(word for word in WORD.findall(formula) if word in names))
        graph |= {node.name: node for node in _given(parents, values)}
        for parent in parents:
            if parent not in graph:
                raise InputError(
                    f"{name}: the statement of {of} uses {parent}, which is stated after it: put "
                    "every quantity after those from which it arises."
                )
        kind: Kind = "deterministic" if relation == "=" else "parameter"
        if of == SUCCESSES:
            kind = "observed"
        filled = WORD.sub(lambda word: values.get(word[0], word[0]), formula)
        graph[of] = Node(of, f"{of} {relation} {filled}", kind, parents, of in integrated_out)
    return graph


def _parsed(line: str, name: str) -> tuple[str, ...]:
    """Returns the name, the relation and the formula of a statement."""
    match = STATEMENT.fullmatch(line)
    if match is None:
        raise InputError(
            f'{name}: a statement must read "name ~ distribution" or "name = formula", not '
            f"{line!r}."
        )
    return match.groups()


def _given(parents: tuple[str, ...], values: dict[str, str]) -> Iterator[Node]:
    """Yields the trials and the hyperparameters among the parents of a quantity."""
    for parent in parents:
        if parent == TRIALS:
            yield Node(TRIALS, f"{TRIALS}: trials", "given", ())
        elif parent in values:
            yield Node(parent, f"{parent} = {values[parent]}", "given", ())


def _are_of_a_base(kind: type) -> bool:
    """Returns whether a derived class has a density of its own, but its base's statements."""
    home = _home(kind, "statements")
    return not all(issubclass(home, _home(kind, of)) for of in DENSITIES if hasattr(kind, of))


def _home(kind: type, name: str) -> type:
    """Returns the class that defines a name; the class itself if an instance does."""
    return next((base for base in kind.__mro__ if name in vars(base)), kind)


def _short(value: Any) -> str:
    value = np.asarray(value)
    return f"{float(value):g}" if value.ndim == 0 and value.dtype.kind in "iuf" else "..."
