"""A model as a picture: its quantities as shapes, with those of the groups in a plate."""

from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from hierpool.answers.model_graph import graph_and_plate
from hierpool.models.catalogue import check_model
from hierpool.models.graph import Graph, Kind, Node
from hierpool.models.protocol import Model
from hierpool.plots.style import FAINT, INK, QUIET, Axes, patches, pyplot, styled
from hierpool.posterior.fitted import read_fit

FONT_SIZE = 9.0
LETTER, LINE = 0.078, 0.16
"""Width and height of a letter of that size, in inches; a little more than they are."""
ROW = 1.05
"""Distance between rows, in inches."""
HEAD = 0.45
"""Height of the title, in inches."""
LONGEST_LINE = 24
"""Letters of the longest text that stays in one line."""
ROUNDS = 20
"""How often every node moves towards those that it is joined with."""


@styled
def plot_model(
    model: Model | str | xr.DataTree, *, num_groups: int | None = None, axes: Axes | None = None
) -> Axes:
    """Returns a picture of a model as a graph, with a plate around the quantities of a group.

    Shapes tell what a quantity is: an ellipse is a parameter, a hexagon is computed from others, a
    filled box is observed, and hyperparameters and trials have no frame. A dashed frame means that
    the model integrates over the quantity, in place of exploring it.

    Args:
        model: a model, its word, or a fit, whose model is drawn.
        num_groups: number of groups, written at the plate; that of the fit by default.
        axes: where to draw; a new figure by default.

    Returns:
        The Matplotlib axes.

    Raises:
        InputError: an argument breaks a rule, or the model has no ``statements``.
        TypeError: an argument has the wrong type.
        ImportError: matplotlib is not installed.

    Examples:
        >>> import hierpool as hp
        >>> axes = hp.plot_model(hp.PartialPooling(), num_groups=18)
        >>> print(axes.get_title(loc="left"))
        PartialPooling
    """
    graph, plate = graph_and_plate(model, num_groups)
    sizes = {name: _size(node) for name, node in graph.items()}
    places = _places(graph, {name: width for name, (width, _) in sizes.items()})
    legend = _legend(graph)
    left = min(x - sizes[name][0] / 2 for name, (x, _) in places.items()) - 0.4
    right = max(x + sizes[name][0] / 2 for name, (x, _) in places.items()) + 0.4
    right = max(right, left + LETTER * max(map(len, legend)) + 0.5)
    bottom = min(y for _, y in places.values()) - ROW
    top = max(y for _, y in places.values()) + 0.4
    if axes is None:
        whole = top - bottom + HEAD
        # Lengths are inches: the layout of the figure must not change them.
        figure = pyplot.figure(figsize=(right - left, whole), layout="none")
        axes = figure.add_axes((0.02, 0, 0.96, 1 - HEAD / whole))
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
    scale = min(1.0, *(_inches(axes) / (right - left, top - bottom)))
    shapes = {
        name: _drawn(axes, node, places[name], sizes[name], scale) for name, node in graph.items()
    }
    for name, node in graph.items():
        for parent in node.parents:
            axes.annotate(
                "",
                places[name],
                places[parent],
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": QUIET,
                    "patchA": shapes[parent],
                    "patchB": shapes[name],
                    "shrinkA": 1,
                    "shrinkB": 1,
                },
            )
    _draw_plate(axes, graph, places, sizes, plate, scale)
    axes.text(
        left,
        bottom + 0.12,
        "\n".join(legend),
        fontsize=(FONT_SIZE - 1) * scale,
        color=QUIET,
        va="bottom",
    )
    axes.set_title(_name(model))
    return axes


def _name(model: Any) -> str:
    if isinstance(model, xr.DataTree):
        return str(read_fit(model, needs_theta=False).settings["name"])
    return type(check_model(model)).__name__


def _legend(graph: Graph) -> list[str]:
    """Returns the lines that say what the shapes mean, of those that are there."""
    shapes: dict[Kind, str] = {
        "parameter": "ellipse: parameter",
        "deterministic": "hexagon: computed",
        "observed": "filled: observed",
        "given": "no frame: given",
    }
    kinds = {node.kind for node in graph.values()}
    lines = [", ".join(text for kind, text in shapes.items() if kind in kinds)]
    if any(node.is_integrated_out for node in graph.values()):
        lines.append("dashed: integrated out, then drawn given the rest")
    return lines


def _text(node: Node) -> str:
    """Returns the text of a node, in two lines if it is long."""
    if node.kind == "given" or len(node.text) <= LONGEST_LINE:
        return node.text
    name, relation, formula = node.text.split(" ", 2)
    return f"{name} {relation}\n{formula}"


def _size(node: Node) -> tuple[float, float]:
    """Returns the width and the height of a node in inches."""
    lines = _text(node).split("\n")
    width, height = LETTER * max(map(len, lines)), LINE * len(lines)
    # An ellipse must reach around the corners of its text, and a hexagon has points.
    more = {"parameter": (1.3, 1.6), "deterministic": (1.15, 1.5)}.get(node.kind, (1.0, 1.2))
    return width * more[0] + 0.12, height * more[1] + 0.1


def _places(graph: Graph, widths: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Returns the centre of every node in inches, the first row at 0 and the next ones below."""
    rows = _rows(graph)
    x = {name: 0.0 for name in graph}
    joined: dict[str, list[str]] = {name: list(node.parents) for name, node in graph.items()}
    for name, node in graph.items():
        for parent in node.parents:
            joined[parent].append(name)
    of_row = [
        [name for name in graph if rows[name] == row] for row in range(max(rows.values()) + 1)
    ]
    for _ in range(ROUNDS):
        for names in of_row:
            wanted = {name: float(np.mean([x[other] for other in joined[name]])) for name in names}
            for name in names:
                if not graph[name].parents:
                    beside = [wanted[other] for other in joined[name] if other in names]
                    wanted[name] = min([wanted[name], *(at - 1e-6 for at in beside)])
            # The order in which the model states them breaks ties.
            names.sort(key=wanted.__getitem__)
            steps = [(widths[a] + widths[b]) / 2 + 0.25 for a, b in pairwise(names)]
            at = np.concatenate([[0.0], np.cumsum(steps)])
            at += np.mean(list(wanted.values())) - at.mean()
            x |= dict(zip(names, at.tolist(), strict=True))
    return {name: (x[name], -ROW * rows[name]) for name in graph}


def _rows(graph: Graph) -> dict[str, int]:
    """Returns the row of every node: below those it arises from, and the plate below the rest.

    What arises from nothing within the plate stands beside what arises from it: from above, arrows
    of the population would cross it.
    """
    rows: dict[str, int] = {}
    free = [node for node in graph.values() if node.kind != "given"]
    for inside in (False, True):
        first = 1 + max(rows.values(), default=0)
        for node in free:
            if node.is_of_a_group == inside:
                below = [rows[of] + bool(graph[of].parents) for of in node.parents if of in rows]
                rows[node.name] = max([first, *below])
    for node in graph.values():
        if node.kind == "given":
            rows[node.name] = min(rows[of.name] for of in free if node.name in of.parents) - 1
    return rows


def _drawn(
    axes: Axes, node: Node, place: tuple[float, float], size: tuple[float, float], scale: float
) -> patches.Patch:
    """Draws a node, and returns its shape."""
    (x, y), (width, height) = place, size
    corner = (x - width / 2, y - height / 2)
    shape: patches.Patch
    if node.kind == "parameter":
        shape = patches.Ellipse(place, width, height)
    elif node.kind == "deterministic":
        point = 0.12
        across = [-width / 2, -width / 2 + point, width / 2 - point, width / 2]
        across += [width / 2 - point, -width / 2 + point]
        up = np.array([0, 1, 1, 0, -1, -1]) * height / 2
        shape = patches.Polygon(np.stack([x + np.array(across), y + up], axis=1))
    else:
        shape = patches.Rectangle(corner, width, height)
    shape.set(
        facecolor=FAINT if node.kind == "observed" else "white",
        edgecolor="none" if node.kind == "given" else INK,
        linestyle="--" if node.is_integrated_out else "-",
        linewidth=1.1,
        zorder=2,
    )
    axes.add_patch(shape)
    axes.text(x, y, _text(node), ha="center", va="center", fontsize=FONT_SIZE * scale, zorder=3)
    return shape


def _draw_plate(
    axes: Axes,
    graph: Graph,
    places: dict[str, tuple[float, float]],
    sizes: dict[str, tuple[float, float]],
    label: str,
    scale: float,
) -> None:
    inside = [name for name, node in graph.items() if node.is_of_a_group]
    halves = {name: np.array(sizes[name]) / 2 for name in inside}
    low = np.min([places[name] - halves[name] for name in inside], axis=0) - (0.15, 0.35)
    high = np.max([places[name] + halves[name] for name in inside], axis=0) + 0.15
    # Wide enough for its label.
    high[0] = max(high[0], low[0] + LETTER * len(label) + 0.2)
    width, height = high - low
    rounded = patches.BoxStyle.Round(pad=0, rounding_size=0.1)
    axes.add_patch(
        patches.FancyBboxPatch(tuple(low), width, height, boxstyle=rounded, fc="none", ec=QUIET)
    )
    axes.text(
        high[0] - 0.1, low[1] + 0.07, label, ha="right", color=QUIET, fontsize=FONT_SIZE * scale
    )


def _inches(axes: Axes) -> np.ndarray:
    """Returns the width and the height of axes in inches."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return np.array(axes.get_window_extent().size) / figure.dpi
