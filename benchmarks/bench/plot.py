"""One picture of a run: four panels. hierpool's lines are whole, peers' are dashed."""

from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.bench.numbers import Key, Row, median, rate, row_of, rows_in, short
from benchmarks.peers.contenders import PEERS

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  After the choice of a backend without a screen.
from matplotlib.axes import Axes  # noqa: E402

Report = dict[str, Any]
LINES = ("estimate", "joint", "collapsed", "collapsed-population", "quadrature", "plug-in", *PEERS)
OURS = ("#1b7837", "#5aae61", "#a6dba0", "#762a83", "#c2a5cf")
THEIRS = ("#252525", "#636363", "#969696", "#e08214", "#2166ac")
MARKERS = "osD^vP*Xd<>"
SHORT = {
    "command-joint": "hierpool fit, joint",
    "command-collapsed": "hierpool fit, collapsed",
    "command-estimate": "hierpool estimate",
    "joint": "hierpool joint",
    "joint-population": "hierpool joint",
    "collapsed": "hierpool collapsed",
    "collapsed-population": "hierpool population",
    "quadrature": "hierpool Quadrature",
    "estimate": "hierpool estimate",
    "moments": "hierpool estimate, moments",
    "plug-in": "plug-in",
    "pymc": "PyMC",
    "nutpie": "nutpie",
    "numpyro": "NumPyro",
    "blackjax": "BlackJAX",
    "stan": "Stan",
}


def draw(report: Report, target: Path) -> None:
    """Draws the picture into a PNG file."""
    figure, ((rates, walls), (groups, sets)) = plt.subplots(
        2, 2, figsize=(13, 9.5), layout="constrained"
    )
    names = ("quadrature", "collapsed", "joint", *PEERS)
    rows = [row_of(report, "W1 sampling", name) for name in names]
    _bars(rates, rows, rate, "19 groups: fewest effective draws a second (more is better)")
    _walls(walls, report)
    _groups(groups, report)
    _sets(sets, report)
    lines = {}
    for axes in (groups, sets):
        handles, labels = axes.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    if lines:
        figure.legend(lines.values(), lines, loc="outside lower center", ncols=6, fontsize=9)
    day = min(run["started"] for run in report["works"].values())[:10]
    cores = report["machine"]["cores"]
    figure.suptitle(f"hierpool beside its peers, {cores} cores, float64, {day}")
    figure.savefig(target, dpi=110)
    plt.close(figure)


def _name(contender: str) -> str:
    return SHORT.get(contender, contender)


def _colour(contender: str) -> str:
    if contender in PEERS:
        return THEIRS[PEERS.index(contender)]
    if contender == "plug-in":
        return "#b2182b"
    kinds = ("joint", "collapsed", "quadrature", "estimate")
    return next((OURS[i] for i, kind in enumerate(kinds) if kind in contender), OURS[4])


def _bars(axes: Axes, rows: list[Row], key: Key, title: str) -> None:
    for i, row in enumerate(reversed(rows)):
        found = median(row, key)
        axes.barh(i, found or 0, color=_colour(row["contender"]))
        told = short(found) if found is not None else row.get("reason") or "not measured"
        axes.annotate(
            told if len(told) < 40 else told[:37] + "...",
            (found or 0, i) if found else (0.01, i),
            xycoords="data" if found else ("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rows)), [_name(row["contender"]) for row in reversed(rows)])
    axes.set_xscale("log")
    axes.margins(x=0.25)
    axes.set_title(title, fontsize=10)


def _walls(axes: Axes, report: Report) -> None:
    names = ("command-joint", "command-collapsed", "command-estimate", *PEERS)
    height = 0.38
    for i, name in enumerate(reversed(names)):
        for work, offset, alpha in (("W1 cold", height / 2, 1.0), ("W1 warm", -height / 2, 0.55)):
            found = median(row_of(report, work, name), "wall")
            if found is None:
                continue
            axes.barh(i + offset, found, height, color=_colour(name), alpha=alpha)
            axes.annotate(
                f"{found:.1f}" + (" cold" if work == "W1 cold" else " caches kept"),
                (found, i + offset),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    axes.set_yticks(range(len(names)), [_name(name) for name in reversed(names)])
    axes.margins(x=0.3)
    axes.set_title("19 groups: seconds of the whole process (less is better)", fontsize=10)


def _line(axes: Axes, contender: str, points: list[tuple[int, float | None]]) -> None:
    measured = sorted((size, seconds) for size, seconds in points if seconds is not None)
    if measured:
        axes.plot(
            *zip(*measured, strict=True),
            "--" if contender in (*PEERS, "plug-in") else "-",
            marker=MARKERS[LINES.index(contender) % len(MARKERS)],
            color=_colour(contender),
            label=_name(contender),
        )


def _groups(axes: Axes, report: Report) -> None:
    names = ("joint", "collapsed-population", "estimate", "plug-in", *PEERS)
    rows = [
        row for row in rows_in(report, "W2") if row["contender"] in (*names, "joint-population")
    ]
    sizes = {row["size"] for row in rows}
    if len(sizes) == 1:
        title = f"{min(sizes):,} groups: seconds, compiled before (less is better)"
        _bars(axes, rows, "sampling", title)
        return
    for name in names:
        kinds = (name, "joint-population") if name == "joint" else (name,)
        own = [row for row in rows if row["contender"] in kinds]
        _line(axes, name, [(row["size"], median(row, "sampling")) for row in own])
    _log_log(axes, "groups", "Seconds by groups, compiled before")


def _sets(axes: Axes, report: Report) -> None:
    rows, loops = rows_in(report, "W3"), rows_in(report, "W3 loop")
    sizes = sorted({row["size"] for row in rows})
    if len(sizes) == 1:
        title = f"{sizes[0]:,} data sets: seconds (loops but for estimate)"
        _bars(axes, [*rows, *loops], lambda run: run["each"] * sizes[0], title)
        return
    estimates = [row for row in rows if row["contender"] == "estimate"]
    _line(axes, "estimate", [(row["size"], median(row, "sampling")) for row in estimates])
    for row in loops:
        each = median(row, "each")
        if each is not None:
            _line(axes, row["contender"], [(size, each * size) for size in sizes])
    _log_log(axes, "data sets", "Seconds by data sets (all but estimate: loops, extrapolated)")


def _log_log(axes: Axes, size: str, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(size)
    axes.set_ylabel("seconds")
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.set_xscale("log")
        axes.set_yscale("log")
