"""Fits of many groups, and of the hyperparameters alone."""

import numpy as np
import pytest
import xarray as xr
from nuts_fits import COLLAPSED, COLUMNS, JOINT, MODELS, PLAYERS, SHORT, fitted, name_of

import hierpool as hp
from hierpool.inference.fit import SlowModelWarning


@pytest.mark.parametrize(
    "inference", [SHORT, hp.Quadrature(num_chains=4, num_draws=2000)], ids=["NUTS", "Quadrature"]
)
def test_twenty_thousand_groups_are_fitted_by_their_hyperparameters_alone(
    inference: hp.NUTS | hp.Quadrature, tmp_path: object
) -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(0, 60, 20_000)
    table = {"y": rng.binomial(n, rng.beta(30, 70, len(n))), "n": n}
    tree = hp.fit(
        table,
        successes="y",
        trials="n",
        model=COLLAPSED,
        inference=inference,
        hyperparameters_only=True,
    )
    assert set(tree["posterior"].data_vars) == {"phi", "kappa_log", "kappa"}
    assert set(tree.children) - {"sample_stats"} == {
        "posterior",
        "prior",
        "observed_data",
        "constant_data",
    }
    lower, upper = tree["posterior"]["kappa"].quantile([0.001, 0.999])
    assert lower < 100 < upper
    assert hp.check(tree).problems == ()
    summary = hp.summarize(tree)
    assert sorted(summary.population.index) == ["kappa", "kappa_log", "phi"]
    assert list(summary.groups.columns) == ["successes", "trials", "rate"]
    hp.save(tree, f"{tmp_path}/fit.nc")
    xr.testing.assert_identical(hp.load(f"{tmp_path}/fit.nc"), tree)


@pytest.mark.parametrize("model", MODELS[:-1], ids=name_of)
def test_the_hyperparameters_alone_are_those_of_the_whole_fit(model: hp.Model) -> None:
    tree = hp.fit(
        PLAYERS,
        **COLUMNS,
        model=model,
        inference=SHORT,
        new_groups={"rookie": (0, 4)},
        hyperparameters_only=True,
    )
    whole = fitted(model)
    for name, draws in tree["posterior"].data_vars.items():
        xr.testing.assert_equal(draws, whole["posterior"][name])
    assert set(whole["posterior"].data_vars) - set(tree["posterior"].data_vars) == {"theta"}


def test_without_hyperparameters_nothing_would_be_left() -> None:
    with pytest.raises(hp.InputError, match="NoPooling has no hyperparameters"):
        hp.fit(PLAYERS, **COLUMNS, model=hp.NoPooling(), hyperparameters_only=True)


@pytest.mark.parametrize("model", JOINT, ids=name_of)
def test_many_groups_in_a_joint_model_are_told_of_the_faster_one(model: hp.Model) -> None:
    table = {"y": np.arange(2001) % 5, "n": np.full(2001, 9)}
    short = hp.NUTS(num_chains=1, num_warmup=0, num_draws=4, max_tree_depth=1)
    better = f"Collapsed{type(model).__name__} has the same posterior"
    with pytest.warns(hp.ConvergenceWarning), pytest.warns(SlowModelWarning, match=better) as told:
        hp.fit(
            table,
            successes="y",
            trials="n",
            model=model,
            inference=short,
            hyperparameters_only=True,
        )
    assert sum(warning.category is SlowModelWarning for warning in told) == 1
