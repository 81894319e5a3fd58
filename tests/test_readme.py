"""The README: its examples run and print what it says, and its figures are the benchmark's."""

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pages import ROOT, blocks_of, differences, run_page

README = (ROOT / "README.md").read_text()
# What these do is tested elsewhere: they make environments.
EXAMPLES = re.sub(r"^```sh\n(?:make|pip) .*?^```\n", "", README, flags=re.DOTALL | re.MULTILINE)
PICTURE = ROOT / "docs" / "images" / "shrinkage.png"
# The rows of the benchmark that a row of the README is taken from.
CONTENDERS = {
    "hierpool, joint NUTS": ("| `hierpool fit`, joint |", "| hierpool, joint NUTS |"),
    "hierpool, exact": ("| hierpool, Quadrature draws", "| hierpool, `estimate`, with intervals |"),
    "PyMC + nutpie": ("| PyMC + nutpie |",),
    "NumPyro, compiled once": ("| NumPyro, compiled once |",),
    "Stan (PyStan)": ("| Stan (PyStan) |",),
}
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def as_on_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    yield
    plt.close("all")


def test_the_examples_run_and_print_what_the_readme_says(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    views = random.negative_binomial(1, 1 / 400, 40) + 1
    clicks = random.binomial(views, random.beta(0.03 * 60, 0.97 * 60, 40))
    frame = pd.DataFrame({"campaign": range(40), "clicks": clicks, "views": views})
    frame.to_csv(tmp_path / "campaigns.csv", index=False)
    languages, said = [], []
    for block, printed in run_page(EXAMPLES, tmp_path):
        languages.append(block.language)
        if block.printed is not None:
            said += differences(block.printed, printed)
    assert sorted(languages) == ["python", "sh"] and not said, "\n".join(said)
    assert {"campaigns.nc", "campaigns.html", "ranking.csv", "shrinkage.png"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_python_says_what_it_prints() -> None:
    assert [
        block.printed is not None for block in blocks_of(EXAMPLES) if block.language == "python"
    ]


def test_the_commands_of_make_are_the_readmes() -> None:
    for target in ("demo", "test"):
        assert f"\nmake {target}\n" in README
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_the_readme_fits_three_screens_and_its_picture_a_page() -> None:
    assert len(README.splitlines()) <= 110
    assert f"]({PICTURE.relative_to(ROOT)})" in README
    assert PICTURE.stat().st_size < 120_000


@pytest.mark.parametrize("name", CONTENDERS)
def test_the_figures_beside_its_peers_are_medians_of_the_benchmark(name: str) -> None:
    lines = (ROOT / "benchmarks" / "results" / "bench.md").read_text().splitlines()
    printed = {
        cell.split(" (")[0].strip()
        for line in lines
        for row in CONTENDERS[name]
        if row.removeprefix("| ") in line
        for cell in line.split("|")
    }
    (row,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", README, re.MULTILINE)
    figures = [cell.strip() for cell in row.split("|")]
    assert len(figures) == 5 and set(figures) <= printed
