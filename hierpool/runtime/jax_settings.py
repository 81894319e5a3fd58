"""The settings of JAX under which hierpool runs on the host, whatever the caller's are."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def own_rules() -> Iterator[None]:
    """Promotes types and ranks inside as JAX does by default: for what a caller's program traces.

    Neither BlackJAX nor our own densities trace under strict promotion.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextmanager
def scope(*, is_double: bool = True) -> Iterator[None]:
    """Runs what is inside in float64, with JAX's own rules; the caller's settings stay as they are.

    Infinite values are part of the work, as the density of a chain that is not yet known: so the
    caller's checks of NaN and infinity are off inside. So is a guard against copies between host
    and device: a table comes from the host, and what is found goes back there. A thread needs a
    scope of its own: JAX gives it the settings of the process, and not those of the thread that
    started it.

    Args:
        is_double: False stays in float32, for programs that run in the caller's precision.
    """
    with (
        own_rules(),
        jax.enable_x64(is_double),
        jax.debug_nans(False),
        jax.debug_infs(False),
        jax.transfer_guard("allow"),
    ):
        yield
