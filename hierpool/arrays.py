"""One formula for two array libraries: NumPy computes at once, JAX compiles first.

To compile the integration of a small table takes seconds, and to run it hundredths of a second. So
what a table of a few groups needs is written for both: a function asks for the ``namespace`` of its
arguments, and finds here what the two libraries spell differently. The functions broadcast, since
NumPy has no ``vmap``.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

quietly = np.errstate(all="ignore")
"""Decorates a function that NumPy may compute. Of what overflows, or is not a number, it then says
no more than JAX: the checks of the integration find it."""


def namespace(*arrays: Any) -> Any:
    """Returns ``jax.numpy`` if one of some arrays or numbers is JAX's, and ``numpy`` otherwise."""
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np


def is_on_host(*arrays: Any) -> bool:
    """Returns whether arrays are NumPy's, so that results are computed at once."""
    return namespace(*arrays) is np


def exp(x: Any) -> Any:
    """Returns the exponentials of numbers."""
    return namespace(x).exp(x)


def log(x: Any) -> Any:
    """Returns the natural logarithms of numbers."""
    return namespace(x).log(x)


def sigmoid(x: Any) -> Any:
    """Returns 1 / (1 + exp(-x)), the shape of ``x``."""
    if not is_on_host(x):
        return jax.nn.sigmoid(x)
    small = np.exp(-np.abs(x))
    return np.where(np.asarray(x) < 0, small, 1) / (1 + small)


def log_sigmoid(x: Any) -> Any:
    """Returns -log(1 + exp(-x)), the shape of ``x``."""
    return -softplus(-x)


def softplus(x: Any) -> Any:
    """Returns log(1 + exp(x)), the shape of ``x``."""
    if not is_on_host(x):
        return jax.nn.softplus(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def logsumexp(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Returns the logs of sums of exponentials along some axes."""
    if not is_on_host(x):
        return jax.nn.logsumexp(x, axis=axis)
    largest = x.max(axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.exp(x - largest).sum(axis=axis))


def indices_of_largest(x: Any, size: int) -> Any:
    """Returns (size,) the indices of the largest of (term,) numbers, in descending order."""
    return np.argsort(-x, kind="stable")[:size] if is_on_host(x) else jax.lax.top_k(x, size)[1]


def lgamma(x: Any) -> Any:
    """Returns () the log of Gamma(x)."""
    return math.lgamma(x) if is_on_host(x) else jax.lax.lgamma(x)


def stop_gradient[T](tree: T) -> T:
    """Returns the arrays of a tree as constants under differentiation."""
    return tree if is_on_host(*jax.tree.leaves(tree)) else jax.lax.stop_gradient(tree)


def computed_once[T](tree: T) -> T:
    """Returns the arrays of a tree, which XLA then does not recompute in every consumer."""
    return tree if is_on_host(*jax.tree.leaves(tree)) else jax.lax.optimization_barrier(tree)


def while_loop[T](goes_on: Callable[[T], Any], step: Callable[[T], T], state: T) -> T:
    """Returns the first state of a series in which the loop does not go on."""
    if not is_on_host(*jax.tree.leaves(state)):
        return jax.lax.while_loop(goes_on, step, state)
    while goes_on(state):
        state = step(state)
    return state


def where_any[T](which: Any, function: Callable[..., T], otherwise: T, *arguments: Any) -> T:
    """Returns a function's results if any of some flags is set, and other results if none is."""
    if not is_on_host(which):
        result: T = jax.lax.cond(which.any(), function, lambda *_: otherwise, *arguments)
        return result
    return function(*arguments) if which.any() else otherwise


def repeat[T](times: int, step: Callable[[T], T], state: T) -> T:
    """Returns the state after a number of steps."""
    if not is_on_host(*jax.tree.leaves(state)):
        result: T = jax.lax.fori_loop(0, times, lambda _, state: step(state), state)
        return result
    for _ in range(times):
        state = step(state)
    return state


def over_first_axis[T, Result](function: Callable[[T], Result], tree: T) -> Result:
    """Returns the results of a function for every part of a tree, each leaf (part, ...)."""
    leaves = jax.tree.leaves(tree)
    if not is_on_host(*leaves):
        return jax.vmap(function)(tree)
    parts = [
        function(jax.tree.map(lambda leaf: leaf[i], tree))  # noqa: B023
        for i in range(len(leaves[0]))
    ]
    result: Result = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
    return result


class WithJvp:
    """A function of arrays, with a rule of its own for JAX's derivatives.

    It is ``jax.custom_jvp`` for arrays of JAX; with those of NumPy the function is called directly.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        wraps(function)(self)
        self._function, self._traced = function, jax.custom_jvp(function)

    def __call__(self, *arguments: Any) -> Any:
        """Returns the function's value."""
        return (self._function if is_on_host(*arguments) else self._traced)(*arguments)

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Sets the rule, as ``jax.custom_jvp`` does."""
        self._traced.defjvp(rule)
