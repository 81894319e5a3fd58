"""Reads a report's rows: medians, ranges, and what to expect of an error."""

import statistics
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Key = str | Callable[[dict[str, Any]], float | None]


def rows_in(report: dict[str, Any], work: str) -> list[Row]:
    """Returns the rows of a work."""
    return [row for row in report["rows"] if row["work"] == work]


def row_of(report: dict[str, Any], work: str, contender: str, size: int | None = None) -> Row:
    """Returns one row; an empty one if the report has none."""
    for row in rows_in(report, work):
        if row["contender"] == contender and size in (None, row["size"]):
            return row
    return {"work": work, "contender": contender, "label": contender, "size": size, "runs": []}


def values(row: Row, key: Key) -> list[float]:
    """Returns the measurements of a row's runs, without those that could not be made."""
    found = [key(run) if callable(key) else run.get(key) for run in row["runs"]]
    return [value for value in found if value is not None]


def median(row: Row, key: Key) -> float | None:
    """Returns the median of a row's runs, or None if there is none."""
    found = values(row, key)
    return statistics.median(found) if found else None


def rate(run: dict[str, Any]) -> float | None:
    """Returns the fewest effective draws a second of warm-up and draws."""
    return run["ess"] / run["sampling"] if "ess" in run else None


def pace(run: dict[str, Any]) -> float | None:
    """Returns the seconds of warm-up and draws that an effective draw takes."""
    return run["sampling"] / run["ess"] if "ess" in run else None


def drawing(run: dict[str, Any]) -> float | None:
    """Returns the seconds of the draws alone, or None if they can't be told apart."""
    warmup = run.get("warmup")
    return None if warmup is None else run["sampling"] - warmup


def drawing_rate(run: dict[str, Any]) -> float | None:
    """Returns the fewest effective draws a second of the draws alone."""
    seconds = drawing(run)
    return run["ess"] / seconds if seconds and "ess" in run else None


def short(value: float | None) -> str:
    """Returns a number with three figures, or a dash."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(row: Row, key: Key) -> str:
    """Returns a median with its range."""
    found = values(row, key)
    if len(found) < 2:
        return short(found[0] if found else None)
    return f"{short(statistics.median(found))} ({short(min(found))} to {short(max(found))})"


def expected_error(num_parameters: int) -> float:
    """Returns the median of the largest of so many independent normal errors."""
    quantile = 0.5 ** (1 / num_parameters)
    return statistics.NormalDist().inv_cdf((1 + quantile) / 2)


def fastest(rows: list[Row], key: Key) -> Row | None:
    """Returns the row with the least median, of those that were measured."""
    measured = [(found, i) for i, row in enumerate(rows) if (found := median(row, key)) is not None]
    return rows[min(measured)[1]] if measured else None
