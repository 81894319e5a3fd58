"""JAX's compilation cache in a private folder of the user's: only the command turns it on."""

import os
from pathlib import Path


def use_compilation_cache() -> None:
    """Keeps compiled programs from one run of the command to the next."""
    import jax

    if jax.config.jax_compilation_cache_dir:
        return
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    folder = Path(home) if home else Path.home() / ".cache"
    try:
        folder = folder / "hierpool" / "jax"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # A read-only home only costs the time of compiling.
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
