"""A model of the user's own, in every place where one of hierpool's may stand."""

from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fits import COLUMNS, PLAYERS
from scipy.special import expit

import hierpool as hp

PLAYER = COLUMNS["efron-morris-75"]
FEW = hp.Quadrature(num_chains=2, num_draws=200)


@hp.model
class HalfCauchyPooling(hp.LogKappa):
    """phi ~ Uniform(0, 1), kappa ~ HalfCauchy(scale)."""

    scale: float = 10.0

    def log_prior(self, position: Any) -> jax.Array:
        logit_phi, log_kappa = position["logit_phi"], position["log_kappa"]
        phi = jax.nn.log_sigmoid(logit_phi) + jax.nn.log_sigmoid(-logit_phi)
        log_ratio = log_kappa - jnp.log(self.scale)
        return phi + jnp.log(2 / jnp.pi) + log_ratio - jax.nn.softplus(2 * log_ratio)

    def start(self, key: jax.Array, data: Any) -> jax.Array:
        return jax.random.uniform(key, minval=0.0, maxval=4.0)


@hp.model
class OfTheta:
    """One chance a group, a flat prior each: the four methods, and nothing else."""

    def init(self, key: jax.Array, counts: hp.Counts) -> Any:
        return {"x": jax.random.normal(key, counts.trials.shape)}

    def log_density(self, position: Any, counts: hp.Counts) -> jax.Array:
        x, y, n = position["x"], counts.successes, counts.trials
        rate = jax.nn.log_sigmoid
        return jnp.sum((y + 1) * rate(x) + (n - y + 1) * rate(-x))

    def constrain(self, key: jax.Array, position: Any, counts: hp.Counts) -> Any:
        return {"theta": jax.nn.sigmoid(position["x"])}

    def log_likelihood(self, parameters: Any, counts: hp.Counts) -> jax.Array:
        return jnp.zeros(counts.trials.shape) - jnp.log1p(counts.trials)


def test_estimate_is_a_sum_over_the_plane() -> None:
    k, x = np.linspace(-6, 30, 601)[:, None], np.linspace(-6, 4, 401)
    kappa, phi = np.exp(k), expit(x)

    def rising(base: np.ndarray, times: int) -> np.ndarray:
        return np.log(base[..., None] + np.arange(times)).sum(axis=-1)

    log_density = np.log(phi * (1 - phi)) + k - np.log1p((kappa / 10) ** 2)
    for y, n in zip(PLAYERS["hits"], PLAYERS["at_bats"], strict=True):
        log_density += rising(phi * kappa, y) + rising((1 - phi) * kappa, n - y) - rising(kappa, n)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    found = hp.estimate(PLAYERS, **PLAYER, model=HalfCauchyPooling()).population.iloc[0]
    assert found["phi_mean"] == pytest.approx((weight * phi).sum(), abs=1e-8)
    assert found["kappa_log_mean"] == pytest.approx((weight * k).sum(), abs=1e-8)


def test_it_is_fitted_saved_loaded_and_asked(tmp_path: Path) -> None:
    model = HalfCauchyPooling(5.0)
    tree = hp.fit(PLAYERS, **PLAYER, model=model, inference=FEW)
    assert "prior" not in tree.children
    path = tmp_path / "fit.nc"
    hp.save(tree, path)
    loaded = hp.load(path, model=HalfCauchyPooling)
    hp.summarize(loaded)
    hp.events(loaded, above=0.1)
    hp.rank(loaded)
    hp.contrasts(loaded, groups=["Roberto Clemente", "Max Alvis"])
    hp.predict(loaded, trials=10, new_groups={"rookie": (0, 4)})
    hp.new_groups(loaded, {"unseen": (0, 0)})
    hp.score(loaded, successes={"Max Alvis": 3}, trials={"Max Alvis": 10})
    hp.predictive_check(loaded)
    with pytest.raises(hp.InputError, match="is a fit of HalfCauchyPooling, not of OfTheta"):
        hp.load(path, model=OfTheta)


def test_it_runs_inside_a_program() -> None:
    counts = hp.Counts(jnp.array([18, 7, 0]), jnp.array([45, 45, 4]))
    nuts = hp.NUTS(num_chains=2, num_warmup=50, num_draws=50)
    scales = jnp.array([1.0, 10.0])

    def draws(scale: jax.Array) -> jax.Array:
        model = HalfCauchyPooling(scale)
        return hp.sample(jax.random.key(0), model, counts, nuts).parameters["theta"]

    theta = jax.jit(jax.vmap(draws))(scales)
    assert theta.shape == (2, 2, 50, 3) and bool(jnp.all(jnp.isfinite(theta)))


def test_four_methods_will_do_and_an_answer_names_what_it_lacks() -> None:
    nuts = hp.NUTS(num_chains=2, num_warmup=200, num_draws=500)
    tree = hp.fit(PLAYERS, **PLAYER, model=OfTheta(), inference=nuts)
    hp.summarize(tree)
    hp.events(tree, above=0.1)
    hp.rank(tree)
    with pytest.raises(hp.InputError, match="OfTheta has no draw_theta_prior, which this needs"):
        hp.predictive_check(tree, replicates="new-groups")
    with pytest.raises(hp.InputError, match="OfTheta has no collapsed, which this needs"):
        hp.new_groups(tree, {"rookie": (0, 4)})


@hp.model
class WithOdds(OfTheta):
    """It reports log-odds too, and says that they are of groups; and two numbers of its own."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"log_odds": ("groups",), "ends": ("end",)}

    def constrain(self, key: jax.Array, position: Any, counts: hp.Counts) -> Any:
        x = position["x"]
        ends = jnp.stack([x.min(), x.max()])
        return {"theta": jax.nn.sigmoid(x), "log_odds": x, "ends": ends}


def test_a_model_says_what_its_parameters_are_of(tmp_path: Path) -> None:
    tree = hp.fit(PLAYERS, **PLAYER, model=WithOdds(), inference=hp.NUTS(2, 200, 500))
    hp.save(tree, tmp_path / "fit.nc")
    loaded = hp.load(tmp_path / "fit.nc", model=WithOdds)
    for fitted in (tree, loaded):
        posterior = fitted["posterior"].dataset
        assert posterior["ends"].dims == ("chain", "draw", "end")
        odds = posterior["log_odds"].sel(groups="Max Alvis")
        theta = posterior["theta"].sel(groups="Max Alvis")
        np.testing.assert_allclose(expit(odds), theta, rtol=1e-12)
        hp.summarize(fitted)
        hp.rank(fitted)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        (5, r"dims must be a dict, as .* not 5"),
        ({"log_odds": "groups"}, "dims of log_odds must be a tuple of names"),
        ({"log_odds": ("chain",)}, "must be a tuple of names, without chain and draw"),
        ({"odds": ("groups",)}, "dims names odds, which constrain does not return; it returns"),
        ({"log_odds": ("groups", "end")}, r"with shape \(18,\), for 18 groups"),
        ({"ends": ("groups",)}, r"dims of ends are \('groups',\), .* with shape \(2,\), for 18"),
    ],
)
def test_dims_that_are_not_those_of_the_parameters_are_refused(dims: Any, message: str) -> None:
    misnamed = hp.model(type("Misnamed", (WithOdds,), {"dims": dims}))
    with pytest.raises(hp.InputError, match=f"Misnamed: .*{message}"):
        hp.fit(PLAYERS, **PLAYER, model=misnamed(), inference=hp.NUTS(2, 200, 500))


def test_a_derived_model_may_have_fields_of_its_own() -> None:
    @hp.model
    class Labelled(hp.CollapsedPartialPooling):
        """Its own field is no hyperparameter of hierpool's."""

        more: Any = (1.0, 2.0)

    tree = hp.fit(PLAYERS, **PLAYER, model=Labelled(0.5), inference=FEW)
    assert '"more": [1.0, 2.0]' in tree.attrs["hierpool_model"]
    found = hp.estimate(PLAYERS, **PLAYER, model=Labelled(0.5), prob=None).population
    want = hp.estimate(PLAYERS, **PLAYER, model=hp.CollapsedPartialPooling(0.5), prob=None)
    # The estimated error, of 3e-15, is rounding.
    np.testing.assert_allclose(found, want.population, rtol=1e-12, atol=1e-18)
    with pytest.raises(hp.InputError, match="Labelled: kappa_log_rate must be a positive number"):
        hp.fit(PLAYERS, **PLAYER, model=Labelled(-1.0))


@pytest.mark.parametrize("name", ["init", "constrain", "log_likelihood"])
def test_a_model_that_lacks_a_method_is_refused_by_its_name(name: str) -> None:
    methods = {one: value for one, value in vars(OfTheta).items() if one != name}
    lacking = type("Lacking", (), methods)()
    assert isinstance(OfTheta(), hp.Model) and not isinstance(lacking, hp.Model)
    with pytest.raises(hp.InputError, match=f"Lacking has no {name}, which this needs"):
        hp.fit(PLAYERS, **PLAYER, model=lacking)


def test_a_class_that_jax_does_not_know_is_refused_with_the_remedy() -> None:
    plain = type(
        "Plain", (), {name: value for name, value in vars(OfTheta).items() if name[0] != "_"}
    )
    with pytest.raises(
        hp.InputError, match="Plain is not a pytree: decorate the class with @hp.model"
    ):
        hp.fit(PLAYERS, **PLAYER, model=plain())


def test_a_derived_model_is_a_pytree() -> None:
    class Tighter(hp.CollapsedPartialPooling):
        """Nothing of its own but its name."""

    model = Tighter(0.5, 2.0, 3.0)
    assert jax.tree.leaves(model) == [0.5, 2.0, 3.0]
    assert isinstance(jax.tree.map(lambda leaf: leaf, model), Tighter)

    @hp.model
    class Wider(Tighter):
        """One number more."""

        more: float = 1.0

    assert jax.tree.leaves(Wider()) == [1.5, 1.0, 1.0, 1.0]
