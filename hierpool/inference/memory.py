"""Whether a fit will find room in memory, before anything runs."""

import os
from collections.abc import Sequence
from pathlib import Path

from hierpool.input.table import InputError

NUMBER = 8
"""Bytes of a float64 and of an int64."""
PIECES = 64 * 2**20
"""Bytes of what is at work at a time, in all threads together."""
CGROUPS = (
    # Version 2: one tree; its root is the container's own.
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def needed(
    num_groups: int, num_draws: int, num_prior_draws: int, num_explored: int, *, with_theta: bool
) -> int:
    """Returns the bytes that a fit takes at its largest.

    Args:
        num_groups: groups of the data.
        num_draws: draws, over all chains.
        num_prior_draws: draws from the prior.
        num_explored: numbers in a position.
        with_theta: whether theta, its replicates and the pointwise log likelihood are kept.
    """
    # The chains' own, and the same once more when they are put together.
    positions = 2 * num_draws * num_explored
    # theta, replicates and log likelihood, and one copy that summaries and checks make.
    posterior = 4 * num_draws * num_groups if with_theta else 0
    # theta and replicates, and two temporaries of drawing them.
    prior = 4 * num_prior_draws * num_groups if with_theta else 0
    return PIECES + NUMBER * (positions + posterior + prior + 10 * num_groups)


def available(cgroups: Sequence[tuple[str, str]] = CGROUPS) -> int | None:
    """Returns the bytes that this process may still take; None where that is not known.

    Args:
        cgroups: files that hold the limit and the usage of a control group.
    """
    found = [_of_machine(), *(_of_cgroup(*paths) for paths in cgroups)]
    return min((room for room in found if room is not None), default=None)


REMEDY = (
    "take estimate, which is exact and draws nothing, fewer draws, or the hyperparameters only "
    "(hyperparameters_only=True, --hyperparameters-only)."
)
"""What to do where a fit finds no room."""


def require(bytes_needed: int, num_groups: int, num_draws: int, remedy: str = REMEDY) -> None:
    """Raises ``InputError`` if a result takes more memory than there is.

    Args:
        bytes_needed: what ``needed`` returned, or an answer counted.
        num_groups: groups of the data.
        num_draws: draws, over all chains.
        remedy: what to do instead.
    """
    room = available()
    if room is not None and bytes_needed > room:
        raise InputError(
            f"{num_draws:,} draws of {num_groups:,} groups would take {_gigabytes(bytes_needed)} "
            f"of memory, and {_gigabytes(room)} is available: {remedy}"
        )


def _of_machine() -> int | None:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        # All of it, where the system doesn't tell what is free.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_cgroup(limit_path: str, usage_path: str) -> int | None:
    """Returns what a control group leaves; None if it sets no limit."""
    limit, usage = _read(limit_path).strip(), _read(usage_path).strip()
    # "max" is no limit; version 1 says it by a number near 2^63.
    if not limit.isdigit() or not usage.isdigit() or int(limit) >= 2**60:
        return None
    return max(int(limit) - int(usage), 0)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
