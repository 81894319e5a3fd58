"""The report of a run: tables in Markdown, and a picture, from its JSON.

`python -m benchmarks.bench.report` writes them anew from benchmarks/results/bench.json.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.bench import notes
from benchmarks.bench.goals import goals
from benchmarks.bench.numbers import (
    Key,
    Row,
    drawing,
    drawing_rate,
    expected_error,
    median,
    rate,
    row_of,
    rows_in,
    short,
    spread,
    values,
)
from benchmarks.bench.slopes import slopes

Report = dict[str, Any]


def write(report: Report, folder: Path) -> None:
    """Writes bench.md and bench.png into a folder."""
    (folder / "bench.md").write_text("\n".join(markdown(report)) + "\n")
    from benchmarks.bench.plot import draw  # Late: the tables do without matplotlib.

    draw(report, folder / "bench.png")


def markdown(report: Report) -> list[str]:
    """Returns the lines of the tables."""
    parts = {
        "Goals": [*goals(report), "", notes.GOALS],
        "W1: 19 groups, whole process, no caches": [
            *_whole(report, "W1 cold"),
            "",
            notes.WHOLE,
        ],
        "W1: 19 groups, whole process, caches kept": _whole(report, "W1 warm"),
        "W1: 19 groups, sampling alone": [*_sampling(report), "", *_expectations(report)],
        "W1: 19 groups, answers without draws": _estimates(report),
        "W2: many groups": [*_groups(report), "", _settings(report, "W2") + notes.GROUPS],
        "W3: many data sets": [*_sets(report), "", _settings(report, "W3 loop") + notes.SETS],
        "W4: many chains, seconds of sampling": [
            *_chains(report),
            "",
            _settings(report, "W4") + notes.CHAINS,
        ],
        "W5: growth": [*slopes(report), "", notes.SLOPES],
    }
    lines = ["# hierpool beside its peers", "", *_head(report)]
    for title, part in parts.items():
        lines += ["", f"## {title}", "", *part]
    return lines


def _head(report: Report) -> list[str]:
    machine = report["machine"]
    told = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return [
        "Printed by `python -m benchmarks.bench`.",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['gigabytes']} GB, "
        f"{machine['system']}, no GPU, float64; Python {machine['python']}; {told}.",
        "",
        "Every run is a process of its own; contenders take turns. Medians of runs with their "
        "range; fewer runs, as each row says, where more would take longer than the row's "
        "seconds. A process is stopped after its limit.",
        "",
        *_table(
            "work | form | started | minutes | runs | seconds of a row | limit of a process, s",
            [_run(work, report["works"][work]) for work in sorted(report["works"])],
        ),
    ]


def _run(work: str, run: dict[str, Any]) -> list[str]:
    form, minutes = run["form"], f"{run['seconds'] / 60:.1f}"
    limits = [str(form[name]) for name in ("runs", "budget", "timeout")]
    return [work, form["name"], run["started"], minutes, *limits]


def _settings(report: Report, work: str) -> str:
    """Returns the sentence that tells what samplers were asked for in a work."""
    asked = [row["task"]["settings"] for row in rows_in(report, work) if "settings" in row["task"]]
    if not asked:
        return ""
    numbers = sorted({settings[0] for settings in asked})
    chains = f"{numbers[0]} chains" if len(numbers) == 1 else "Chains"
    _, num_warmup, num_draws, target = asked[0]
    return f"{chains} of {num_warmup:,} + {num_draws:,}, target acceptance {target}. "


def _table(head: str, rows: list[list[str]]) -> list[str]:
    columns = head.count("|") + 1
    cells = [" | ".join(row) for row in rows]
    return [f"| {head} |", "|" + "---|" * columns, *(f"| {line} |" for line in cells)]


def _failed(row: Row, columns: int) -> list[str]:
    """Returns the cells of a row that was not measured: its reason, and dashes."""
    return [row["label"], row["reason"] or "not run yet", *["-"] * (columns - 2)]


def _apart(row: Row, key: Key) -> str:
    """Returns the median of a part of the time, or that it is together with another."""
    if row["task"].get("task") != "whole" or not all(values(row, "is_apart")):
        return "together"
    return short(median(row, key))


def _whole(report: Report, work: str) -> list[str]:
    rows = []
    for row in rows_in(report, work):
        if not row["runs"]:
            rows.append(_failed(row, 6))
            continue
        parts = [_apart(row, key) for key in ("importing", "compiling", "sampling")]
        rows.append([row["label"], spread(row, "wall"), *parts, str(len(row["runs"]))])
    return _table("contender | whole, s | importing | compiling | sampling | runs", rows)


def _sampling(report: Report) -> list[str]:
    rows = []
    for row in rows_in(report, "W1 sampling"):
        if not row["runs"]:
            rows.append(_failed(row, 11))
            continue
        is_apart = median(row, drawing) is not None
        rows.append(
            [
                row["label"],
                _compiling(report, row),
                short(median(row, "warmup")) if is_apart else "together",
                short(median(row, drawing)) if is_apart else "together",
                spread(row, "sampling"),
                spread(row, "call"),
                spread(row, "ess"),
                spread(row, rate),
                short(median(row, drawing_rate)),
                spread(row, "error"),
                str(len(row["runs"])),
            ]
        )
    return _table(
        "contender | compiling, s | warm-up, s | draws, s | sampling, s | whole call, s | "
        "fewest effective draws | a second of sampling | a second of draws | "
        "worst error, MCSE | runs",
        rows,
    )


def _compiling(report: Report, row: Row) -> str:
    """Returns the seconds of compiling without caches, where there is such a run."""
    if not all(values(row, "is_apart")):
        return "at every call"
    cold = median(row_of(report, "W1 cold", row["contender"]), "compiling")
    return short(median(row, "compiling") if cold is None else cold)


def _expectations(report: Report) -> list[str]:
    numbers = {
        int(number)
        for row in rows_in(report, "W1 sampling")
        for number in values(row, "num_parameters")
    }
    told = "; ".join(f"{number} parameters: {expected_error(number):.2f}" for number in numbers)
    return [
        _settings(report, "W1 sampling")
        + "A run after one with another seed, where the first would compile. "
        "Effective draws by ArviZ's bulk estimator, the fewest of phi, kappa_log and every theta. "
        "Worst error: the largest distance of a mean from the exact one, in Monte Carlo standard "
        "errors of that mean. Exact are the means of `hierpool.estimate`, which the tests hold to "
        "1e-6 of an independent quadrature. The largest of so many right answers is typically "
        f"(were they independent) - {told}. Sampling is warm-up and draws, by a sampler's own "
        "clock where it has one (PyMC, Stan); the whole call has what else it does, which for "
        "hierpool is replicates, log likelihoods, prior draws and a verdict. Compiling is "
        "without caches; PyMC's is with all that it sets up at each call."
    ]


def _estimates(report: Report) -> list[str]:
    rows = []
    for row in rows_in(report, "W1 estimate"):
        if not row["runs"]:
            rows.append(_failed(row, 5))
            continue
        worst = median(row, "error_in_sd")
        error = "exact" if worst is None else f"{short(worst)} sd"
        if (effective := median(row, "effective")) is not None:
            worth = f"{short(effective)} effective draws, another prior"
            rows.append([row["label"], spread(row, "sampling"), worth, "-", str(len(row["runs"]))])
            continue
        ratio = median(row, "sd_ratio")
        share = "exact" if ratio is None else f"{short(ratio)} of it"
        cells = [row["label"], spread(row, "sampling"), error, share, str(len(row["runs"]))]
        rows.append(cells)
    return _table("contender | warm, s | worst error of a mean | least sd | runs", rows)


def _groups(report: Report) -> list[str]:
    rows = []
    for row in rows_in(report, "W2"):
        size = f"{row['size']:,}"
        if not row["runs"]:
            rows.append([size, *_failed(row, 8)])
            continue
        number = median(row, "num_parameters")
        error = short(median(row, "error"))
        if number is not None:
            error += f" (of {number:,.0f}: {expected_error(int(number)):.2f})"
        is_apart = all(values(row, "is_apart"))
        rows.append(
            [
                size,
                row["label"],
                spread(row, "sampling") + ("" if is_apart else ", compiling with it"),
                short(median(row, "ess")),
                spread(row, rate) if number is not None else "-",
                error,
                short(median(row, "megabytes")),
                short(median(row, "compiling")),
                str(len(row["runs"])),
            ]
        )
    return _table(
        "groups | contender | sampling or estimating, s | fewest effective draws | a second | "
        "worst error, MCSE (to expect) | memory, MB | compiling, caches kept, s | runs",
        rows,
    )


def _sets(report: Report) -> list[str]:
    sizes = sorted({row["size"] for row in rows_in(report, "W3")})
    rows = []
    for name in dict.fromkeys(row["contender"] for row in rows_in(report, "W3")):
        found = [row_of(report, "W3", name, size) for size in sizes]
        cells = [spread(row, "sampling") if row["runs"] else row["reason"] for row in found]
        number = min((len(row["runs"]) for row in found), default=0)
        rows.append([found[0]["label"], *cells, "measured", str(number)])
    for row in rows_in(report, "W3 loop"):
        each = median(row, "each")
        if each is None:
            rows.append(_failed(row, len(sizes) + 3))
            continue
        cells = [short(each * size) for size in sizes]
        told = f"extrapolated from {row['size']} tables"
        rows.append([row["label"], *cells, told, str(len(row["runs"]))])
    head = " | ".join(f"{size:,}, s" for size in sizes)
    return _table(f"contender | {head} | how | runs", rows)


def _chains(report: Report) -> list[str]:
    sizes = sorted({row["size"] for row in rows_in(report, "W4")})
    rows = []
    for name in dict.fromkeys(row["contender"] for row in rows_in(report, "W4")):
        found = [row_of(report, "W4", name, size) for size in sizes]
        cells = [spread(row, "sampling") if row["runs"] else row["reason"] for row in found]
        rows.append([found[0]["label"], *cells, str(min(len(row["runs"]) for row in found))])
    return _table("contender | " + " | ".join(map(str, sizes)) + " | runs, at least", rows)


if __name__ == "__main__":
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "results"
    write(json.loads((results / "bench.json").read_text()), results)
