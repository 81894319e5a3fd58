"""What the benchmark makes of anybody's draws."""

import numpy as np
import pytest

from benchmarks.bench import quality as qualities
from benchmarks.bench.quality import quality

EXACT = {"phi": np.array(0.5), "theta": np.linspace(-1, 1, 30)}


def drawn() -> dict[str, np.ndarray]:
    """Returns independent draws about the exact means, 2 chains of 200."""
    rng = np.random.default_rng(0)
    return {name: mean + rng.normal(size=(2, 200, *mean.shape)) for name, mean in EXACT.items()}


def test_independent_draws_count_and_err_as_such() -> None:
    found = quality(drawn(), EXACT)
    assert found["num_parameters"] == 31
    assert 200 < found["ess"] < 500
    # 31 right answers: the largest error is beyond 4.5 standard errors once in 5,000 times.
    assert 1 < found["error"] < 4.5


def test_one_wrong_answer_among_many_is_found() -> None:
    draws = drawn()
    draws["theta"][..., 7] += 0.6
    found = quality(draws, EXACT)
    assert found["error_of"] == "theta[7]"
    assert 8 < found["error"] < 16


def test_one_parameter_that_does_not_move_is_found() -> None:
    draws = drawn()
    draws["theta"][..., 11] = np.repeat(draws["theta"][:, ::50, 11], 50, axis=1)
    assert quality(draws, EXACT)["ess_of"] == "theta[11]"


def test_processes_that_share_the_work_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = quality(drawn(), EXACT)
    monkeypatch.setattr(qualities, "MANY", 1)
    assert quality(drawn(), EXACT) == alone
