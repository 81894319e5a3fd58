"""Arguments that many functions take are refused alike."""

from typing import Any

import numpy as np
import pytest

from hierpool.input.arguments import check_prob, check_seed, number_of, tails
from hierpool.input.errors import InputError


@pytest.mark.parametrize("prob", [1e-9, 0.89, np.float32(0.5), np.array(0.5)])
def test_a_probability_lies_between_0_and_1(prob: Any) -> None:
    check_prob(prob)


@pytest.mark.parametrize("prob", [0, 1, 0.0, 1.0, -0.1, 1.1, np.nan, np.inf])
def test_no_other_number_is_a_probability(prob: Any) -> None:
    with pytest.raises(InputError, match=f"share must lie between 0 and 1, not {prob}"):
        check_prob(prob, "share")


@pytest.mark.parametrize("prob", ["0.5", None, [0.5]])
def test_what_is_no_number_is_a_type_error(prob: Any) -> None:
    with pytest.raises(TypeError, match="prob must be a number"):
        check_prob(prob)


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**63 - 1, np.uint64(2**40), np.array(3), 4.0])
def test_a_seed_is_a_whole_number_of_63_bits(seed: Any) -> None:
    found = check_seed(seed)
    assert found == seed and type(found) is int


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, "0", None, np.nan])
def test_no_other_seed_is_taken(seed: Any) -> None:
    with pytest.raises(InputError, match=r"The seed must be a whole number from 0 to 2\^63 - 1"):
        check_seed(seed)


def test_the_tails_leave_the_probability_in_the_middle() -> None:
    assert tails(0.9) == pytest.approx((0.05, 0.95))


def test_arrays_of_one_number_are_numbers_and_others_are_none() -> None:
    assert [number_of(value) for value in (3, np.array(0.5), np.uint8(7))] == [3.0, 0.5, 7.0]
    assert [number_of(value) for value in ([3], "3", None, True)] == [None] * 4
