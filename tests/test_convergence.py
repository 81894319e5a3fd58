import json

import numpy as np
import pytest
import xarray as xr
from arviz_base import from_dict

from hierpool.convergence import check
from hierpool.inference_data import GROUPS

CHAINS, DRAWS = 2, 1000


def posterior(seed: int = 0, *, chains: int = CHAINS, draws: int = DRAWS) -> dict[str, np.ndarray]:
    """Returns independent draws, of which no rule can complain."""
    rng = np.random.default_rng(seed)
    return {
        "phi": rng.normal(size=(chains, draws)),
        "theta": rng.normal(size=(chains, draws, 2)),
    }


def tree_of(
    draws: dict[str, np.ndarray], *, divergent: int = 0, model: str = "PartialPooling"
) -> xr.DataTree:
    diverging = np.zeros(draws["phi"].shape, bool)
    diverging.flat[:divergent] = True
    tree = from_dict(
        {"posterior": draws, "sample_stats": {"diverging": diverging}},
        coords={GROUPS: ["Ann", "Bob"]},
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


def test_independent_draws_that_agree_have_converged() -> None:
    verdict = check(tree_of(posterior()))
    assert verdict.problems == ()
    assert 1 <= verdict.rhat < 1.01
    assert 1500 < verdict.effective < 2500
    assert verdict.num_draws == CHAINS * DRAWS
    assert verdict.divergences == 0
    assert verdict.sentence == (
        f"Converged: R-hat at most {verdict.rhat:.4f} ({verdict.rhat_of}), effective draws at "
        f"least {verdict.effective:.0f} of 2000 ({verdict.effective_of}), 0 divergent."
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
    verdict = check(tree_of(draws), max_rhat=2.0)
    assert verdict.effective < 400
    assert verdict.effective_of == "theta[Ann]"
    assert verdict.problems == (
        f"theta[Ann] has {verdict.effective:.0f} effective draws, fewer than 100 a chain: take "
        "more draws (now 1000 a chain).",
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
        (10, False, False),
        (11, False, True),
    ],
)
def test_one_divergent_draw_in_200_is_let_pass_unless_strict(
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


def test_the_collapsed_model_is_advised_only_where_it_is_the_same_posterior() -> None:
    for model in ("PartialPooling", "CollapsedPartialPooling", "LogitPartialPooling"):
        (problem,) = check(tree_of(posterior(), divergent=99, model=model)).problems
        assert ("fit CollapsedPartialPooling" in problem) == (model == "PartialPooling")


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


def test_one_chain_can_not_be_judged() -> None:
    verdict = check(tree_of(posterior(chains=1)))
    assert verdict.problems == ("R-hat compares chains, and there is one: take at least 2.",)
    assert verdict.sentence.startswith("Not converged")
