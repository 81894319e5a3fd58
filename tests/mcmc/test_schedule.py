"""Stan's warm-up, held against BlackJAX's schedule of it."""

import numpy as np
import pytest
from blackjax.adaptation.window_adaptation import build_schedule

from hierpool.mcmc.schedule import DRAW, START, Schedule, schedule


@pytest.mark.parametrize(("num_warmup", "num_draws"), [(0, 5), (10, 0), (19, 1), (1000, 1000)])
def test_the_schedule_is_stans(num_warmup: int, num_draws: int) -> None:
    steps = schedule(num_warmup, num_draws)
    assert steps.stage.shape == steps.window_end.shape == (1 + num_warmup + num_draws,)
    assert steps.stage[0] == START and not steps.window_end[0]
    steps = Schedule(*(column[1:] for column in steps))
    assert np.all(steps.stage[num_warmup:] == DRAW)
    assert not steps.window_end[num_warmup:].any()
    if num_warmup == 1000:
        # 75 fast steps, windows of 25, 50, 100, 200 and 500, 50 fast steps.
        np.testing.assert_array_equal(
            np.flatnonzero(steps.window_end) + 1, [100, 150, 250, 450, 950]
        )
        assert np.all(steps.stage[75:950] == 1) and np.all(steps.stage[:75] == 0)


@pytest.mark.parametrize("lengths", [range(160), [*range(160, 1000, 7), 1000, 3333]])
def test_the_warm_up_of_any_length_is_blackjaxs(lengths: range | list[int]) -> None:
    for num_warmup in lengths:
        theirs = np.asarray(build_schedule(num_warmup)).reshape(-1, 2)
        ours = schedule(num_warmup, 0)
        np.testing.assert_array_equal(ours.stage[1:], theirs[:, 0])
        np.testing.assert_array_equal(ours.window_end[1:], theirs[:, 1])
