"""Many rates at once from small samples: hierarchical partial pooling on JAX.

    tree = hierpool.fit(frame, successes="hits", trials="at_bats", group="player")
    draws = hierpool.sample(key, hierpool.PartialPooling(), counts, hierpool.NUTS())

The public names stand in the stub beside this file, and are imported when they are first used, so
that ``hierpool --help`` waits for nothing.
"""

import warnings
from typing import Any

import lazy_loader

__version__ = "0.1.0"
_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_RENAMED = {"newcomers": "new_groups"}
"""Public names of before, which work in this version."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        now = _RENAMED[name]
        warnings.warn(
            f"hierpool.{name} is called hierpool.{now}; the former name works in this version.",
            FutureWarning,
            stacklevel=2,
        )
        name = now
    return _public(name)
