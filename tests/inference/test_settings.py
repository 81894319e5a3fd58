"""Settings may be any scalar; models and algorithms go by the command's words."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from fits import COLUMNS, PLAYERS

import hierpool as hp
from hierpool.cli.flags import MODELS as FLAG_WORDS
from hierpool.inference import settings
from hierpool.inference.fit import suits_accelerator
from hierpool.input.arguments import check_seed
from hierpool.models.catalogue import COMPARED, MODELS, check_model, class_of_word

PLAYER = COLUMNS["efron-morris-75"]
WHOLE = [int, float, np.int64, np.int8, np.uint16, np.float32, np.float64, np.array, jnp.asarray]
REAL = [float, np.float32, np.float64, np.array, jnp.asarray]


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("algorithm", [hp.NUTS, hp.Quadrature])
def test_a_whole_setting_may_be_any_scalar(algorithm: Any, kind: Any) -> None:
    names = [name for name, value in vars(algorithm()).items() if type(value) is int]
    assert "num_draws" in names and len(names) >= 3
    given = algorithm(**{name: kind(9) for name in names})
    checked = settings.check_inference(given)
    # As if Python's own integers had been given: programs and attributes are the same.
    assert checked == algorithm(**dict.fromkeys(names, 9))
    assert {type(getattr(checked, name)) for name in names} == {int}


@pytest.mark.parametrize("kind", REAL)
def test_a_real_setting_may_be_any_scalar(kind: Any) -> None:
    checked = settings.check_inference(hp.NUTS(target_accept=kind(0.75)))
    assert checked == hp.NUTS(target_accept=0.75) and type(checked.target_accept) is float
    assert settings.check_inference(hp.Quadrature(tolerance=kind(0.5))) == hp.Quadrature(
        tolerance=0.5
    )
    model = hp.LogitPartialPooling(mu_mean=kind(-2.5), mu_sd=kind(0.5), sigma_sd=kind(2))
    assert check_model(model) == hp.LogitPartialPooling(-2.5, 0.5, 2.0)


@pytest.mark.parametrize(
    "bad", [True, 9.5, np.inf, np.nan, "9", None, np.array([9]), np.array(9.5), 9j]
)
def test_what_is_no_whole_number_sets_no_number(bad: Any) -> None:
    with pytest.raises(hp.InputError, match=r"num_draws must be a whole number, at least 4, not"):
        settings.check_inference(hp.NUTS(num_draws=bad))


@pytest.mark.parametrize("bad", [True, "1", None, np.nan, np.inf, 0, -1, np.ones(2), 1j])
def test_what_is_no_positive_number_is_no_hyperparameter(bad: Any) -> None:
    with pytest.raises(hp.InputError, match=r"PartialPooling: phi_alpha must be a positive number"):
        check_model(hp.PartialPooling(phi_alpha=bad))
    with pytest.raises(hp.InputError, match=r"tolerance must be a positive number"):
        settings.check_inference(hp.Quadrature(tolerance=bad))


@pytest.mark.parametrize(
    "seed", [7, np.int64(7), np.uint8(7), 7.0, np.float32(7), np.array(7), jnp.asarray(7)]
)
def test_a_seed_may_be_any_whole_scalar(seed: Any) -> None:
    got = check_seed(seed)
    assert got == 7 and type(got) is int


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, None, "7", np.nan])
def test_what_is_no_whole_number_is_no_seed(seed: Any) -> None:
    with pytest.raises(hp.InputError, match=r"seed must be a whole number from 0 to 2\^63 - 1"):
        check_seed(seed)


def fit(**arguments: Any) -> xr.DataTree:
    given: dict[str, Any] = {"model": "none", "inference": hp.NUTS(num_chains=1, num_draws=8)}
    return hp.fit(PLAYERS, **PLAYER, **(given | arguments))


def test_a_fit_by_numpys_scalars_is_that_by_pythons() -> None:
    nuts = hp.NUTS(num_chains=np.int8(1), num_draws=np.uint16(8), target_accept=np.float64(0.8))
    new: dict[str, Any] = {"rookie": (np.int64(0), jnp.asarray(4.0))}
    one = fit(
        model=hp.NoPooling(np.int64(1), jnp.asarray(1.0)),
        inference=nuts,
        seed=np.uint8(3),
        new_groups=new,
    )
    other = fit(seed=3, new_groups={"rookie": (0, 4)})
    xr.testing.assert_equal(one["posterior"].dataset, other["posterior"].dataset)
    for name in ("hierpool_model", "hierpool_inference", "seed", "new_groups", "data_sha256"):
        assert one.attrs[name] == other.attrs[name], name


def test_the_command_and_python_have_the_same_words() -> None:
    assert FLAG_WORDS is MODELS
    assert set(COMPARED) <= set(MODELS)
    for word, name in MODELS.items():
        assert class_of_word(word) is getattr(hp, name)


@pytest.mark.parametrize("word", MODELS)
def test_a_model_may_be_given_by_its_word(word: str) -> None:
    assert check_model(word) == class_of_word(word)()


def test_an_algorithm_may_be_given_by_its_word() -> None:
    assert settings.check_inference("nuts") == hp.NUTS()
    assert settings.check_inference("quadrature") == hp.Quadrature()
    assert settings.check_quadrature("quadrature", "estimate") == hp.Quadrature()


def test_verbs_take_words() -> None:
    assert fit().attrs["hierpool_model"] == fit(model=hp.NoPooling()).attrs["hierpool_model"]
    one = hp.compare(PLAYERS, **PLAYER, models=["complete", "none"]).models
    other = hp.compare(
        PLAYERS, **PLAYER, models={"complete": "complete", "none": hp.NoPooling()}
    ).models
    assert one.equals(other) and set(one.index) == {"complete", "none"}


BAD_WORDS: dict[str, tuple[Any, type[Exception], str]] = {
    "unknown": ("best", hp.InputError, r"no model 'best'; there are partial, collapsed, .*logit"),
    "class": (hp.NoPooling, TypeError, r"model must be a model, and is a class: write NoPooling"),
    "number": (5, TypeError, r"model must be a model, .* or its word \(partial, .*\), not int"),
    "algorithm": (hp.NUTS(), TypeError, r"model must be a model, .*not NUTS"),
}


@pytest.mark.parametrize(("bad", "kind", "message"), BAD_WORDS.values(), ids=BAD_WORDS.keys())
def test_what_is_no_model_is_refused(bad: Any, kind: Any, message: str) -> None:
    for call in (fit, lambda model: hp.estimate(PLAYERS, **PLAYER, model=model)):
        with pytest.raises(kind, match=message):
            call(model=bad)
    with pytest.raises(kind, match=message):
        hp.compare(PLAYERS, **PLAYER, models={"mine": bad})


@pytest.mark.parametrize("bad", ["best", hp.NUTS, 5, hp.NoPooling()])
def test_what_is_no_algorithm_is_refused(bad: Any) -> None:
    message = r"no algorithm 'best'; there are nuts, quadrature|must be NUTS\(...\) or Quadrature"
    with pytest.raises((hp.InputError, TypeError), match=message):
        fit(inference=bad)
    with pytest.raises((hp.InputError, TypeError), match=message):
        hp.estimate(PLAYERS, **PLAYER, inference=bad)


def test_words_of_models_are_compared_once_each() -> None:
    with pytest.raises(hp.InputError, match=r"Model 'none' is named twice"):
        hp.compare(PLAYERS, **PLAYER, models=["none", "none"])
    for bad in ("none", ["none", hp.NoPooling()], 5):
        with pytest.raises(TypeError, match=r"models must be a list of words, .* or map names"):
            hp.compare(PLAYERS, **PLAYER, models=bad)  # type: ignore[arg-type]


SETTINGS = {
    "NUTS(chains=2)": (hp.NUTS, "chains", r"NUTS has no setting chains; .* mean num_chains\?"),
    "NUTS(draws=2)": (hp.NUTS, "draws", r"Did you mean num_draws\?"),
    "NUTS(tune=2)": (hp.NUTS, "tune", r"no setting tune; it has num_chains, .*, chain_method\."),
    "Quadrature(nodes=2)": (hp.Quadrature, "nodes", r"Did you mean num_nodes\?"),
    "PartialPooling(rate=2)": (hp.PartialPooling, "kappa_rate", r"Did you mean kappa_log_rate\?"),
    "LogitPartialPooling(sd=2)": (hp.LogitPartialPooling, "sd", r"Did you mean mu_sd\?"),
}


@pytest.mark.parametrize(("kind", "name", "message"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_setting_that_is_not_there_is_answered_with_the_nearest(
    kind: Any, name: str, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        kind(**{name: 2})


def test_a_setting_may_be_replaced() -> None:
    assert replace(hp.NUTS(), num_chains=2) == hp.NUTS(2)
    assert hp.NUTS(2, num_draws=5).num_draws == 5


@pytest.mark.parametrize(
    "verb", [hp.fit, hp.estimate, hp.compare, hp.sensitivity, hp.empirical_bayes]
)
def test_columns_of_counts_may_be_given_by_position(verb: Any) -> None:
    # Seen by what is read of them: nothing is fitted to columns that are swapped.
    with pytest.raises(hp.InputError, match=r"at_bats must not exceed hits \(are the two columns"):
        verb(PLAYERS, "at_bats", "hits")
    with pytest.raises(hp.InputError, match=r"at_bats must not exceed hits \(are the two columns"):
        verb("efron-morris-75", trials="hits", successes="at_bats")


@pytest.mark.parametrize(
    ("inference", "num_numbers", "is_suited"),
    [
        (hp.NUTS(num_chains=1), 1000, True),
        (hp.NUTS(num_chains=1), 999, False),
        (hp.NUTS(num_chains=10_000), 1000, True),
        (hp.NUTS(num_chains=1, chain_method="sequential"), 1, True),
        (hp.Quadrature(), 1000, False),
    ],
)
def test_an_accelerator_gets_what_gives_each_core_a_thousand_numbers(
    inference: Any, num_numbers: int, *, is_suited: bool
) -> None:
    assert suits_accelerator(inference, {"theta": jnp.zeros(num_numbers)}) == is_suited
