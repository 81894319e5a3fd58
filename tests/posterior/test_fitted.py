"""Monte Carlo errors by batch means, against their definition."""

import numpy as np
import pytest

from hierpool.posterior.fitted import batch_means, mcse

VALUES = np.random.default_rng(0).normal(size=(2 * 90, 3))


def test_batches_are_consecutive_draws_of_one_chain() -> None:
    found = batch_means(VALUES, 2)
    # 90 draws a chain: 10 batches of 9.
    want = [VALUES[start : start + 9].mean(axis=0) for start in range(0, 180, 9)]
    np.testing.assert_allclose(found, want)
    # Of 87 draws a chain the last 6 fill no batch.
    assert batch_means(VALUES[: 2 * 87], 2).shape == (2 * 9, 3)
    np.testing.assert_allclose(batch_means(VALUES[: 2 * 87], 2)[9], VALUES[87:96].mean(axis=0))
    np.testing.assert_array_equal(batch_means(VALUES[:3], 3), VALUES[:3])


@pytest.mark.parametrize("chains", [1, 2])
def test_the_error_of_a_mean_is_that_of_its_batches(chains: int) -> None:
    batches = batch_means(VALUES, chains)
    want = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
    np.testing.assert_allclose(mcse(VALUES, chains, is_independent=False), want)
    alone = VALUES.std(axis=0, ddof=1) / np.sqrt(180)
    np.testing.assert_allclose(mcse(VALUES, chains, is_independent=True), alone)


def test_a_single_row_is_exact() -> None:
    assert mcse(VALUES[:1], 1, is_independent=False).tolist() == [0.0, 0.0, 0.0]
    assert (mcse(VALUES[:2], 1, is_independent=True) > 0).all()
