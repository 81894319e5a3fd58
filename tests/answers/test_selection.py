"""q-values of groups that share probabilities: against the definition."""

import numpy as np
import pytest

from hierpool.answers.selection import _q_values


@pytest.mark.parametrize("seed", range(5))
def test_a_q_value_is_the_mean_error_of_all_that_are_at_least_as_probable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Many tie.
    probability = rng.integers(0, 8, (3, 20)) / 7
    times = rng.integers(1, 5, 20)
    for row, found in zip(probability, _q_values(probability, times), strict=True):
        for p, q in zip(row, found, strict=True):
            among = row >= p
            want = np.sum((1 - row[among]) * times[among]) / times[among].sum()
            assert q == pytest.approx(want, abs=1e-14)
