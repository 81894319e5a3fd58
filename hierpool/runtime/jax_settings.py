"""The JAX settings under which hierpool runs, independent of the caller's settings."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def default_promotion() -> Iterator[None]:
    """Promotes types and ranks by JAX's default rules, for code traced in a caller's program.

    Neither BlackJAX nor hierpool's densities can be traced under strict promotion.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextmanager
def scope(*, is_double: bool = True) -> Iterator[None]:
    """Runs code in float64 by JAX's default rules, and then restores the caller's settings.

    The caller's checks for NaN and infinity are off inside, because infinite values occur in
    normal work, such as the initial density of a chain. So is the guard against copies between
    host and device: a table comes from the host, and the results go back to it. Every thread needs
    a scope of its own: JAX gives a new thread the settings of the process, not those of the thread
    that started it.

    Args:
        is_double: whether to use float64; False uses float32, for programs that run in the
            caller's precision.
    """
    with (
        default_promotion(),
        jax.enable_x64(is_double),
        jax.debug_nans(False),
        jax.debug_infs(False),
        jax.transfer_guard("allow"),
    ):
        yield
