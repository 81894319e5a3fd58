"""Successes in further trials: against the reference, the oracle, and SciPy."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import NAMES, PLAYERS, REST, four_fits
from oracle import Exact, exact
from scipy import stats
from tables import close

import hierpool as hp
from hierpool.inference import memory
from hierpool.posterior.tree import settings

QUADRATURE = hp.Quadrature(num_chains=4, num_draws=1000)
TO_COME, FIRST = REST, NAMES[0]


@pytest.fixture(scope="module")
def trees() -> dict[str, xr.DataTree]:
    trees = dict(four_fits())
    # The same posteriors, of the models that keep theta in their position.
    for name, model in (("beta", hp.PartialPooling()), ("logit", hp.LogitPartialPooling())):
        twin = trees[name].copy()
        twin.attrs = trees[name].attrs | {"hierpool_model": settings(model)}
        trees[f"{name}, joint"] = twin
    return trees


@pytest.mark.parametrize(
    ("model", "mean", "sd"), [("complete", 97.64, 10.20), ("beta", 118.1, 21.08)]
)
def test_remaining_hits_are_the_references(
    model: str, mean: float, sd: float, trees: dict[str, xr.DataTree]
) -> None:
    row = hp.predict(trees[model], trials=TO_COME, prob=0.8).loc[FIRST]
    assert row["trials"] == 367
    assert abs(row["mean"] - mean) < 5 * row["mcse"] + 0.05
    # An sd is as uncertain as a mean, in units of the spread between draws.
    assert abs(row["sd"] - sd) < 5 * row["mcse"]
    if model == "beta":
        assert abs(row["lower"] - 93) <= 1 and abs(row["upper"] - 146) <= 1


@pytest.mark.parametrize(
    ("name", "successes", "trials", "group"),
    [
        ("rat-tumors", "tumors", "rats", "experiment"),
        ("surgical-mortality", "deaths", "operations", "hospital"),
    ],
)
def test_moments_and_ends_are_the_oracles(
    name: str, successes: str, trials: str, group: str
) -> None:
    frame, m = hp.load_dataset(name), 30
    columns = {"successes": successes, "trials": trials, "group": group}
    tree = hp.fit(frame, **columns, model=hp.CollapsedPartialPooling(), inference=QUADRATURE)
    got = hp.predict(tree, trials=m, prob=0.8)
    oracle = exact(frame[successes].to_numpy(), frame[trials].to_numpy(), size=120)
    mean, sd = oracle.theta_moments()
    assert np.all(np.abs(got["mean"] - m * mean) < 5 * got["mcse"])
    want = np.sqrt(m * (mean * (1 - mean) - sd**2) + m**2 * sd**2)
    close(got["sd"], want, relative=0.03)
    assert list(got.index) == list(frame[group].astype(str))
    for place in (0, len(frame) // 2, len(frame) - 1):
        for column, level in (("lower", 0.1), ("upper", 0.9)):
            end = int(got[column].iloc[place])
            at, error = _below(oracle, place, end, m)
            before, _ = _below(oracle, place, end - 1, m)
            # 5 standard errors of an average over 4000 draws.
            slack = 5 * error / 4000**0.5
            assert before - slack < level <= at + slack


def _below(oracle: Exact, place: int, z: int, m: int) -> tuple[float, float]:
    """Returns the probability of at most z of m, and its sd over populations."""
    heavy = oracle.weight > oracle.weight.max() * 1e-6
    phi, kappa = oracle.phi[heavy], np.exp(oracle.kappa_log[heavy])
    y, n = oracle.successes[place], oracle.trials[place]
    below = stats.betabinom.cdf(z, m, phi * kappa + y, (1 - phi) * kappa + n - y)
    weight = oracle.weight[heavy] / oracle.weight[heavy].sum()
    return float(weight @ below), float(np.sqrt(weight @ (below - weight @ below) ** 2))


def test_without_pooling_it_is_the_beta_binomial(trees: dict[str, xr.DataTree]) -> None:
    got = hp.predict(trees["none"], trials=TO_COME, prob=0.6)
    y = PLAYERS["hits"].to_numpy()
    want = stats.betabinom(got["trials"].to_numpy(), 1 + y, 46 - y)
    close(got["mean"], want.mean(), relative=1e-12)
    close(got["sd"], want.std(), relative=1e-10)
    assert got["lower"].tolist() == want.ppf(0.2).tolist()
    assert got["upper"].tolist() == want.ppf(0.8).tolist()
    assert not got["mcse"].any()


@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit"])
def test_of_very_many_trials_the_share_is_the_chance(
    model: str, trees: dict[str, xr.DataTree]
) -> None:
    # So many that z is drawn: its quantiles are theta's, but for their Monte Carlo error.
    m = 10**9
    got = hp.predict(trees[model], trials=m, prob=0.8)
    theta = trees[model]["posterior"]["theta"].values.reshape(-1, 18)
    close(got["sd"] / m, theta.std(axis=0), relative=0.05)
    for column, level in (("lower", 0.1), ("upper", 0.9)):
        share = np.mean(theta < got[column].to_numpy() / m, axis=0)
        # In the posterior's draws exactly so, but for the binomial's own spread.
        close(share, level, relative=0, absolute=0.002)


def test_sums_and_draws_give_the_same_ends(trees: dict[str, xr.DataTree]) -> None:
    for model in ("beta", "logit"):
        summed = hp.predict(trees[model], trials=TO_COME, prob=0.8)
        drawn = hp.add_predictions(trees[model], trials=TO_COME)["predictions"]["y"]
        z = drawn.values.reshape(-1, 18)
        for column, level in (("lower", 0.1), ("upper", 0.9)):
            end = summed[column].to_numpy()
            slack = 5 * np.sqrt(level * (1 - level) / len(z))
            assert np.all(np.mean(z < end, axis=0) < level + slack)
            assert np.all(np.mean(z <= end, axis=0) > level - slack)


@pytest.mark.parametrize("model", ["complete", "none", "beta", "logit", "beta, joint"])
def test_groups_go_by_name(model: str, trees: dict[str, xr.DataTree]) -> None:
    tree, names = trees[model], list(PLAYERS["player"])
    all_of_them = hp.predict(tree, trials=TO_COME.to_numpy())
    assert list(all_of_them.index) == names and all_of_them.index.name == "group"
    backwards = hp.predict(tree, trials=TO_COME[::-1])
    pd.testing.assert_frame_equal(backwards.loc[names], all_of_them, rtol=1e-9)
    two = hp.predict(tree, trials={names[7]: 138, FIRST: np.int64(367)})
    assert list(two.index) == [names[7], FIRST]
    pd.testing.assert_frame_equal(two, all_of_them.loc[[names[7], FIRST]], rtol=1e-9)


def test_a_model_and_its_collapsed_twin_predict_the_same(trees: dict[str, xr.DataTree]) -> None:
    for model in ("beta", "logit"):
        one, other = (hp.predict(trees[name], trials=9) for name in (model, f"{model}, joint"))
        pd.testing.assert_frame_equal(one, other)


def test_no_trials_bring_no_successes(trees: dict[str, xr.DataTree]) -> None:
    got = hp.predict(trees["beta"], trials=0)
    assert not got.to_numpy().any()


def test_newcomers_stand_among_the_groups(trees: dict[str, xr.DataTree]) -> None:
    new_groups = {"rookie": (0, 4), "unseen": (0, 0)}
    for model, tree in trees.items():
        got = hp.predict(tree, trials=100, new_groups=new_groups)
        assert list(got.index[-2:]) == ["rookie", "unseen"] and len(got) == 20
        theta = hp.new_groups(tree, new_groups)
        close(got["mean"][-2:], 100 * theta["mean"], relative=1e-9)
        close(got["mcse"][-2:], 100 * theta["mcse"], relative=1e-9)
        # The known ones learn of the rookie's failures, but where nobody learns from another.
        before = hp.predict(tree, trials=100)
        assert np.all(got["mean"][:18] < before["mean"]) == (model != "none")


def test_the_predictions_are_draws_given_theta(trees: dict[str, xr.DataTree]) -> None:
    for model in ("complete", "none", "beta", "logit"):
        tree = hp.add_predictions(trees[model], trials=TO_COME, seed=3)
        z, m = tree["predictions"]["y"], tree["predictions_constant_data"]["n"]
        assert z.dims == ("chain", "draw", "groups")
        assert z["groups"].values.tolist() == m["groups"].values.tolist() == list(TO_COME.index)
        theta = tree["posterior"]["theta"]
        residual = ((z - m * theta) / np.sqrt(m * theta * (1 - theta))).values.reshape(-1, 18)
        # Of a binomial given this draw's theta: mean 0, variance 1, and groups are independent.
        close(residual.mean(axis=0), 0, relative=0, absolute=5 / 4000**0.5)
        covariance = np.cov(residual.T)
        close(covariance, np.eye(18), relative=0, absolute=5 * (2 / 4000) ** 0.5)
    assert "predictions" not in trees["beta"].children


def test_unseen_groups_share_a_population_and_nothing_else(trees: dict[str, xr.DataTree]) -> None:
    m = 10**6
    new_groups = {"a": (0, 0), "b": (0, 0)}
    tree = hp.add_predictions(trees["beta"], trials=m, new_groups=new_groups)
    a, b = (tree["predictions"]["y"].sel(groups=name).values.ravel() / m for name in "ab")
    phi = tree["posterior"]["phi"].values.ravel()
    # Given the population they are independent: what they share is phi.
    product = (a - a.mean()) * (b - b.mean())
    error = product.std() / len(a) ** 0.5
    assert abs(product.mean() - 0.02108**2) < 5 * error
    assert abs(np.mean((a - phi) * (b - phi))) < 5 * error
    assert tree["predictions"].attrs["effective_draws"] == pytest.approx(4000)


def test_newcomers_with_data_weigh_the_draws(trees: dict[str, xr.DataTree]) -> None:
    new_groups = {"hot": (9, 10)}
    tree = hp.add_predictions(trees["beta"], trials=50, new_groups=new_groups)
    table = hp.predict(trees["beta"], trials=50, new_groups=new_groups)
    z = tree["predictions"]["y"].values.reshape(-1, 19)
    effective = tree["predictions"].attrs["effective_draws"]
    assert 500 < effective < 3000
    close(z.std(axis=0), table["sd"], relative=0.15)
    assert np.all(np.abs(z.mean(axis=0) - table["mean"]) < 5 * table["sd"] / effective**0.5)
    assert json.loads(tree["predictions"].attrs["new_groups"]) == {"hot": [9, 10]}


def test_many_draws_are_thinned_together_with_their_weights(
    trees: dict[str, xr.DataTree],
) -> None:
    # Each draw 41 times over: the same posterior, and too many terms for one answer.
    tree = trees["beta"].copy()
    for name in set(tree.children) - {"posterior", "observed_data", "constant_data"}:
        del tree[name]
    posterior = tree["posterior"].to_dataset().drop_vars("theta")
    tree["posterior"] = xr.DataTree(posterior.isel(draw=np.tile(np.arange(1000), 41)))
    # Newcomers whose data say much: draws weigh very unequally.
    words = {"trials": 400, "new_groups": {f"hot {i}": (9, 20) for i in range(4)}, "prob": 0.8}
    many, few = hp.predict(tree, **words), hp.predict(trees["beta"], **words)
    equal = hp.predict(trees["beta"], trials=400, prob=0.8)
    for end in ("lower", "upper"):
        gap = np.abs(many[end] - few[end])
        # Of a step of some 30 of 41,000 draws a few thousand are left, with their own error.
        assert gap.max() <= 2
        # As far off as draws that go with others' weights would be.
        assert np.abs(equal[end] - few[end][:18]).max() > 5


def test_intervals_hold_89_percent_unless_told_otherwise(trees: dict[str, xr.DataTree]) -> None:
    got = hp.predict(trees["none"], trials=10**5)
    y = PLAYERS["hits"].to_numpy()
    inside = [
        stats.betabinom.cdf(got[end] - step, 10**5, 1 + y, 46 - y)
        for end, step in (("upper", 0), ("lower", 1))
    ]
    close(inside[0] - inside[1], 0.89, relative=0, absolute=0.02)
    theta = trees["beta"]["posterior"]["theta"].values.reshape(-1, 18)
    groups = hp.summarize(trees["beta"]).groups
    close(
        np.mean(
            (groups["lower"].to_numpy() <= theta) & (theta <= groups["upper"].to_numpy()), axis=0
        ),
        0.89,
        relative=0,
        absolute=0.001,
    )
    ranks = hp.rank(trees["beta"])
    place = ranks.distribution.columns.to_numpy()
    for name, row in ranks.distribution.iterrows():
        lower, upper = ranks.groups.loc[name, ["lower", "upper"]]
        assert row[place < lower].sum() < 0.055 <= row[place <= lower].sum() + 1e-12
        assert row[place < upper].sum() < 0.945 <= row[place <= upper].sum() + 1e-12


def test_the_predictions_survive_a_file(trees: dict[str, xr.DataTree], tmp_path: Path) -> None:
    tree = hp.add_predictions(trees["beta"], trials=9, new_groups={"rookie": (0, 4)})
    hp.save(tree, tmp_path / "fit.nc")
    again = hp.load(tmp_path / "fit.nc")
    for name in ("predictions", "predictions_constant_data"):
        xr.testing.assert_identical(again[name].to_dataset(), tree[name].to_dataset())
    pd.testing.assert_frame_equal(
        hp.predict(again, trials=TO_COME), hp.predict(trees["beta"], trials=TO_COME)
    )


def test_the_same_seed_draws_the_same(trees: dict[str, xr.DataTree]) -> None:
    one, same, other = (
        hp.add_predictions(trees["logit"], trials=9, new_groups={"a": (1, 2)}, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one["predictions"]["y"].equals(same["predictions"]["y"])
    assert not one["predictions"]["y"].equals(other["predictions"]["y"])


def test_hyperparameters_alone_will_do_for_betas(trees: dict[str, xr.DataTree]) -> None:
    for model in ("beta", "logit"):
        tree = trees[model].copy()
        tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().drop_vars("theta"))
        if model == "logit":
            with pytest.raises(hp.InputError, match="holds the hyperparameters only"):
                hp.predict(tree, trials=9)
            continue
        whole = hp.predict(trees[model], trials=TO_COME)
        pd.testing.assert_frame_equal(hp.predict(tree, trials=TO_COME), whole)
        y = hp.add_predictions(tree, trials=TO_COME)["predictions"]["y"].values.reshape(-1, 18)
        assert np.all(np.abs(y.mean(axis=0) - whole["mean"]) < 5 * whole["sd"] / 4000**0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"trials": -1}, "trials must not be negative: group 'Roberto Clemente' has -1"),
        ({"trials": 2.5}, "trials must be whole numbers: group 'Roberto Clemente' has 2.5"),
        ({"trials": {"Clemente": 9}}, "no group 'Clemente'; the nearest .* 'Roberto Clemente'"),
        ({"trials": {}}, "at least one group"),
        ({"trials": [1, 2]}, "18 groups: give one number per group"),
        ({"trials": pd.Series([1, 2], index=[FIRST, FIRST])}, "'Roberto Clemente' twice"),
        (
            {"trials": {FIRST: 9}, "new_groups": {"rookie": (0, 4)}},
            "no entry for the new group 'rookie'",
        ),
        ({"trials": 9, "new_groups": {FIRST: (0, 4)}}, "has the name of a group"),
        ({"trials": 9, "new_groups": {"rookie": (5, 4)}}, "'rookie' has 5 of 4"),
        ({"trials": 9, "prob": 1.0}, "prob must lie between 0 and 1, not 1.0"),
        ({"trials": 9, "seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_input_gets_one_sentence(
    words: dict[str, object], message: str, trees: dict[str, xr.DataTree]
) -> None:
    with pytest.raises(hp.InputError, match=message):
        hp.predict(trees["beta"], **words)  # type: ignore[arg-type]


def test_a_wrong_type_is_a_type_error(trees: dict[str, xr.DataTree]) -> None:
    with pytest.raises(TypeError, match="trials must be a number, a mapping"):
        hp.predict(trees["beta"], trials="9")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected the tree that fit returned"):
        hp.predict(TO_COME, trials=9)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="new_groups must map names"):
        hp.predict(trees["beta"], trials=9, new_groups=[("rookie", 0, 4)])  # type: ignore[arg-type]


def test_what_finds_no_room_is_refused_with_what_it_would_take(
    trees: dict[str, xr.DataTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    # theta, z, and a copy of each.
    draws = trees["beta"]["posterior"]["theta"].size
    heard: list[int] = []
    monkeypatch.setattr(memory, "require", lambda needed, *_: heard.append(needed))
    hp.add_predictions(trees["beta"], trials=9)
    assert heard == [4 * 8 * draws]
    monkeypatch.undo()
    monkeypatch.setattr(memory, "available", lambda: heard[0] - 1)
    with pytest.raises(hp.InputError, match="ask for fewer groups at a time"):
        hp.add_predictions(trees["beta"], trials=9)
