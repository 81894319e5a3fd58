"""Checks before a fit runs whether its result fits in memory."""

import os
from collections.abc import Sequence
from pathlib import Path

from hierpool.input.table import InputError

NUMBER = 8
"""Bytes of a float64 and of an int64."""
PIECES = 64 * 2**20
"""Bytes of temporary arrays at one time, in all threads together."""
CGROUPS = (
    # Version 2: a single hierarchy, whose root here is the container's own group.
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def needed(
    num_groups: int, num_draws: int, num_prior_draws: int, num_explored: int, *, with_theta: bool
) -> int:
    """Returns the peak memory of a fit in bytes.

    Args:
        num_groups: number of groups in the data.
        num_draws: number of draws, over all chains.
        num_prior_draws: number of draws from the prior.
        num_explored: number of dimensions of a position.
        with_theta: whether theta, its replicates and the pointwise log likelihood are kept.
    """
    # The positions of each chain, and a copy when the chains are joined.
    positions = 2 * num_draws * num_explored
    # theta, replicates and log likelihood, and one copy that summaries and checks make.
    posterior = 4 * num_draws * num_groups if with_theta else 0
    # theta and replicates, and two temporary arrays while they are drawn.
    prior = 4 * num_prior_draws * num_groups if with_theta else 0
    return PIECES + NUMBER * (positions + posterior + prior + 10 * num_groups)


def available(cgroups: Sequence[tuple[str, str]] = CGROUPS) -> int | None:
    """Returns the bytes that this process may still allocate; None if that is not known.

    Args:
        cgroups: files that hold the limit and the usage of a Linux control group.
    """
    found = [_of_machine(), *(_of_cgroup(*paths) for paths in cgroups)]
    return min((room for room in found if room is not None), default=None)


REMEDY = (
    "take estimate, which is exact and draws nothing, fewer draws, or the hyperparameters only "
    "(hyperparameters_only=True, --hyperparameters-only)."
)
"""What to do if a fit needs too much memory."""


def require(bytes_needed: int, num_groups: int, num_draws: int, remedy: str = REMEDY) -> None:
    """Raises ``InputError`` if a result takes more memory than there is.

    Args:
        bytes_needed: bytes of the result, as ``needed`` returns them for a fit.
        num_groups: number of groups in the data.
        num_draws: number of draws, over all chains.
        remedy: what to do instead, as the end of the message.
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
        # The total memory, if the system does not report how much is free.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_cgroup(limit_path: str, usage_path: str) -> int | None:
    """Returns the bytes that a control group leaves; None if it sets no limit."""
    limit, usage = _read(limit_path).strip(), _read(usage_path).strip()
    # "max" means no limit, for which version 1 has a number near 2^63.
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
