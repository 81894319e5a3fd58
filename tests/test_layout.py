"""Imports point downwards: the floors of the house."""

import ast
from pathlib import Path

import pytest

import hierpool

PACKAGE = Path(__file__).parent.parent / "hierpool"
FLOORS = [
    {
        "beta_binomial",
        "bulk",
        "compilation_cache",
        "contradiction",
        "counts",
        "files",
        "flat",
        "keywords",
        "programs",
        "rhat",
        "rising",
        "scope",
        "special",
        "stats",
        "stretch",
        "terminal",
    },
    {
        "chart",
        "diagnostics",
        "grid",
        "likelihood",
        "normal_log_odds",
        "nuts",
        "placement",
        "places",
        "stopping",
    },
    {
        "datasets",
        "failures",
        "frames",
        "histograms",
        "netcdf",
        "quadrature",
        "whole_numbers",
        "writing",
    },
    {"labels", "population", "refining", "tally"},
    {"added", "jobs", "mixture", "models"},
    {"exact", "logit_normal", "sampling", "table", "thetas"},
    {"chains", "leave_one_out", "memory", "model_words", "priors"},
    {"arguments", "exploring", "flags"},
    {"fit_attributes", "plug_in"},
    {"fit_values"},
    {"convergence", "inference_data"},
    {"cli_tables", "estimating", "fitted", "fitting"},
    {
        "by_label",
        "chances",
        "checking",
        "cli_estimate",
        "cli_models",
        "cli_predictions",
        "comparing",
        "prior_sweep",
        "ranks",
        "summary",
    },
    {"pairwise", "printing", "trend", "weights"},
    {"cli_summary", "event_chances", "new_groups"},
    {"cli_decisions", "predicting"},
    {"cli", "scoring"},
    {"__main__"},
]
FLOOR = {module: height for height, modules in enumerate(FLOORS) for module in modules}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
DEVICE = {
    "special",
    "counts",
    "likelihood",
    "normal_log_odds",
    "population",
    "models",
    "logit_normal",
    "nuts",
    "sampling",
    "flat",
    "placement",
    "grid",
    "quadrature",
    "histograms",
    "mixture",
    "exact",
    "chart",
    "stretch",
}


def imported(module: str) -> set[str]:
    """Returns the names of the modules a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "hierpool":
            names |= {f"hierpool.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_every_module_has_a_floor() -> None:
    assert set(MODULES) == set(FLOOR)


def test_no_public_name_is_a_modules() -> None:
    # Whoever imported the module would get it in place of the function.
    assert not set(hierpool.__all__) & set(MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("cli")])
def test_imports_point_downwards(module: str) -> None:
    ours = {name.removeprefix("hierpool.") for name in imported(module) if "hierpool" in name}
    upwards = {name for name in ours if FLOOR[name] >= FLOOR[module]}
    assert not upwards


@pytest.mark.parametrize("module", MODULES)
def test_only_nuts_imports_blackjax(module: str) -> None:
    uses = any(name.split(".")[0] == "blackjax" for name in imported(module))
    assert uses == (module == "nuts")


@pytest.mark.parametrize("module", sorted(DEVICE))
def test_device_code_never_sees_a_frame(module: str) -> None:
    libraries = {name.split(".")[0] for name in imported(module)}
    assert not libraries & {"pandas", "xarray", "arviz", "arviz_base", "arviz_stats"}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_past_four_hundred_lines(module: str) -> None:
    assert len((PACKAGE / f"{module}.py").read_text().splitlines()) <= 400
