"""A model as the text of a graph, in the languages of Graphviz and of Mermaid."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import xarray as xr

from hierpool.input.errors import InputError
from hierpool.models.catalogue import check_model
from hierpool.models.graph import Graph, Node, graph_of
from hierpool.models.protocol import Model
from hierpool.posterior.fitted import read_fit
from hierpool.runtime.settings import whole

Format = Literal["dot", "mermaid"]
DOT_SHAPES = {
    "given": "shape=plaintext",
    "parameter": "shape=ellipse",
    "deterministic": "shape=hexagon",
    "observed": "shape=box, style=filled, fillcolor=lightgrey",
}
MERMAID_SHAPES = {
    "given": '>"{}"]',
    "parameter": '(["{}"])',
    "deterministic": '{{{{"{}"}}}}',
    "observed": '["{}"]',
}


def model_graph(
    model: Model | str | xr.DataTree, *, format: Format = "dot", num_groups: int | None = None
) -> str:
    """Returns a model as a graph, in the language of Graphviz or of Mermaid.

    Shapes tell what a quantity is: an ellipse (in Mermaid a stadium) is a parameter, a hexagon is
    computed from others, a grey box is observed, and hyperparameters and trials have no frame (in
    Mermaid a flag). A dashed frame means that the model integrates over the quantity. The
    quantities of each group stand in a plate.

    Args:
        model: a model, its word, or a fit, whose model is taken.
        format: "dot" for Graphviz, "mermaid" for Mermaid.
        num_groups: number of groups, written at the plate; that of the fit by default.

    Returns:
        The text of the graph, without a final newline.

    Raises:
        InputError: an argument breaks a rule, or the model has no ``statements``.
        TypeError: an argument has the wrong type.

    Examples:
        >>> import hierpool as hp
        >>> print(hp.model_graph("complete", format="mermaid", num_groups=18))
        flowchart TD
          phi_alpha>"phi_alpha = 1"]
          phi_beta>"phi_beta = 1"]
          phi(["phi ~ Beta(1, 1)"])
          subgraph groups["group i = 1, ..., 18"]
            theta_i{{"theta_i = phi"}}
            n_i>"n_i: trials"]
            y_i["y_i ~ Binomial(n_i, theta_i)"]
          end
          phi_alpha --> phi
          phi_beta --> phi
          phi --> theta_i
          n_i --> y_i
          theta_i --> y_i
          classDef observed fill:#d5dae0
          class y_i observed
          classDef integrated stroke-dasharray:4
          class phi,theta_i integrated
    """
    if format not in get_args(Format):
        raise InputError(f"format must be one of {get_args(Format)}, not {format!r}.")
    graph, plate = graph_and_plate(model, num_groups)
    return "\n".join(_WRITERS[format](graph, plate))


def graph_and_plate(model: Any, num_groups: int | None) -> tuple[Graph, str]:
    """Returns the graph of a model, and the label of the plate of its groups.

    Args:
        model: a model, its word, or a fit.
        num_groups: number of groups; None for that of the fit, or for an unknown number.

    Raises:
        InputError: ``num_groups`` is not positive, or the model has no ``statements``.
        TypeError: an argument has the wrong type.
    """
    if isinstance(model, xr.DataTree):
        fitted = read_fit(model, needs_theta=False)
        model, num_groups = fitted.model, len(fitted.labels)
    last = "G" if num_groups is None else f"{whole(1)('num_groups', num_groups):,}"
    return graph_of(check_model(model)), f"group i = 1, ..., {last}"


def _dot(graph: Graph, plate: str) -> list[str]:
    def line(node: Node) -> str:
        style = ", style=dashed" if node.is_integrated_out else ""
        return f'{node.name} [label="{node.text}", {DOT_SHAPES[node.kind]}{style}];'

    inside = [f"    {line(node)}" for node in graph.values() if node.is_of_a_group]
    return [
        "digraph model {",
        *(f"  {line(node)}" for node in graph.values() if not node.is_of_a_group),
        "  subgraph cluster_groups {",
        f'    label="{plate}"; labeljust=r; labelloc=b;',
        *inside,
        "  }",
        *(f"  {parent} -> {of};" for of, parent in _arrows(graph)),
        "}",
    ]


def _mermaid(graph: Graph, plate: str) -> list[str]:
    def line(node: Node) -> str:
        return node.name + MERMAID_SHAPES[node.kind].format(node.text)

    dashed = ",".join(node.name for node in graph.values() if node.is_integrated_out)
    observed = ",".join(node.name for node in graph.values() if node.kind == "observed")
    lines = [
        "flowchart TD",
        *(f"  {line(node)}" for node in graph.values() if not node.is_of_a_group),
        f'  subgraph groups["{plate}"]',
        *(f"    {line(node)}" for node in graph.values() if node.is_of_a_group),
        "  end",
        *(f"  {parent} --> {of}" for of, parent in _arrows(graph)),
    ]
    if observed:
        lines += ["  classDef observed fill:#d5dae0", f"  class {observed} observed"]
    if dashed:
        lines += ["  classDef integrated stroke-dasharray:4", f"  class {dashed} integrated"]
    return lines


def _arrows(graph: Graph) -> list[tuple[str, str]]:
    return [(node.name, parent) for node in graph.values() for parent in node.parents]


_WRITERS: dict[str, Callable[[Graph, str], list[str]]] = {"dot": _dot, "mermaid": _mermaid}
