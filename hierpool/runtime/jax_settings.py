"""The JAX settings under which hierpool runs, independent of the caller's settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np


@contextmanager
def default_promotion() -> Iterator[None]:
    """Promotes types and ranks by JAX's default rules, for code traced in a caller's program.

    Neither BlackJAX nor hierpool's densities can be traced under strict promotion.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextmanager
def scope(*, is_double: bool = True, is_large: bool = False) -> Iterator[None]:
    """Runs code in float64 by JAX's default rules, and then restores the caller's settings.

    The caller's checks for NaN and infinity are off inside, because infinite values occur in
    normal work, such as the initial density of a chain. So is the guard against copies between
    host and device: a table comes from the host, and the results go back to it. Every thread needs
    a scope of its own: JAX gives a new thread the settings of the process, not those of the thread
    that started it.

    On a machine with an accelerator, small work is fastest on the processor: every operation on an
    accelerator costs a launch, which takes longer than a small operation itself. Whoever chose a
    platform or a default device is obeyed.

    Args:
        is_double: whether to use float64; False uses float32, for programs that run in the
            caller's precision.
        is_large: whether the work suits an accelerator, where there is one.
    """
    with (
        default_promotion(),
        jax.default_device(_device(is_large=is_large)),
        jax.enable_x64(is_double),
        jax.debug_nans(False),
        jax.debug_infs(False),
        jax.transfer_guard("allow"),
    ):
        yield


def _device(*, is_large: bool) -> jax.Device | str | None:
    """Returns the default device of a scope; None is JAX's own choice."""
    chosen: jax.Device | str | None = jax.config.jax_default_device
    is_chosen = chosen is not None or bool(jax.config.jax_platforms)
    if to_processor(jax.default_backend(), is_chosen=is_chosen, is_large=is_large):
        return jax.devices("cpu")[0]
    return chosen


def to_processor(backend: str, *, is_chosen: bool, is_large: bool) -> bool:
    """Returns whether work is brought to the processor from where JAX would run it.

    Args:
        backend: the platform on which JAX runs programs by default.
        is_chosen: whether the user chose a platform or a device.
        is_large: whether the work suits an accelerator.
    """
    return backend != "cpu" and not is_chosen and not is_large


def platform() -> str:
    """Returns the platform on which programs run now: "cpu", "gpu" or "tpu"."""
    device: jax.Device | str | None = jax.config.jax_default_device
    if device is None:
        return jax.default_backend()
    return device if isinstance(device, str) else device.platform


def as_configured[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Returns a function that runs in any thread with the JAX settings of this one."""
    # JAX's scoped settings hold for one thread only: a new thread would fall back to float32, and
    # to the accelerator.
    is_double = jnp.result_type(float) == np.float64
    device = jax.config.jax_default_device

    def run(*arguments: P.args, **settings: P.kwargs) -> T:
        # Where the work runs is decided already: is_large leaves it there.
        with jax.default_device(device), scope(is_double=is_double, is_large=True):
            return function(*arguments, **settings)

    return run
