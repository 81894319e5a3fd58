"""What XLA compiles while a test runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

SOON = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
"""Environment of a process that compiles as the tests themselves do: soon, to slower programs."""


@contextmanager
def compiled() -> Iterator[list[str]]:
    """Gives a list that names every program compiled inside, in whatever thread."""
    names: list[str] = []

    def heard(event: str, seconds: float, **more: str) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(more.get("fun_name", event))

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)
