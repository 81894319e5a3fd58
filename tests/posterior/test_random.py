import numpy as np
import pytest

from hierpool.posterior import random as bulk


def test_draws_in_bulk_do_not_depend_on_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = np.linspace(1, 50, 300), np.linspace(2, 90, 300)
    y, f = np.arange(500) % 7, np.arange(500) % 5

    def drawn(threads: int) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr(bulk.os, "cpu_count", lambda: threads)
        theta_seed, seed = np.random.SeedSequence(3).spawn(2)
        theta = bulk.betas(theta_seed, a, b, y, f)
        return theta, bulk.binomials(seed, y + f, theta)

    one, many = drawn(1), drawn(5)
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])
    assert len(np.unique(one[0])) == one[0].size


def test_a_beta_of_parameters_that_underflow_is_0_or_1() -> None:
    seed = np.random.SeedSequence(0)
    nothing, whole = np.zeros(2), np.array([0, 5])
    theta = bulk.betas(seed, nothing, nothing, whole, whole[::-1])
    np.testing.assert_array_equal(theta, [[0, 1], [0, 1]])
