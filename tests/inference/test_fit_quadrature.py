"""Fits by exact, independent draws."""

import numpy as np
import oracle
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from compiling import compiled
from nuts_fits import COLLAPSED, COLUMNS, JOINT, PLAYERS, fitted, name_of

import hierpool as hp
from hierpool.exact import refining
from hierpool.exact.quadrature import Quadrature

EXACT = Quadrature(num_chains=4, num_draws=2000)
RATS = hp.load_dataset("rat-tumors")


@pytest.fixture(scope="module")
def exact() -> xr.DataTree:
    return hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=EXACT)


def draws_of(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Returns (chain, draw) draws of every quantity that has moments."""
    posterior = tree["posterior"].dataset
    scalars = {name: posterior[name].values for name in ("phi", "kappa_log")}
    theta = posterior["theta"].values
    return scalars | {f"theta[{i}]": theta[..., i] for i in range(theta.shape[-1])}


def test_quadrature_gives_the_usual_tree_but_statistics_of_a_sampler(exact: xr.DataTree) -> None:
    usual = fitted(hp.CollapsedPartialPooling())
    assert set(exact.children) == set(usual.children) - {"sample_stats"}
    for group in exact.children:
        assert set(exact[group].data_vars) == set(usual[group].data_vars)
    assert exact["posterior"]["theta"].shape == (4, 2000, 18)
    assert hp.check(exact).sentence == "Exact: 8000 independent draws."
    assert exact.attrs["quadrature_converged"] == 1
    assert exact.attrs["quadrature_error"] < EXACT.tolerance


def test_the_draws_of_quadrature_are_independent(exact: xr.DataTree) -> None:
    draws = draws_of(exact)
    for name in ("phi", "kappa_log", "theta[0]", "theta[8]", "theta[17]"):
        effective = array_stats.ess(draws[name], chain_axis=0, draw_axis=1)
        assert abs(effective / 8000 - 1) < 0.05, name


@pytest.mark.parametrize("table", ["players", "rats"])
def test_nuts_and_quadrature_agree(table: str) -> None:
    data = {
        "players": {"frame": PLAYERS, **COLUMNS},
        "rats": {"frame": RATS, "successes": "tumors", "trials": "rats"},
    }[table]
    nuts = hp.NUTS(num_chains=4, num_warmup=1000, num_draws=2000, target_accept=0.95)
    both = [
        draws_of(hp.fit(**data, model=COLLAPSED, inference=inference, seed=2))
        for inference in (nuts, EXACT)
    ]
    for name in both[0]:
        means = [draws[name].mean() for draws in both]
        effective = [
            float(array_stats.ess(draws[name], chain_axis=0, draw_axis=1, method="mean"))
            for draws in both
        ]
        assert min(effective) > 400, name
        error = sum(draws[name].var() / n for draws, n in zip(both, effective, strict=True)) ** 0.5
        assert abs(means[0] - means[1]) < 5 * error, name


def test_the_evidence_of_quadrature_is_that_of_the_data() -> None:
    # One group: phi and kappa tell y nothing before theta does, so each count of 0 to n has a
    # probability, and they add up to 1.
    evidences = [
        hp.fit(
            {"y": [y], "n": [3]},
            successes="y",
            trials="n",
            model=COLLAPSED,
            inference=Quadrature(num_draws=4),
            hyperparameters_only=True,
        ).attrs["log_evidence"]
        for y in range(4)
    ]
    np.testing.assert_allclose(np.exp(evidences).sum(), 1, rtol=EXACT.tolerance * 10)
    np.testing.assert_allclose(evidences, evidences[::-1], rtol=EXACT.tolerance * 10)


def test_the_evidence_of_quadrature_is_the_oracles(exact: xr.DataTree) -> None:
    want = oracle.exact(PLAYERS["hits"].to_numpy(), PLAYERS["at_bats"].to_numpy()).log_evidence
    np.testing.assert_allclose(exact.attrs["log_evidence"], want, rtol=EXACT.tolerance)


def test_theta_given_the_population_has_its_exact_moments(exact: xr.DataTree) -> None:
    posterior = exact["posterior"].dataset
    phi, kappa = posterior["phi"].values[..., None], posterior["kappa"].values[..., None]
    total = kappa + PLAYERS["at_bats"].to_numpy()
    mean = (phi * kappa + PLAYERS["hits"].to_numpy()) / total
    sd = np.sqrt(mean * (1 - mean) / (total + 1))
    standardised = (posterior["theta"].values - mean) / sd
    error = standardised.size**-0.5
    assert abs(standardised.mean()) < 5 * error
    assert abs((standardised**2).mean() - 1) < 5 * error * (standardised**2).std()


def test_a_second_fit_by_quadrature_of_the_same_shape_compiles_nothing() -> None:
    def fit(hits: pd.Series, rate: float, inference: Quadrature) -> None:
        model = hp.CollapsedPartialPooling(kappa_log_rate=rate)
        hp.fit(PLAYERS.assign(hits=hits.to_numpy()), **COLUMNS, model=model, inference=inference)

    fit(PLAYERS["hits"], 1.5, EXACT)
    with compiled() as programs:
        fit(PLAYERS["hits"][::-1], 1.0, Quadrature(num_chains=2, num_draws=3500))
    assert programs == []


def test_a_quadrature_that_did_not_converge_is_told_in_one_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each doubling compiles anew.
    monkeypatch.setattr(refining, "MOST_DOUBLINGS", 1)
    rough = Quadrature(num_nodes=8, tolerance=1e-300)
    with pytest.warns(
        # Tried again with twice the 8 that were asked for.
        hp.ConvergenceWarning,
        match=r"take more num_nodes \(now 16\), or NUTS",
    ) as caught:
        tree = hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=rough)
    assert len(caught) == 1
    assert tree.attrs["quadrature_converged"] == 0
    assert np.isfinite(tree["posterior"]["theta"]).all()
    assert hp.check(tree).sentence.startswith("Not converged")


@pytest.mark.parametrize("model", JOINT, ids=name_of)
def test_quadrature_refuses_a_position_of_more_than_two_numbers(model: hp.Model) -> None:
    with pytest.raises(hp.InputError, match=r"two numbers, and \w+ has 20: take NUTS, or a model"):
        hp.fit(PLAYERS, **COLUMNS, model=model, inference=Quadrature())


@pytest.mark.parametrize(
    ("inference", "message"),
    [
        (Quadrature(num_chains=0), "num_chains must be a whole number, at least 1"),
        (Quadrature(num_draws=3), "num_draws .* at least 4, not 3"),
        (Quadrature(num_nodes=7), "num_nodes must be a whole number, at least 8, not 7"),
        (Quadrature(num_nodes=32.5), "num_nodes must be a whole number"),
        (Quadrature(tolerance=0.0), r"tolerance must be a positive number, not 0\.0"),
        (Quadrature(tolerance=np.nan), "tolerance must be a positive number, not nan"),
    ],
)
def test_settings_of_quadrature_out_of_range_are_refused(
    inference: Quadrature, message: str
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.fit(PLAYERS, **COLUMNS, model=COLLAPSED, inference=inference)
