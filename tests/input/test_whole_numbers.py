"""A count is read exactly, from whatever holds it, or refused."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierpool.input.errors import InputError
from hierpool.input.files import Source
from hierpool.input.problems import Problems
from hierpool.input.whole_numbers import LARGEST_COUNT, is_whole, read_counts, read_events


def read(values: Any) -> list[int]:
    """Returns the counts of a column, or raises what is wrong with it."""
    column = pd.Series(values)
    problems = Problems(Source("The table", None), np.arange(len(column)))
    counts, is_count = read_counts(column, "hits", problems)
    problems.require_none()
    assert counts.dtype == np.int64 and is_count.all()
    return counts.tolist()


NINES = {
    **{f"int{bits}": np.array([9, 9], f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": np.array([9, 9], f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": np.array([9, 9], f"float{bits}") for bits in (16, 32, 64)},
    "long double": np.array([9, 9], np.longdouble),
    "nullable integers": pd.array([9, 9], dtype="Int64"),
    "nullable bytes": pd.array([9, 9], dtype="UInt8"),
    "nullable floats": pd.array([9, 9], dtype="Float64"),
    "Arrow integers": pd.array([9, 9], dtype="int64[pyarrow]"),
    "Arrow decimals": pd.array([Decimal("9.0")] * 2, dtype=pd.ArrowDtype(pa.decimal128(5, 1))),
    "sparse integers": pd.arrays.SparseArray([9, 9]),
    "categories of numbers": pd.Categorical([9, 9]),
    "categories of texts": pd.Categorical(["9", "9"]),
    "decimals": [Decimal("9.000"), Decimal(9)],
    "long texts of zeros": ["9.0000", "9.00"],
    "fractions": [Fraction(9), Fraction(18, 2)],
    "NumPy scalars among objects": pd.Series([np.int8(9), np.float32(9)], dtype=object),
    "arrays of one number": pd.Series([np.array(9), np.array(9.0)], dtype=object),
    "texts": ["9", " 9.0"],
    "texts with exponents": ["9e0", "0.9E1"],
    "texts with signs": ["+9", "9."],
    "pandas' texts": pd.array(["9", "9"], dtype="string"),
}


@pytest.mark.parametrize("values", NINES.values(), ids=NINES.keys())
def test_a_count_is_the_same_in_any_type(values: Any) -> None:
    assert read(values) == [9, 9]


@given(st.lists(st.tuples(st.integers(0, LARGEST_COUNT), st.integers(4, 9)), min_size=1))
@settings(max_examples=30)
def test_the_text_of_a_whole_number_is_read_to_the_last_digit(
    counts: list[tuple[int, int]],
) -> None:
    want = [count for count, _ in counts]
    assert read([str(count) for count in want]) == want
    # Four zeros at least: "1.000" is one or a thousand.
    assert read([f"{count}.{'0' * zeros}" for count, zeros in counts]) == want
    assert read([f"{Decimal(count).scaleb(-zeros):f}e{zeros}" for count, zeros in counts]) == want


@given(st.lists(st.tuples(st.integers(0, LARGEST_COUNT - 1), st.integers(1, 99)), min_size=1))
@settings(max_examples=30)
def test_a_fraction_is_never_rounded_to_a_count(counts: list[tuple[int, int]]) -> None:
    for of in (str, Decimal):
        values = pd.Series([of(f"{count}.{cents:02d}") for count, cents in counts], dtype=object)
        _, is_count = read_counts(
            values, "hits", Problems(Source("", None), np.arange(len(values)))
        )
        assert not is_count.any()


def test_the_extremes_of_integers_are_refused_as_what_they_are() -> None:
    with pytest.raises(InputError, match=r"negative: group '0' has -9223372036854775808\."):
        read(np.array([-(2**63)]))
    with pytest.raises(InputError, match=r"2\^53 = \d+: group '0' has 9223372036854775807\."):
        read(np.array([2**63 - 1]))
    with pytest.raises(InputError, match=r"2\^53 = \d+: group '0' has 18446744073709551615\."):
        read(np.array([2**64 - 1], np.uint64))
    with pytest.raises(InputError, match=r"2\^53 = \d+: group '0' has 9007199254740993\."):
        read(np.array([2**53 + 1]))
    with pytest.raises(InputError, match=r"must not exceed 2\^53"):
        read(["1e999999999"])
    with pytest.raises(InputError, match=r"must be whole numbers"):
        read(["1e-999999999"])


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="no long double here")
def test_a_long_double_keeps_its_digits() -> None:
    with pytest.raises(InputError, match=r"whole numbers: group '0' has 4503599627370496\.5\."):
        read(np.array(["4503599627370496.5"], np.longdouble))


REFUSED = {
    "1.000": r"'1\.000' \(1 or 1000\? write it without separators\)",
    "12.000.000": r"'12\.000\.000' \(12 or 12000000\? write it without separators\)",
    "1,000": r"'1,000' \(write it without separators\)",
    "3,0": r"'3,0' \(write it without separators\)",
    "1 000": r"\(write it without separators\)",
    "1\u202f000": r"\(write it without separators\)",
    "1\u00a0000": r"\(write it without separators\)",
    "1'000": r"\(write it without separators\)",
    "1_000": r"\(write it without separators\)",
    "0x10": r"has '0x10'\.",
    "\u0663": r"has '\u0663'\.",
    "nan": r"has 'nan'\.",
    "NA": r"has 'NA'\.",
    "--": r"has '--'\.",
    "5%": r"not percentages",
    "true": r"add them up by group first",
    "inf": r"must be finite: group '0' has inf",
    "-Infinity": r"must be finite",
    "": r"must not be missing",
    "  ": r"must not be missing",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=map(repr, REFUSED))
def test_a_text_that_is_no_plain_number_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read([text])


@pytest.mark.parametrize("text", ["0.000", "1234.000", "1.0000", "1.00"])
def test_a_point_that_can_separate_no_thousands_is_a_decimal_point(text: str) -> None:
    assert read([text]) == [int(float(text))]


def test_true_among_numbers_is_no_count() -> None:
    with pytest.raises(InputError, match=r"group '1' has 'True'"):
        read(pd.Series([1, True, 1.0], dtype=object))


def test_every_kind_of_fault_of_a_column_is_reported_at_once() -> None:
    values = [None, "x", "inf", "1.5", "-1", "1e20", "7"]
    with pytest.raises(InputError) as caught:
        read(values)
    told = str(caught.value)
    for row, rule in enumerate(["missing", "numbers", "finite", "numbers", "negative", "exceed"]):
        assert f"group '{row}'" in told.split(rule, 1)[1], (row, rule)
    assert "group '6'" not in told


@pytest.mark.parametrize(
    "value", [4, 4.0, np.int64(4), np.uint8(4), np.float32(4), np.array(4), 10**20]
)
def test_a_whole_number_is_one_in_any_type(value: Any) -> None:
    assert is_whole(value)


@pytest.mark.parametrize(
    "value", [4.5, np.float64(4.5), np.inf, np.nan, True, np.True_, "4", None, 4j, np.array([4])]
)
def test_what_is_no_whole_number_is_none(value: Any) -> None:
    assert not is_whole(value)


def test_what_is_no_event_is_shown_as_it_stands() -> None:
    def told(values: list[Any]) -> str:
        problems = Problems(Source("The table", None), np.arange(len(values)))
        read_events(pd.Series(values), "hit", problems)
        with pytest.raises(InputError) as refusal:
            problems.require_none()
        return str(refusal.value)

    assert "hit must be 0 or 1" in told([1, 2, 0]) and "group '1' has 2." in told([1, 2, 0])
    assert "group '1' has 'yes'." in told(["1", "yes", "0"])
