import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from arviz_base import from_dict
from scipy.signal import lfilter

from hierpool.models.protocol import GROUPS
from hierpool.posterior.verdict import check

CHAINS, DRAWS = 2, 1000


def posterior(
    seed: int = 0, *, chains: int = CHAINS, draws: int = DRAWS, groups: int = 2
) -> dict[str, np.ndarray]:
    """Returns independent draws, of which no rule can complain."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(chains, draws, groups))
    of_population = {name: rng.normal(size=(chains, draws)) for name in ("phi", "kappa_log")}
    return of_population | {"theta": theta}


def tree_of(
    draws: dict[str, np.ndarray], *, divergent: int = 0, model: str = "PartialPooling"
) -> xr.DataTree:
    num_groups = draws["theta"].shape[2]
    diverging = np.zeros(draws["phi"].shape, bool)
    diverging.flat[:divergent] = True
    tree = from_dict(
        {"posterior": draws, "sample_stats": {"diverging": diverging}},
        coords={GROUPS: ["Ann", "Bob"] if num_groups == 2 else range(num_groups)},
        dims={"theta": [GROUPS]},
    )
    tree.attrs = {
        "hierpool_model": json.dumps({"name": model}),
        "hierpool_inference": json.dumps({"name": "NUTS", "num_warmup": 7, "target_accept": 0.8}),
    }
    return tree


def shifted(draws: np.ndarray) -> np.ndarray:
    """Returns the draws with the last chain elsewhere."""
    return draws + np.linspace(0, 2, len(draws)).reshape(-1, *[1] * (draws.ndim - 1))


def sticky(draws: np.ndarray) -> np.ndarray:
    """Returns draws that follow one another closely."""
    moved = draws.copy()
    for i in range(1, draws.shape[1]):
        moved[:, i] = 0.98 * moved[:, i - 1] + 0.2 * draws[:, i]
    return moved


def sticky_a_little(draws: np.ndarray) -> np.ndarray:
    """Returns draws of which one in four is effective."""
    shocks = draws * np.r_[1, np.full(draws.shape[1] - 1, 0.8)].reshape(-1, *[1] * (draws.ndim - 2))
    return lfilter([1], [1, -0.6], shocks, axis=1)


def test_independent_draws_that_agree_have_converged() -> None:
    verdict = check(tree_of(posterior()))
    assert verdict.problems == ()
    assert 1 <= verdict.rhat < 1.01
    assert 1500 < verdict.effective < 2500
    assert verdict.num_draws == CHAINS * DRAWS
    assert verdict.divergences == 0
    assert 1500 < verdict.tail_effective < 2500
    assert verdict.sentence == (
        f"Converged: R-hat at most {verdict.rhat:.4f} ({verdict.rhat_of}), effective draws at "
        f"least {verdict.effective:.0f} in the bulk ({verdict.effective_of}) and "
        f"{verdict.tail_effective:.0f} in the tails ({verdict.tail_effective_of}) of 2000, "
        "0 divergent."
    )


def test_raw_kappa_is_not_judged() -> None:
    draws = posterior()
    fine = check(tree_of(draws))
    assert check(tree_of(draws | {"kappa": shifted(draws["phi"])})) == fine
    assert check(tree_of(draws | {"kappa_log": shifted(draws["phi"])})).problems != ()


def test_chains_that_disagree_are_told_with_the_quantity_and_the_remedy() -> None:
    draws = posterior()
    verdict = check(tree_of(draws | {"phi": shifted(draws["phi"])}))
    assert verdict.rhat_of == "phi"
    assert verdict.problems[0].startswith(f"R-hat of phi is {verdict.rhat:.4f}, and should be")
    assert "more warm-up and draws (now 7 and 1000)" in verdict.problems[0]
    assert verdict.sentence.startswith("Not converged: R-hat at most")


def test_a_group_that_disagrees_is_told_by_its_name() -> None:
    draws = posterior()
    draws["theta"][..., 1] = shifted(draws["theta"][..., 1])
    verdict = check(tree_of(draws))
    assert verdict.rhat_of == verdict.effective_of == "theta[Bob]"
    assert "R-hat of theta[Bob] is" in verdict.problems[0]


def test_the_gate_of_r_hat_is_the_callers() -> None:
    tree = tree_of(posterior())
    rhat = check(tree).rhat
    assert check(tree, max_rhat=rhat + 1e-9).problems == ()
    assert len(check(tree, max_rhat=rhat).problems) == 1


def test_too_few_effective_draws_are_told_with_the_quantity_and_the_remedy() -> None:
    draws = posterior(chains=4)
    draws["theta"][..., 0] = sticky(draws["theta"][..., 0])
    verdict = check(tree_of(draws, model="CollapsedPartialPooling"), max_rhat=2.0)
    assert verdict.effective < verdict.tail_effective < 400
    assert verdict.effective_of == verdict.tail_effective_of == "theta[Ann]"
    assert f"{verdict.effective:.0f} in the bulk (theta[Ann]) and" in verdict.sentence
    assert verdict.problems == (
        f"theta[Ann] has {verdict.effective:.0f} effective draws in the bulk, fewer than 100 a "
        "chain: take more draws (now 1000 a chain).",
    )


def test_too_few_effective_draws_of_the_tails_are_told_too() -> None:
    draws = posterior(chains=4)
    # Large and small values come in spells, whichever their sign.
    draws["phi"] *= np.exp(2 * sticky(np.random.default_rng(9).normal(size=(4, 1000))))
    verdict = check(tree_of(draws), max_rhat=2.0)
    assert verdict.tail_effective < 400 < verdict.effective
    assert f"{verdict.tail_effective:.0f} in the tails (phi) and" in verdict.sentence
    assert (
        "phi has" in verdict.problems[0] and "effective draws in the tails" in verdict.problems[0]
    )


def test_effective_draws_are_asked_of_each_chain() -> None:
    # 50 independent draws a chain are too few, though 200 in all.
    verdict = check(tree_of(posterior(chains=4, draws=50)), max_rhat=2.0)
    assert len(verdict.problems) == 1
    assert "fewer than 100 a chain" in verdict.problems[0]


@pytest.mark.parametrize(
    ("divergent", "strict", "is_problem"),
    [
        (0, False, False),
        (0, True, False),
        (1, False, False),
        (1, True, True),
        (2, False, False),
        (3, False, True),
    ],
)
def test_one_divergent_draw_in_1000_is_let_pass_unless_strict(
    *, divergent: int, strict: bool, is_problem: bool
) -> None:
    verdict = check(tree_of(posterior(), divergent=divergent), strict=strict)
    assert verdict.divergences == divergent
    assert f"{divergent} divergent" in verdict.sentence
    if is_problem:
        (problem,) = verdict.problems
        assert problem.startswith(f"{divergent} of 2000 draws diverged: raise target_accept (now 0")
    else:
        assert verdict.problems == ()


@pytest.mark.parametrize(
    ("model", "other"),
    [
        ("PartialPooling", "CollapsedPartialPooling"),
        ("LogitPartialPooling", "CollapsedLogitPartialPooling"),
        ("CollapsedPartialPooling", None),
        ("CollapsedLogitPartialPooling", None),
    ],
)
def test_the_collapsed_model_is_advised_where_it_is_the_same_posterior(
    model: str, other: str | None
) -> None:
    draws = posterior(chains=4)
    name = "mu" if "Logit" in model else "phi"
    for tree in (
        tree_of(draws, divergent=99, model=model),
        tree_of(draws | {name: shifted(draws["phi"])}, model=model),
        tree_of(draws | {name: sticky(draws["phi"])}, model=model),
    ):
        problems = " ".join(check(tree).problems)
        assert ("the same posterior" in problems) == (other is not None)
        assert problems.count(f"fit {other}:") == (other is not None)


@pytest.mark.parametrize("shift", [0.3, 0.5, 0.8])
def test_r_hat_from_1_02_on_fails_by_default(shift: float) -> None:
    draws = posterior(chains=4)
    draws["phi"] = posterior(chains=4, draws=1000)["phi"] + shift * (np.arange(4) == 3)[:, None]
    verdict = check(tree_of(draws))
    assert 1.005 < verdict.rhat < 1.08
    assert verdict.problems[0].startswith("R-hat of phi is")


def test_a_fit_that_is_right_is_called_so() -> None:
    wrong = 0
    for seed in range(200):
        draws = posterior(seed, chains=4, draws=800)
        slow = {name: sticky_a_little(values) for name, values in draws.items()}
        wrong += bool(check(tree_of(slow)).problems)
    # 1 in 500 is expected: 4 or more are 1 chance in 1000.
    assert wrong < 4


@pytest.mark.parametrize(("where", "cap"), [("phi", 1.02), ("theta[Bob]", 1.05)])
def test_few_effective_draws_do_not_excuse_any_r_hat(where: str, cap: float) -> None:
    draws = posterior(chains=4)
    values = draws["theta"][..., 1] if where == "theta[Bob]" else draws[where]
    values[:] = shifted(sticky(values))
    first, *_ = check(tree_of(draws)).problems
    assert first.startswith(f"R-hat of {where} is") and f"should be below {cap}:" in first


def test_many_quantities_that_agree_are_not_called_a_failure() -> None:
    assert check(tree_of(posterior(chains=4, draws=2000, groups=40))).problems == ()


def test_the_limit_is_by_how_many_quantities_there_are() -> None:
    rng = np.random.default_rng(4)
    theta = sticky_a_little(rng.normal(size=(4, 1000, 300)))
    draws = posterior(chains=4) | {"theta": theta}
    verdict = check(tree_of(draws))
    assert verdict.problems == () and verdict.rhat > 1.01
    # As one of the population's two numbers its R-hat would be beyond chance.
    worst = int(verdict.rhat_of.removeprefix("theta[").removesuffix("]"))
    alone = posterior(chains=4) | {"phi": theta[..., worst]}
    assert check(tree_of(alone), max_rhat=1.01).problems != ()


def test_ranks_are_judged_and_not_the_values_themselves() -> None:
    draws = posterior(chains=4)
    want = check(tree_of(draws))
    cauchy = {name: np.sinh(9 * values) for name, values in draws.items()}
    got = check(tree_of(cauchy))
    assert (got.effective, got.effective_of) == (want.effective, want.effective_of)
    assert (got.tail_effective, got.tail_effective_of) == (
        want.tail_effective,
        want.tail_effective_of,
    )
    assert got.problems == ()


def stuck(draws: np.ndarray) -> None:
    draws[-1] = draws[-1, 17]


def a_little_off(draws: np.ndarray) -> None:
    draws[-1] += 0.3 * draws.std()


def two_modes(draws: np.ndarray) -> None:
    draws[2:] += 2 * draws.std()


def frozen(draws: np.ndarray) -> None:
    draws[-1, 1000:] = draws[-1, 1000]


def frozen_in_every_chain(draws: np.ndarray) -> None:
    draws[:, 1000:] = draws[:, 1000:1001]


@pytest.mark.parametrize("where", ["phi", "kappa_log", "theta[23]"])
@pytest.mark.parametrize("damage", [stuck, a_little_off, two_modes, frozen, frozen_in_every_chain])
def test_a_failure_of_one_quantity_is_caught_among_many(
    damage: Callable[[np.ndarray], None], where: str
) -> None:
    draws = posterior(chains=4, draws=2000, groups=40)
    damage(draws["theta"][..., 23] if where == "theta[23]" else draws[where])
    (problem,) = check(tree_of(draws)).problems[:1]
    assert where in problem


def test_draws_without_a_sampler_are_exact() -> None:
    tree = tree_of(posterior())
    del tree["sample_stats"]
    verdict = check(tree, strict=True)
    assert verdict.sentence == "Exact: 2000 independent draws."
    assert verdict.problems == ()


@pytest.mark.parametrize(
    ("value", "at"),
    [
        pytest.param(0.5, np.s_[:], id="constant"),
        pytest.param(0.5, np.s_[0], id="a constant chain"),
        pytest.param(np.nan, np.s_[:], id="NaN"),
        pytest.param(np.nan, np.s_[0, 5], id="one draw NaN"),
        pytest.param(np.inf, np.s_[0], id="an infinite chain"),
        pytest.param(-np.inf, np.s_[0, 5], id="one draw infinite"),
    ],
)
def test_what_does_not_move_or_is_not_finite_has_not_converged(value: float, at: object) -> None:
    draws = posterior()
    draws["phi"][at] = value
    verdict = check(tree_of(draws))
    assert verdict.rhat_of == "phi"
    assert "phi" in verdict.problems[0]
    assert verdict.sentence.startswith("Not converged")


def test_a_model_of_thetas_alone_is_judged() -> None:
    tree = tree_of(posterior())
    tree["posterior"] = tree["posterior"].dataset[["theta"]]
    verdict = check(tree)
    assert verdict.problems == () and verdict.rhat_of.startswith("theta[")


def test_three_draws_are_too_few_for_r_hat() -> None:
    (problem, *_) = check(tree_of(posterior(draws=3))).problems
    assert problem.startswith("R-hat needs 4 draws a chain, and there are 3.")


def test_one_chain_can_not_be_judged() -> None:
    verdict = check(tree_of(posterior(chains=1)))
    assert verdict.problems == ("R-hat compares chains, and there is one: take at least 2.",)
    assert verdict.sentence.startswith("Not converged")
