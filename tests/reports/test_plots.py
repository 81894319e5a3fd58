"""Axes and paths of the pictures of a page."""

import numpy as np
import pytest

from hierpool.reports.plots import Axis, range_of

ENDS = [(0.0, 1.0), (0.21, 0.37), (3.0, 17.0), (1e-5, 3e-5), (0.0, 40_000.0), (-0.02, 1.02)]


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(("low", "high"), ENDS)
def test_ticks_are_all_round_values_on_the_axis_where_they_belong(
    low: float,
    high: float,
    is_reversed: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    axis = Axis("", high, low) if is_reversed else Axis("", low, high)
    places, texts = zip(*axis.ticks, strict=True)
    values = np.array([float(text.replace(",", "")) for text in texts])
    np.testing.assert_allclose(
        places, 100 * (values - axis.low) / (axis.high - axis.low), atol=0.01
    )
    (step,) = set(np.diff(values).round(12))
    assert 3 <= len(values) <= 11
    # 1, 2 or 5 times a power of ten.
    assert round(step / 10 ** np.floor(np.log10(step) + 1e-9), 9) in (1, 2, 5)
    np.testing.assert_allclose(values / step, np.round(values / step), atol=1e-9)
    # No other fits before the first or after the last.
    assert low <= values[0] + 1e-9 * step < low + step * (1 + 1e-8)
    assert high - step * (1 + 1e-8) < values[-1] - 1e-9 * step <= high


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.2, 0.4], (0.192, 0.408)),
        ([0.3, np.nan, 0.3], (0.285, 0.315)),
        ([0.0], (0.0, 5e-8)),
        ([], (-0.02, 1.02)),
        ([0.0, 1.0], (-0.02, 1.02)),
        ([np.inf, 0.2, 0.4], (0.192, 0.408)),
    ],
)
def test_the_range_of_values_has_a_little_room(
    values: list[float], ends: tuple[float, float]
) -> None:
    assert range_of(np.array(values)) == pytest.approx(ends, abs=1e-15)
