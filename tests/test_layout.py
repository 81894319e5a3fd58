"""Imports point downwards: the floors of the house."""

import ast
from pathlib import Path

import pytest

import hierpool

PACKAGE = Path(__file__).parent.parent / "hierpool"
FLOORS = [
    {
        "special",
        "counts",
        "files",
        "flat",
        "placement",
        "rising",
        "bulk",
        "compilation_cache",
        "stats",
        "scope",
        "programs",
    },
    {"likelihood", "normal_log_odds", "places", "grid"},
    {"histograms", "nuts", "quadrature", "labels"},
    {"population", "table", "tally", "arguments", "refining"},
    {"models", "mixture", "datasets", "memory"},
    {"logit_normal", "exact"},
    {"sampling", "priors", "thetas", "flags"},
    {"chains", "inference_data"},
    {"convergence", "exploring", "fitted", "jobs"},
    {"fitting", "estimating", "summary", "leave_one_out", "plug_in"},
    {"chances", "printing", "cli_tables", "by_label", "checking", "comparing", "prior_sweep"},
    {"weights", "trend", "event_chances", "ranks"},
    {"new_groups", "pairwise"},
    {"predicting"},
    {"scoring"},
    {"cli_estimate", "cli_summary", "cli_decisions", "cli_predictions", "cli_models"},
    {"cli"},
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
