"""What does not converge is tried again with twice the nodes, by whatever route."""

from typing import Any

import numpy as np
import pytest
from tables import HARD_TABLES, PLAYERS, close

import hierpool as hp
from hierpool.exact.quadrature import Quadrature
from hierpool.runtime.settings import check_settings

FRAME = {"y": PLAYERS.successes, "n": PLAYERS.trials}
COLUMNS = {"successes": "y", "trials": "n"}
MODEL = hp.CollapsedPartialPooling()
FEW = 20


def fit(quadrature: Quadrature, seed: int = 0) -> Any:
    return hp.fit(
        FRAME,
        **COLUMNS,
        model=MODEL,
        inference=quadrature,
        seed=seed,
        hyperparameters_only=True,
    )


ROUTES = {
    "fit": lambda quadrature: fit(quadrature).attrs["log_evidence"],
    "estimate": lambda quadrature: (
        hp.estimate(FRAME, **COLUMNS, inference=quadrature, prob=None)
        .population["log_evidence"]
        .iloc[0]
    ),
    "compare": lambda quadrature: (
        hp.compare(FRAME, **COLUMNS, models={"beta": MODEL}, inference=quadrature)
        .models["log_evidence"]
        .iloc[0]
    ),
    "sensitivity": lambda quadrature: (
        hp.sensitivity(FRAME, **COLUMNS, kappa_log_rate=[1.5], inference=quadrature)
        .population["log_evidence"]
        .iloc[0]
    ),
}
every_route = pytest.mark.parametrize("route", ROUTES)


@pytest.fixture(scope="module")
def errors() -> tuple[float, float]:
    """The estimated error with few nodes, and with twice as many."""
    few, twice = (
        fit(Quadrature(num_nodes=nodes, tolerance=1.0)).attrs["quadrature_error"]
        for nodes in (FEW, 2 * FEW)
    )
    assert twice < few
    return few, twice


@every_route
def test_nodes_that_fail_where_twice_as_many_pass_give_no_warning(
    route: str, errors: tuple[float, float]
) -> None:
    tolerance = float(np.sqrt(errors[0] * errors[1]))
    got = ROUTES[route](Quadrature(num_nodes=FEW, tolerance=tolerance))
    want = ROUTES[route](Quadrature(num_nodes=2 * FEW, tolerance=tolerance))
    assert got == want


def test_every_route_has_the_same_evidence() -> None:
    found = [route(Quadrature()) for route in ROUTES.values()]
    # Forms of the data differ in rounding.
    close(found, np.full(4, found[0]), relative=1e-9)


def test_the_tree_holds_the_number_of_nodes_that_was_used(errors: tuple[float, float]) -> None:
    few, twice = errors
    for tolerance, nodes in ((1.0, FEW), (float(np.sqrt(few * twice)), 2 * FEW)):
        attrs = fit(Quadrature(num_nodes=FEW, tolerance=tolerance)).attrs
        assert attrs["quadrature_num_nodes"] == nodes
        assert attrs["quadrature_converged"] == 1
        assert attrs["quadrature_error"] < tolerance


def test_nodes_do_not_depend_on_the_seed() -> None:
    one, other = (fit(Quadrature(), seed) for seed in (0, 1))
    for name in ("log_evidence", "quadrature_error", "quadrature_num_nodes"):
        assert one.attrs[name] == other.attrs[name]
    assert not np.any(one["posterior"]["phi"].values == other["posterior"]["phi"].values)


@pytest.mark.parametrize("seed", range(3))
def test_ten_groups_of_0_of_20_converge_with_every_seed(seed: int) -> None:
    y, n = HARD_TABLES["ten groups 0 of 20"]
    tree = hp.fit(
        {"y": y, "n": n}, **COLUMNS, model=MODEL, inference=Quadrature(num_draws=100), seed=seed
    )
    assert hp.check(tree).problems == ()


def test_the_defaults_of_quadrature_and_the_least_settings() -> None:
    assert hp.Quadrature() == hp.Quadrature(
        num_chains=4, num_draws=1000, num_nodes=48, tolerance=1e-6
    )
    least = {"num_chains": 1, "num_draws": 4, "num_nodes": 8}
    check_settings(Quadrature(**least))  # type: ignore[arg-type]
    for name, value in least.items():
        with pytest.raises(hp.InputError, match=f"{name} must be a whole number, at least {value}"):
            check_settings(Quadrature(**{name: value - 1}))  # type: ignore[arg-type]
