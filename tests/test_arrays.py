"""The functions that NumPy and JAX share give the same numbers, in the library they are given."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from hierpool import arrays

X = np.array([-800.0, -40.0, -1.5, -1e-9, 0.0, 1e-9, 0.3, 36.0, 750.0])
EXACT: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
}


@pytest.mark.parametrize("name", EXACT)
def test_numpy_and_jax_are_both_exact(name: str, double: None) -> None:
    function = getattr(arrays, name)
    want = [float(EXACT[name](mpmath.mpf(x))) for x in X.tolist()]
    ours, theirs = function(X), function(jnp.asarray(X))
    assert isinstance(ours, np.ndarray) and isinstance(theirs, jax.Array)
    np.testing.assert_allclose(ours, want, rtol=4e-16)
    # XLA has no numbers below the smallest normal one.
    np.testing.assert_allclose(theirs, want, rtol=1e-14, atol=1e-307)
    assert float(function(X[2])) == ours[2]


@pytest.mark.parametrize("axis", [-1, (0, 1)])
def test_logsumexp_is_that_of_jax(axis: Any, double: None) -> None:
    terms = np.random.default_rng(0).normal(-2000, 900, (3, 4, 5))
    found = arrays.logsumexp(terms, axis)
    np.testing.assert_allclose(found, arrays.logsumexp(jnp.asarray(terms), axis), rtol=1e-15)
    assert np.shape(found) == np.shape(terms.sum(axis))


def test_the_largest_come_first(double: None) -> None:
    x = np.array([0.5, 3.0, 0.5, -1.0, 7.0])
    for values in (x, jnp.asarray(x)):
        assert list(np.asarray(arrays.indices_of_largest(values, 4))) == [4, 1, 0, 2]


def test_one_array_of_jax_makes_the_result_jax() -> None:
    assert arrays.namespace(1.0, np.ones(2)) is np and arrays.is_on_host(np.ones(2), 3)
    assert arrays.namespace(np.ones(2), jnp.ones(2)) is jnp
    assert not jax.jit(lambda x: arrays.is_on_host(x) * jnp.ones(()))(1.0)


def test_loops_run_on_the_host_and_in_a_program(double: None) -> None:
    def doubled(state: Any) -> Any:
        return 2 * state

    def is_small(state: Any) -> Any:
        return state < 100

    for one in (np.asarray(3.0), jnp.asarray(3.0)):
        assert float(arrays.while_loop(is_small, doubled, one)) == 192
        assert float(arrays.repeat(3, doubled, one)) == 24
    assert isinstance(arrays.repeat(2, doubled, np.asarray(3.0)), np.number | np.ndarray)
    assert float(jax.jit(lambda x: arrays.while_loop(is_small, doubled, x))(3.0)) == 192


def test_a_function_runs_where_any_flag_is_set(double: None) -> None:
    def doubled(x: Any) -> Any:
        return 2 * x

    for xp in (np, jnp):
        of = arrays.where_any, doubled, xp.asarray(0.5), xp.asarray(3.0)
        found = [
            float(of[0](xp.asarray(flags), *of[1:])) for flags in ([False, True], [False, False])
        ]
        assert found == [6.0, 0.5]
    # In a batch each has its own.
    each = jax.vmap(lambda flags: arrays.where_any(flags, doubled, 0.5, 3.0))
    assert each(jnp.array([[True, False], [False, False]])).tolist() == [6.0, 0.5]


def test_a_function_of_the_parts_of_a_tree_returns_them_stacked() -> None:
    tree = {"a": np.arange(6.0).reshape(3, 2), "b": np.arange(3)}

    def total(part: Any) -> Any:
        return part["a"].sum() + part["b"], part["a"]

    found = arrays.over_first_axis(total, tree)
    wanted = arrays.over_first_axis(total, jax.tree.map(jnp.asarray, tree))
    for ours, theirs in zip(found, wanted, strict=True):
        assert isinstance(ours, np.ndarray)
        np.testing.assert_array_equal(ours, theirs)


def test_a_rule_for_derivatives_is_that_of_jax_alone(double: None) -> None:
    @arrays.WithJvp
    def square(x: Any) -> Any:
        """Returns x^2."""
        return x * x

    @square.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return square(primals[0]), 7 * tangents[0]

    assert square(np.array(3.0)) == 9 and square.__doc__ == "Returns x^2."
    assert isinstance(square(np.array([3.0])), np.ndarray)
    assert jax.grad(square)(3.0) == 7


def test_the_nodes_are_constants_under_differentiation(double: None) -> None:
    def held(x: Any) -> Any:
        return arrays.stop_gradient(x) * x

    assert jax.grad(held)(3.0) == 3
    assert held(np.array(3.0)) == 9 and arrays.computed_once(np.array(2.0)) == 2


def test_log_gamma_is_that_of_both(double: None) -> None:
    assert arrays.lgamma(0.3) == pytest.approx(float(arrays.lgamma(jnp.asarray(0.3))), rel=1e-14)
