"""Where the search for peaks starts of a density that is known by random starts alone."""

import jax
import numpy as np

from hierpool.exact.chart import NUM_STARTS, from_starts


def test_starts_of_two_numbers_ascend_in_the_first_and_reach_as_far_as_the_second_varies() -> None:
    def init(key: jax.Array) -> dict[str, jax.Array]:
        return {"a": jax.random.normal(key), "b": 5 * jax.random.normal(jax.random.fold_in(key, 1))}

    chart = from_starts(lambda point: -(point["a"] ** 2), init)
    drawn = jax.vmap(init)(jax.random.split(jax.random.key(0), NUM_STARTS))
    order = np.argsort(drawn["a"])
    for name, values in drawn.items():
        np.testing.assert_array_equal(chart.points[name], values[order])
    np.testing.assert_allclose(chart.reach, np.full(NUM_STARTS, np.std(drawn["b"])), rtol=1e-5)
    assert chart.reported(chart.points) == {} and chart.size == 1


def test_starts_that_are_all_the_same_have_a_reach() -> None:
    chart = from_starts(
        lambda _: 0.0, lambda _: {"a": jax.numpy.zeros(()), "b": jax.numpy.ones(())}
    )
    np.testing.assert_allclose(chart.reach, np.full(NUM_STARTS, 1e-3))


def test_other_positions_are_left_as_they_are_to_be_refused() -> None:
    assert from_starts(lambda _: 0.0, lambda _: {}).points == {}
    chart = from_starts(lambda _: 0.0, lambda key: {"theta": jax.random.normal(key, (3,))})
    assert chart.points["theta"].shape == (NUM_STARTS, 3)
