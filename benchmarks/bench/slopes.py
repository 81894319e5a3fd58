"""How time and memory grow: slopes on log axes, from the top of what was measured."""

import math
from typing import Any

from benchmarks.bench.numbers import Row, median, rows_in, short

TOP = 100
"""The points from a hundredth of the largest size on: two decades."""
KINDS = {
    "W2": "groups",
    "W3": "data sets",
    "W4": "chains",
    "W5": "draws a chain",
}


def slopes(report: dict[str, Any]) -> list[str]:
    """Returns the table of slopes, a row a contender and a kind of size."""
    lines = [
        "| against | contender | from | to | time | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for work, kind in KINDS.items():
        rows = [row for row in rows_in(report, work) if row["runs"]]
        for contender in dict.fromkeys(row["contender"] for row in rows):
            own = [row for row in rows if row["contender"] == contender]
            largest = max(row["size"] for row in own)
            top = [row for row in own if row["size"] * TOP >= largest]
            if len(top) < 2:
                continue
            sizes = [row["size"] for row in top]
            time, memory = (short(_slope(top, key)) for key in ("sampling", "megabytes"))
            lines.append(
                f"| {kind} | {top[0]['label']} | {min(sizes):,} | {max(sizes):,} "
                f"| {time} | {memory} |"
            )
    return lines


def _slope(rows: list[Row], key: str) -> float | None:
    """Returns the least-squares slope of the log of a measurement against the log of the size."""
    points = [(row["size"], median(row, key)) for row in rows]
    logs = [(math.log(size), math.log(found)) for size, found in points if found and found > 0]
    if len(logs) < 2:
        return None
    mean_x, mean_y = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    across = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / across
