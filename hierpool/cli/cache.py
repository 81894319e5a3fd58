"""Compiled programs in a private folder of the user; only the command keeps them."""

import os
import re
from contextlib import suppress
from pathlib import Path

_TROUBLE = re.compile(r"Error (reading|writing) persistent compilation cache entry for '(\w+)': ")


def use_compilation_cache() -> None:
    """Keeps compiled programs from one run of the command to the next."""
    import jax

    from hierpool.runtime.kept_programs import keep_in

    if jax.config.jax_compilation_cache_dir:
        return
    try:
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        programs = folder.with_name("programs")
        programs.mkdir(mode=0o700, exist_ok=True)
    except (OSError, RuntimeError):
        return  # Without a writable home folder, each run only has to compile again.
    keep_in(programs)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)


def explained(warning: str) -> str:
    """Returns JAX's warnings about its cache as advice, and any other warning unchanged.

    An entry that can't be read, such as one whose writer was killed, is removed from our own
    folder: JAX would neither use it nor replace it.
    """
    found = _TROUBLE.match(warning)
    if not found:
        return warning
    import jax

    folder, cause = jax.config.jax_compilation_cache_dir, warning[found.end() :]
    if found[1] == "writing":
        return (
            f"The compiled programs can't be kept in {folder} ({cause}): the next run compiles "
            "them again. Make room there, or name another folder by JAX_COMPILATION_CACHE_DIR."
        )
    entries = f"{found[2]}-*"
    if Path(folder) != _folder():
        return (
            f"A compiled program kept in {folder} can't be read ({cause}), and is compiled again "
            f"in each run until you remove {entries} there."
        )
    for entry in Path(folder).glob(entries):
        with suppress(OSError):
            entry.unlink()
    return f"A compiled program kept in {folder} could not be read: it was compiled again."


def _folder() -> Path:
    """Returns our folder among the user's caches.

    Raises:
        RuntimeError: the user's home folder is not known.
    """
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    # The XDG standard says to ignore a path that is not absolute.
    home = Path(named) if named and Path(named).is_absolute() else Path.home() / ".cache"
    return home / "hierpool" / "jax"
