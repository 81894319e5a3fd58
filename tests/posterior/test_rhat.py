"""The law of R-hat by which it is judged, on draws whose law is known."""

import numpy as np
import pytest
from arviz_stats.base import array_stats  # type: ignore[attr-defined]
from scipy.signal import lfilter

from hierpool.posterior.diagnostics import diagnose, standstill
from hierpool.posterior.rhat import HARMLESS, rhat

STEPS = np.arange(4)[:, None, None]
AXES = {"chain_axis": 0, "draw_axis": 1}


def chains(
    correlation: float, quantities: int, *, chains: int = 4, draws: int = 200, seed: int = 0
) -> np.ndarray:
    """Returns stationary autoregressions (chain, draw, quantity) of mean 0 and sd 1."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(chains, draws, quantities))
    shocks[:, 1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1], [1, -correlation], shocks, axis=1)


def test_r_hat_is_arvizs() -> None:
    draws = chains(0.5, 20)
    found = rhat(draws, false_alarms=1e-3, cap=2.0)
    np.testing.assert_allclose(found.rhat, array_stats.rhat(draws, **AXES), rtol=1e-12)
    assert np.all(found.judged <= found.rhat)


@pytest.mark.parametrize("correlation", [-0.4, 0.0, 0.5])
def test_chains_that_agree_exceed_the_limit_as_often_as_asked(correlation: float) -> None:
    quantities, expected = 1500, 45
    found = rhat(chains(correlation, quantities), false_alarms=expected, cap=9.0)
    # A Poisson count; that effective draws are estimated too makes it larger by a third or so.
    assert expected - 5 * 45**0.5 < np.sum(found.judged >= found.limit) < 1.4 * expected + 5 * 8


def test_the_limit_rises_with_the_number_of_quantities_and_falls_with_their_draws() -> None:
    def highest(draws: np.ndarray, others: int) -> float:
        return float(rhat(draws, false_alarms=1e-3 / others, cap=9.0).limit.max())

    # Apart, so that the limit is asked for.
    few, many = (chains(0.5, 3, draws=n) + STEPS for n in (200, 800))
    assert HARMLESS < highest(many, 1) < highest(few, 1) < highest(few, 1000) < 1.5
    assert rhat(few, false_alarms=1e-3, cap=1.02).limit.max() == 1.02


def test_disagreement_does_not_excuse_itself() -> None:
    near, far = (chains(0.5, 1) + apart * STEPS for apart in (0.3, 0.6))
    limits = [float(rhat(x, false_alarms=1e-9, cap=9.0).limit[0]) for x in (near, far)]
    effective = [array_stats.ess(x[..., 0]) for x in (near, far)]
    assert effective[1] < 0.5 * effective[0]
    # Only the ranks differ.
    np.testing.assert_allclose(limits[1] - 1, limits[0] - 1, rtol=0.1)


def test_few_draws_and_one_chain_have_no_r_hat() -> None:
    for draws in (chains(0.0, 2, chains=1), chains(0.0, 2, draws=3)):
        assert np.isnan(rhat(draws, false_alarms=1e-3, cap=1.05).rhat).all()


def test_each_quantity_has_the_diagnostics_that_it_has_alone() -> None:
    draws = chains(0.5, 3) + 0.2 * STEPS * np.array([0, 1, 0])
    draws[:, :, 2] = np.where(draws[:, :, 2] > 2, np.inf, draws[:, :, 2])
    found = diagnose(["a", "b", "c"], draws, false_alarms=1e-3, cap=1.05)
    for number, name in enumerate(found.names[:2]):
        alone = draws[:, :, number]
        assert found.bulk[number] == array_stats.ess(alone, method="bulk"), name
        tails = [array_stats.ess(alone, method="quantile", prob=prob) for prob in (0.05, 0.95)]
        assert found.tails[number] == min(tails), name
        assert found.rhat[number] == pytest.approx(array_stats.rhat(alone)), name
    assert found.bulk.shape == (3,) and np.isnan([found.bulk[2], found.tails[2]]).all()
    assert not found.stuck.any()


def test_a_quantity_stands_still_where_a_quarter_of_a_chain_is_one_value() -> None:
    draws = chains(0.0, 6, draws=100)
    draws[2, 10:35, 0] = 0.3  # 24 steps without a move
    draws[3, 75:, 1] = 0.3
    draws[0, :26, 2] = 0.3
    draws[1, 50:76, 3] = 0.3
    draws[:, 10:90, 4] = 1.0  # rounded
    draws[0, ::2, 5] = 0.3
    np.testing.assert_array_equal(standstill(draws), [False, False, True, True, False, False])
