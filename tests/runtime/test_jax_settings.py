"""Fits and answers do not depend on what else is set in JAX, and leave it as it was."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from fits import COLUMNS, PLAYERS
from nuts_fits import MODELS, every_model
from tables import PLAYERS as COUNTS

import hierpool as hp
from hierpool.runtime.jax_settings import as_configured, platform, scope, to_processor

PLAYER_COLUMNS = COLUMNS["efron-morris-75"]
STRICT = {
    "jax_numpy_rank_promotion": "raise",
    "jax_numpy_dtype_promotion": "strict",
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    # Nothing may be copied between host and device unasked.
    "jax_transfer_guard": "disallow",
}
BRIEF = hp.NUTS(num_chains=2, num_warmup=20, num_draws=10)


def fit(model: hp.Model, inference: Any) -> Any:
    return hp.fit(PLAYERS, **PLAYER_COLUMNS, model=model, inference=inference)["posterior"].dataset


ANSWERS: dict[str, Callable[[], Any]] = {
    **{f"fit {type(model).__name__}": lambda model=model: fit(model, BRIEF) for model in MODELS},
    "fit by quadrature": lambda: fit(hp.CollapsedPartialPooling(), hp.Quadrature(num_draws=20)),
    "estimate": lambda: hp.estimate(PLAYERS, **PLAYER_COLUMNS).groups,
    "compare": lambda: hp.compare(PLAYERS, **PLAYER_COLUMNS).pointwise,
    "sensitivity": lambda: hp.sensitivity(PLAYERS, **PLAYER_COLUMNS).groups,
    "empirical Bayes": lambda: hp.empirical_bayes(PLAYERS, **PLAYER_COLUMNS).groups,
}


@pytest.fixture
def strict() -> Iterator[Callable[[], None]]:
    """Sets JAX strict for the whole process, its threads included, when called."""
    before = {name: getattr(jax.config, name) for name in STRICT}

    def set_all(settings: dict[str, Any] = STRICT) -> None:
        for name, value in settings.items():
            jax.config.update(name, value)

    yield set_all
    set_all(before)


# So few draws do not converge: what is compared is whether they are the same.
@pytest.mark.filterwarnings("ignore::hierpool.ConvergenceWarning")
@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_the_same_where_jax_is_strict(name: str, strict: Callable[[], None]) -> None:
    want = ANSWERS[name]()
    strict()
    got = ANSWERS[name]()
    if isinstance(want, pd.DataFrame):
        pd.testing.assert_frame_equal(got, want, check_exact=True)
    else:
        assert got.equals(want)
    assert {name: getattr(jax.config, name) for name in STRICT} == STRICT


@every_model
def test_sample_is_the_same_program_where_promotion_is_strict(
    model: hp.Model, strict: Callable[[], None]
) -> None:
    assert_same_program(lambda key: hp.sample(key, model, COUNTS, BRIEF), strict)


def test_integrate_is_the_same_program_where_promotion_is_strict(
    strict: Callable[[], None],
) -> None:
    model = hp.CollapsedPartialPooling()
    assert_same_program(lambda key: hp.integrate(model, COUNTS), strict)


def assert_same_program(function: Callable[[jax.Array], Any], strict: Callable[..., None]) -> None:
    """Fails unless a function of a key traces under strict promotion, to the same program.

    Promotion is looked at when it is traced: nothing need be compiled.
    """

    def traced() -> str:
        program = str(jax.make_jaxpr(function)(jax.random.key(0)))
        return re.sub(" at 0x[0-9a-f]+", "", program)

    want = traced()
    strict({name: STRICT[name] for name in STRICT if "promotion" in name})
    assert traced() == want


def test_a_scope_is_of_one_thread_and_ends() -> None:
    with scope():
        assert jax.numpy.ones(1).dtype == np.float64
        inside = as_configured(lambda: jax.numpy.ones(1).dtype)
    assert jax.numpy.ones(1).dtype == np.float32
    assert inside() == np.float64


def test_without_an_accelerator_the_size_of_the_work_changes_nothing() -> None:
    before = jax.config.jax_default_device
    for is_large in (True, False):
        with scope(is_large=is_large):
            assert jax.config.jax_default_device is before
            assert platform() == jax.default_backend()


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
def test_only_small_work_of_those_who_chose_nothing_is_brought_to_the_processor(
    backend: str,
) -> None:
    brought = [
        (is_chosen, is_large)
        for is_chosen in (False, True)
        for is_large in (False, True)
        if to_processor(backend, is_chosen=is_chosen, is_large=is_large)
    ]
    assert brought == ([] if backend == "cpu" else [(False, False)])


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX runs programs on an accelerator, and nobody has asked for a platform."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    before = jax.config.jax_platforms
    jax.config.update("jax_platforms", None)
    yield
    jax.config.update("jax_platforms", before)


def test_small_work_leaves_an_accelerator_unless_a_device_was_chosen(accelerator: None) -> None:
    before = jax.config.jax_default_device
    with scope():
        assert jax.config.jax_default_device is jax.devices("cpu")[0]
    with scope(is_large=True):
        assert jax.config.jax_default_device is before
    with jax.default_device("gpu"), scope():
        assert jax.config.jax_default_device == "gpu"


def test_a_default_device_that_was_chosen_is_obeyed() -> None:
    chosen = jax.devices()[-1]
    with jax.default_device(chosen), scope():
        assert jax.config.jax_default_device is chosen
        # In another thread, too, to which JAX gives the settings of the process.
        inside = as_configured(lambda: jax.config.jax_default_device)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(inside).result() is chosen
    with jax.default_device("cpu"):
        assert platform() == "cpu"


@pytest.mark.parametrize("is_double", [True, False])
def test_a_thread_has_the_precision_of_the_one_that_asked(*, is_double: bool) -> None:
    with jax.enable_x64(is_double):
        wanted = as_configured(lambda: jax.numpy.result_type(float))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(wanted).result() == (np.float64 if is_double else np.float32)
