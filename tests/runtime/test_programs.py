"""Programs of the latest sizes are kept, and the others are let go."""

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import jax
import numpy as np
import pytest
from compiling import SOON, compiled

from hierpool.runtime.programs import FEW_SIZES, BySize

ROOT = Path(__file__).parent.parent.parent


def doubled() -> BySize:
    return BySize(lambda x: 2 * x)


def test_a_function_of_every_size_returns_what_it_should() -> None:
    double = doubled()
    for size in (*range(1, FEW_SIZES + 3), 1):
        assert np.array_equal(double(np.arange(size)), 2 * np.arange(size))


def test_a_size_that_was_asked_for_is_compiled_once() -> None:
    double = doubled()
    with compiled() as programs:
        for size in (3, 4, 3, 4, 3):
            double(np.ones(size))
            double(2 * np.ones(size))
    assert len(programs) == 2


def test_a_program_that_is_compiled_may_be_lowered_again_and_knows_its_result() -> None:
    program = doubled().of(np.ones(3))
    assert not program.is_compiled
    program.compile()
    program.lower()
    assert program.is_compiled and program.result.shape == (3,)
    assert np.array_equal(program(np.ones(3)), 2 * np.ones(3))


def test_programs_that_are_cleared_are_compiled_anew() -> None:
    double = doubled()
    double(np.ones(3))
    double.clear()
    with compiled() as programs:
        double(np.ones(3))
    assert len(programs) == 1


def test_a_type_and_a_tree_of_arguments_are_sizes_too() -> None:
    double = BySize(lambda x: jax.tree.map(lambda leaf: 2 * leaf, x))
    assert double(np.ones(3, np.int32)).dtype == np.int32
    assert double(np.ones(3, np.float32)).dtype == np.float32
    assert set(double({"a": np.ones(3), "b": np.ones(2)})) == {"a", "b"}


def test_the_size_asked_for_longest_ago_is_let_go() -> None:
    double = doubled()
    kept = weakref.ref(double.of(np.ones(2)))
    gone = weakref.ref(double.of(np.ones(1)))
    for size in range(3, FEW_SIZES + 2):
        double(np.ones(2))
        double(np.ones(size))
    gc.collect()
    assert gone() is None and kept() is not None


# The figures of all rows stand in benchmarks/results/memory.md.
@pytest.mark.slow
def test_fits_of_many_sizes_stay_within_a_gigabyte_and_a_fifth() -> None:
    # Three programs serve them all.
    sizes = [*range(20, 33, 2), *range(40, 65, 4), *range(80, 129, 8)]
    run = (
        "import sys, json; sys.path.insert(0, 'benchmarks'); import memory;"
        f"print(json.dumps(memory.run('PartialPooling', {sizes})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run],
        cwd=ROOT,
        env=os.environ | SOON,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["peak"] < 1200
