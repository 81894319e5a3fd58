from pathlib import Path

import numpy as np
import pytest

import hierpool as hp
from hierpool.exact.quadrature import Quadrature
from hierpool.inference import memory

MODEL = hp.CollapsedPartialPooling()
TABLE = {"y": np.arange(1000) % 10, "n": np.full(1000, 20)}


def fit(**change: object) -> object:
    return hp.fit(TABLE, successes="y", trials="n", model=MODEL, inference=Quadrature(), **change)


def test_a_result_that_finds_no_room_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 100_000_000)
    with pytest.raises(hp.InputError) as error:
        fit()
    message = str(error.value)
    assert message.startswith("4,000 draws of 1,000 groups would take 0.2 GB of memory, and 0.1 GB")
    for remedy in ("take estimate", "fewer draws", "hyperparameters_only=True"):
        assert remedy in message
    assert "\n" not in message


def test_the_hyperparameters_alone_find_room_where_theta_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 100_000_000)
    assert "theta" not in fit(hyperparameters_only=True)["posterior"]


def test_where_the_memory_is_not_known_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.require(10**18, 10**9, 4000)


def test_what_is_needed_is_at_least_what_is_kept() -> None:
    tree = fit()
    kept = sum(group.to_dataset(inherit=False).nbytes for group in tree.subtree)
    needed = memory.needed(1000, 4000, 1000, 2, with_theta=True)
    assert kept < needed < 3 * kept


def test_without_theta_the_need_does_not_grow_with_groups_times_draws() -> None:
    few, many = (
        memory.needed(10**6, draws, 1000, 2, with_theta=False) for draws in (1000, 1_000_000)
    )
    assert many - few == 2 * 2 * 8 * 999_000


def test_this_machine_has_memory() -> None:
    room = memory.available()
    assert room is None or room > 10**7


def test_where_only_the_whole_memory_is_known_it_is_no_less_than_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = memory.available([])
    monkeypatch.setattr(memory, "_read", lambda path: "")
    whole = memory.available([])
    assert free is None or (whole is not None and whole >= free)


# Limit, usage, and what is left: version 2, its "max", and version 1's number for no limit.
LIMITS = {
    "a limit": ("1000000\n", "400000\n", 600_000),
    "beyond the limit": ("1000000\n", "1400000\n", 0),
    "no limit": ("max\n", "400000\n", None),
    "no limit in version 1": ("9223372036854771712\n", "400000\n", None),
    "not told": ("", "", None),
}


@pytest.mark.parametrize(("limit", "usage", "left"), LIMITS.values(), ids=LIMITS.keys())
def test_a_control_group_leaves_its_limit_less_its_usage(
    tmp_path: Path, limit: str, usage: str, left: int | None
) -> None:
    (tmp_path / "limit").write_text(limit)
    (tmp_path / "usage").write_text(usage)
    own = str(tmp_path / "limit"), str(tmp_path / "usage")
    nowhere = str(tmp_path / "nowhere"), str(tmp_path / "usage")
    found = memory.available([own, nowhere])
    if left is None:
        # Then the machine's, which is more than a test could set.
        assert found is None or found > 10**7
    else:
        assert found == left


def test_the_least_of_all_limits_counts(tmp_path: Path) -> None:
    paths = []
    for name, limit in (("wide", 2_000_000), ("narrow", 900_000), ("wider", 3_000_000)):
        (tmp_path / name).write_text(str(limit))
        (tmp_path / f"{name} usage").write_text("500000")
        paths.append((str(tmp_path / name), str(tmp_path / f"{name} usage")))
    assert memory.available(paths) == 400_000
