"""Weighted moments, and draws in proportion to weights."""

import numpy as np
import pytest

from hierpool.posterior import weights
from hierpool.posterior.conditional import Betas, Points
from hierpool.posterior.weights import moments, of_rows, resampled

RNG = np.random.default_rng(0)
WEIGHT = RNG.dirichlet(np.ones(6))
ALPHA, BETA = RNG.uniform(0.5, 9, (2, 6))
Y, FAILURES = np.array([3, 0, 5, 2, 1]), np.array([1, 4, 0, 9, 1])


@pytest.mark.parametrize("block", [6, 13, 2**20])
def test_the_moments_are_those_of_the_mixture(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "BLOCK", block)
    mean, variance, _ = moments(Betas(ALPHA, BETA, Y, FAILURES, 1, True), WEIGHT)
    a, b = ALPHA[:, None] + Y, BETA[:, None] + FAILURES
    each = a / (a + b)
    square = each**2 + a * b / ((a + b) ** 2 * (a + b + 1))
    np.testing.assert_allclose(mean, WEIGHT @ each)
    np.testing.assert_allclose(variance, WEIGHT @ square - (WEIGHT @ each) ** 2)


@pytest.mark.parametrize("block", [6, 13, 2**20])
def test_the_moments_of_points_are_theirs(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "BLOCK", block)
    theta = RNG.uniform(size=(6, 5))
    equal = np.full(6, 1 / 6)
    mean, variance, error = moments(Points(theta, 1, True), equal)
    np.testing.assert_allclose(mean, theta.mean(axis=0))
    np.testing.assert_allclose(variance, theta.var(axis=0))
    np.testing.assert_allclose(error, theta.std(axis=0, ddof=1) / np.sqrt(6))


def test_a_single_row_has_all_the_weight() -> None:
    one = Betas(ALPHA[:1], BETA[:1], Y, FAILURES, 1, True)
    assert of_rows(WEIGHT, one).tolist() == [1.0]
    for several in (Betas(ALPHA, BETA, Y, FAILURES, 1, True), Points(np.ones((6, 5)), 1, True)):
        assert of_rows(WEIGHT, several) is WEIGHT


def test_each_draw_is_taken_about_as_often_as_it_weighs() -> None:
    assert resampled(np.full(50, 0.02), RNG).tolist() == list(range(50))
    weight = RNG.dirichlet(np.full(1000, 0.3))
    times = np.bincount(resampled(weight, RNG), minlength=1000)
    assert np.all(np.abs(times - 1000 * weight) < 1 + 1e-9)
