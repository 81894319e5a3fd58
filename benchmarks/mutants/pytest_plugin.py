"""A plugin of pytest for benchmarks/mutants: times the tests, and runs those that know it first.

``HIERPOOL_TIMES`` names a file to write: the seconds of each test, and those that failed.
``HIERPOOL_ORDER`` names such a file to read: tests that failed are left out, and the quick ones run
before the slow ones, file by file in the order of the command.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

SLOW = 1.0
"""Seconds from which a test waits for the quick ones of all files."""


class Times:
    """Adds up what each test took, its fixtures included."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds one of a test's three phases."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Writes the file."""
        found = {"seconds": self.seconds, "failed": sorted(self.failed)}
        self.path.write_text(json.dumps(found))


class Order:
    """Runs the tests that tell soonest first."""

    def __init__(self, path: Path) -> None:
        found = json.loads(path.read_text())
        self.seconds, self.failed = found["seconds"], set(found["failed"])

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sorts the tests."""
        files = list(dict.fromkeys(item.path for item in items))
        rank = {path: i for i, path in enumerate(files)}

        def key(item: pytest.Item) -> tuple[bool, int, float]:
            seconds = self.seconds.get(item.nodeid, SLOW)
            return seconds >= SLOW, rank[item.path], seconds

        items[:] = sorted((item for item in items if item.nodeid not in self.failed), key=key)


def pytest_configure(config: pytest.Config) -> None:
    """Does what the environment asks for; in a worker of xdist, nothing."""
    if times := os.environ.get("HIERPOOL_TIMES"):
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(Times(Path(times)))
    elif order := os.environ.get("HIERPOOL_ORDER"):
        config.pluginmanager.register(Order(Path(order)))
