from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(params=["float64", "float32"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test in either precision."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture
def double() -> Iterator[None]:
    """Runs a test in float64."""
    with jax.enable_x64(True):
        yield
