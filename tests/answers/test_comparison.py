"""Leaving a group out equals refitting without it; scores agree with ArviZ's where those hold."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import MODELS
from scores import SMALL, compared, evidence, frame
from tables import HOSPITALS, close

import hierpool as hp
from hierpool.models.protocol import GROUPS

COLUMNS = {"successes": "hits", "trials": "at_bats", "group": "player"}


def test_the_table_follows_from_the_pointwise_scores() -> None:
    result = compared(*HOSPITALS)
    table, pointwise = result.models, result.pointwise
    assert (
        list(pointwise.columns)
        == list(table.index)
        == list(table["elpd"].sort_values().index)[::-1]
    )
    assert pointwise.index.name == "group" and len(pointwise) == 12
    best = pointwise[table.index[0]]
    for name in table.index:
        row, each = table.loc[name], pointwise[name]
        gap = each - best
        close(row["elpd"], each.sum(), relative=1e-12)
        close(row["elpd_se"], np.sqrt(12 * np.mean((each - each.mean()) ** 2)), relative=1e-12)
        close(row["difference"], gap.sum(), relative=1e-12)
        close(row["difference_se"], np.sqrt(12) * np.std(gap), relative=1e-12)
    assert table["log_bayes_factor"].max() == 0
    close(table["weight"].sum(), 1, relative=1e-12)
    odds = np.log(table["weight"]) - np.log(table["weight"].max())
    close(odds, table["log_bayes_factor"], relative=1e-9)
    close(table.loc[["complete", "none"], "error"], 0, relative=0)
    assert (table["error"] < 1e-6).all()


def test_order_names_and_unseen_groups_change_nothing() -> None:
    want = compared(*HOSPITALS)
    order = np.random.default_rng(0).permutation(12)
    names = np.array([*"ABCDEFGHIJKL", "unseen"])
    y, n = np.append(HOSPITALS.successes[order], 0), np.append(HOSPITALS.trials[order], 0)
    got = hp.compare(
        {"y": y, "n": n, "name": np.append(names[:-1][order], "unseen")},
        successes="y",
        trials="n",
        group="name",
    )
    assert "unseen" not in got.pointwise.index
    close(got.models, want.models, relative=1e-9, absolute=1e-9)
    close(got.pointwise.sort_index(), want.pointwise, relative=1e-9)


@pytest.fixture(scope="module")
def fits() -> dict[str, xr.DataTree]:
    exact = hp.Quadrature(num_chains=4, num_draws=2000)
    return {
        name: hp.fit(
            hp.load_dataset("efron-morris-75"),
            **COLUMNS,
            model=MODELS[name],
            inference=exact,
            seed=3,
        )
        for name in ("complete", "none", "beta")
    }


def test_fits_are_scored_as_their_models(fits: dict[str, xr.DataTree]) -> None:
    got = hp.compare_fits(fits)
    models = {name: MODELS[name] for name in fits}
    want = hp.compare(hp.load_dataset("efron-morris-75"), **COLUMNS, models=models)
    pd.testing.assert_frame_equal(got.models[want.models.columns], want.models)
    pd.testing.assert_frame_equal(got.pointwise, want.pointwise)
    close(got.models.loc["beta", "log_evidence"], fits["beta"].attrs["log_evidence"], relative=1e-8)


def test_fits_are_matched_by_the_names_of_their_groups(fits: dict[str, xr.DataTree]) -> None:
    names = list(fits["beta"]["posterior"][GROUPS].values)
    sorted_by_name = fits["beta"].isel({GROUPS: np.argsort(names)})
    want = hp.compare_fits({"beta": fits["beta"], "other": fits["beta"]})
    for pair in ((fits["beta"], sorted_by_name), (sorted_by_name, fits["beta"])):
        got = hp.compare_fits(dict(zip(("beta", "other"), pair, strict=True)))
        close(got.models, want.models, relative=1e-9, absolute=1e-9)
        close(got.pointwise.loc[names], want.pointwise, relative=1e-9)
        close(got.pareto_k.loc[names], want.pareto_k, relative=1e-7)
    with pytest.raises(hp.InputError, match="'beta' and 'some' are not of the same data"):
        some = fits["beta"].isel({GROUPS: slice(5)})
        some.attrs.pop("hierpool_format")
        hp.compare_fits({"beta": fits["beta"], "some": some})


def test_arviz_agrees_where_pareto_k_is_good(fits: dict[str, xr.DataTree]) -> None:
    import arviz as az

    got = hp.compare_fits(fits)
    # Without pooling nothing depends on draws, which az.loo refuses.
    drawn = {name: fits[name] for name in ("complete", "beta")}
    for name, tree in drawn.items():
        loo = az.loo(tree, pointwise=True)
        row = got.models.loc[name]
        close(row["psis_elpd"], loo.elpd, relative=1e-9)
        close(got.pareto_k[name], loo.pareto_k, relative=1e-7)
        assert row["unreliable"] == 0 and row["pareto_k"] < 0.7
        close(got.pointwise[name], loo.elpd_i, relative=0, absolute=0.02)
        assert abs(row["elpd"] - loo.elpd) < 0.05
        assert abs(row["elpd_se"] - loo.se) < 0.1
    close(got.models.loc["none", "psis_elpd"], got.models.loc["none", "elpd"], relative=1e-9)
    assert np.isnan(got.models.loc["none", "pareto_k"])
    with warnings.catch_warnings():
        # How its stacking weights are found is not compared here.
        warnings.simplefilter("ignore")
        theirs = az.compare(drawn, round_to="none")
    ours = got.models.loc[list(theirs.index)]
    close(ours["difference"].abs(), theirs["elpd_diff"].abs(), relative=0, absolute=0.06)
    close(ours["difference_se"], theirs["dse"], relative=0, absolute=0.06)


def with_log_likelihood(tree: xr.DataTree, weight: np.ndarray) -> xr.DataTree:
    """Returns a fit whose first group, left out, weighs its draws so."""
    changed = tree.copy()
    y = tree["log_likelihood"]["y"].copy(deep=True)
    y[..., 0] = -np.log(weight).reshape(y.shape[:2])
    changed["log_likelihood"] = xr.DataTree(xr.Dataset({"y": y}))
    return changed


@pytest.mark.parametrize(("k", "is_bad"), [(0.6, False), (0.72, True)])
def test_a_pareto_k_above_seven_tenths_is_unreliable_however_many_the_draws(
    fits: dict[str, xr.DataTree],
    k: float,
    is_bad: bool,  # noqa: FBT001
) -> None:
    # Quantiles of a generalized Pareto law; 1 - 1 / log10(8000) is .744.
    level = np.random.default_rng(0).permutation((np.arange(8000) + 0.5) / 8000)
    tree = with_log_likelihood(fits["complete"], 1 + ((1 - level) ** -k - 1) / k)
    result = hp.compare_fits({"complete": tree})
    assert abs(result.pareto_k.iloc[0, 0] - k) < 0.02
    assert result.models.loc["complete", "unreliable"] == int(is_bad)


def test_groups_without_trials_are_no_hindrance_to_arviz() -> None:
    import arviz as az

    fits = {
        name: hp.fit(
            frame([18, 17, 16, 15, 14, 0, 14, 13, 12], [45] * 5 + [0] + [45] * 3),
            successes="y",
            trials="n",
            model=MODELS[name],
            inference=hp.NUTS(num_draws=1000),
        )
        for name in ("complete", "beta")
    }
    ours = hp.compare_fits(fits)
    for name, tree in fits.items():
        loo = az.loo(tree, pointwise=True)
        close(ours.models.loc[name, "psis_elpd"], loo.elpd, relative=1e-9)
        close(ours.pareto_k[name], loo.pareto_k, relative=1e-9)
        assert loo.elpd_i.sizes["groups"] == 8
    assert set(az.compare(fits).index) == set(fits)
    nothing = hp.fit(frame([0, 0], [0, 0]), successes="y", trials="n", model=hp.CompletePooling())
    assert "log_likelihood" not in nothing.children


def test_without_pooling_the_score_is_the_sum_of_the_priors_predictions() -> None:
    tree = hp.fit(frame([3, 7, 5], [10, 10, 20]), successes="y", trials="n", model=hp.NoPooling())
    row = hp.compare_fits({"none": tree}).models.loc["none"]
    # Under a uniform chance every number of successes is as probable.
    close(row[["elpd", "psis_elpd"]], -2 * np.log(11) - np.log(21), relative=1e-9)


def test_it_is_said_where_pareto_k_is_bad_and_the_score_holds_there() -> None:
    y, n = SMALL["one far from the others"]
    model = MODELS["complete"]
    tree = hp.fit(frame(y, n), successes="y", trials="n", model=model)
    result = hp.compare_fits({"complete": tree})
    row = result.models.loc["complete"]
    assert result.pareto_k.loc[3, "complete"] > 0.7 and row["unreliable"] >= 1
    want = sum(
        evidence("complete", model, np.array(y), np.array(n))
        - evidence("complete", model, np.delete(y, i), np.delete(n, i))
        for i in range(4)
    )
    close(row["elpd"], want, relative=1e-9)
    assert abs(row["psis_elpd"] - want) > 1


def test_a_fit_that_was_saved_gives_the_same(fits: dict[str, xr.DataTree], tmp_path: Path) -> None:
    hp.save(fits["beta"], tmp_path / "fit.nc")
    loaded = {**fits, "beta": hp.load(tmp_path / "fit.nc")}
    for got, want in zip(hp.compare_fits(loaded), hp.compare_fits(fits), strict=True):
        pd.testing.assert_frame_equal(got, want)


def test_a_fit_without_theta_is_scored_without_pareto_k(fits: dict[str, xr.DataTree]) -> None:
    tree = hp.fit(
        hp.load_dataset("efron-morris-75"),
        **COLUMNS,
        model=MODELS["beta"],
        inference=hp.Quadrature(),
        hyperparameters_only=True,
    )
    table = hp.compare_fits({"few": tree, "all": fits["beta"]}).models
    close(table.loc["few", "elpd"], table.loc["all", "elpd"], relative=1e-12)
    assert table.loc["few", ["psis_elpd", "pareto_k"]].isna().all()


@pytest.mark.usefixtures("tried_once")
def test_an_integration_that_missed_its_tolerance_is_said() -> None:
    with pytest.warns(
        hp.ConvergenceWarning, match="integration of 'beta' did not reach its tolerance"
    ):
        hp.compare(
            frame([3, 9], [10, 10]),
            successes="y",
            trials="n",
            models={"beta": MODELS["beta"]},
            inference=hp.Quadrature(tolerance=1e-30),
        )


class _Own:
    log_density = None


def test_wrong_arguments_get_a_sentence(fits: dict[str, xr.DataTree]) -> None:
    other = hp.fit(frame([3, 4], [9, 9]), successes="y", trials="n", model=hp.CompletePooling())
    with pytest.raises(hp.InputError, match="'beta' and 'other' are not of the same data"):
        hp.compare_fits({"beta": fits["beta"], "other": other})
    with pytest.raises(TypeError, match="must map names to trees, and are list"):
        hp.compare_fits([fits["beta"]])
    with pytest.raises(TypeError, match="the tree that fit returned"):
        hp.compare_fits({"beta": "fit.nc"})
    for nothing in (lambda: hp.compare_fits({}), lambda: compared([1], [2], {})):
        with pytest.raises(hp.InputError, match="nothing to compare"):
            nothing()
    with pytest.raises(TypeError, match="list of words, .* or map names to models, and are tuple"):
        compared([1], [2], (hp.NoPooling(),))
    with pytest.raises(hp.InputError, match="_Own has no constrain and no init"):
        compared([1], [2], {"own": _Own()})
    with pytest.raises(hp.InputError, match="kappa_log_rate must be a positive number, not -1"):
        compared([1], [2], {"beta": hp.PartialPooling(kappa_log_rate=-1)})
    with pytest.raises(hp.InputError, match="No group has trials"):
        compared([0], [0])
    with pytest.raises(TypeError, match=r"needs inference=Quadrature\(\.\.\.\), not NUTS"):
        hp.compare(frame([1], [2]), successes="y", trials="n", inference=hp.NUTS())
    with pytest.raises(hp.InputError, match="y must not exceed n"):
        compared([3], [2])


def test_the_evidence_of_a_single_model_is_not_spoken_of(fits: dict[str, xr.DataTree]) -> None:
    name, tree = next(iter(fits.items()))
    told = hp.compare_fits({name: tree}).sentence
    assert " alone: elpd " in told and "evidence" not in told
