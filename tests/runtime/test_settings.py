"""Settings of an algorithm, and the rules that they keep."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from hierpool.input.errors import InputError
from hierpool.runtime.settings import check_settings, one_of, positive, probability, setting, whole


@dataclass(frozen=True)
class Algorithm:
    """An algorithm with a setting of each kind."""

    size: int = setting(5, whole(2))
    tolerance: float = setting(1e-6, positive)
    share: Any = setting(0.8, probability, is_static=False)
    method: str | None = setting(None, one_of(None, "fast"))


def test_settings_are_static_unless_they_are_said_to_be_leaves() -> None:
    static = {one.name: one.metadata.get("static", False) for one in fields(Algorithm)}
    assert static == {"size": True, "tolerance": True, "share": False, "method": True}
    assert Algorithm() == Algorithm(5, 1e-6, 0.8, None)


def test_what_keeps_the_rules_becomes_numbers_of_python() -> None:
    given = Algorithm(np.int64(2), np.float32(0.5), np.array(0.25), "fast")  # type: ignore[arg-type]
    found = check_settings(given)
    assert found == Algorithm(2, 0.5, 0.25, "fast")
    kinds = [type(value) for value in vars(found).values()]
    assert kinds == [int, float, float, str]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 1}, "size must be a whole number, at least 2, not 1"),
        ({"size": 2.5}, "size must be a whole number, at least 2, not 2.5"),
        ({"tolerance": 0}, "tolerance must be a positive number, not 0"),
        ({"tolerance": np.inf}, "tolerance must be a positive number, not inf"),
        ({"tolerance": "1"}, "tolerance must be a positive number, not 1"),
        ({"share": 1.0}, "share must lie between 0 and 1, not 1.0"),
        ({"method": "slow"}, "method must be"),
    ],
)
def test_what_breaks_a_rule_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_settings(Algorithm(**given))
