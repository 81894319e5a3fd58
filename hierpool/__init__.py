"""Many rates at once from small samples: hierarchical partial pooling on JAX.

    tree = hierpool.fit(frame, successes="hits", trials="at_bats", group="player")
    draws = hierpool.sample(key, hierpool.PartialPooling(), counts, hierpool.NUTS())

The public names stand in the stub beside this file, and are imported when they are first used, so
that ``hierpool --help`` waits for nothing.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
