"""The picture of the predictive check."""

import numpy as np
import pytest
from fits import fit_of

import hierpool as hp


def lines_at(axes: np.ndarray) -> list[float]:
    return [float(panel.lines[0].get_xdata()[0]) for panel in axes[:-1]]


def test_each_statistic_of_the_check_has_a_panel_with_its_p_value() -> None:
    table = hp.predictive_check(fit_of())
    axes = hp.plot_predictive_check(fit_of())
    assert len(axes) == len(table) + 1
    scale = np.where(table.index.get_level_values("of") == "rates", 100, 1)
    assert np.allclose(lines_at(axes), scale * table["observed"])
    for panel, p_value in zip(axes[:-1], table["p_mid"], strict=True):
        assert panel.texts[-1].get_text().removesuffix(" !") == f"p = {p_value:.2f}"


def test_an_extreme_p_value_has_a_mark() -> None:
    def gap(counts: np.ndarray, trials: np.ndarray) -> np.ndarray:
        return 1.0 * (counts[:, 0] - counts[:, -1])

    axes = hp.plot_predictive_check(
        fit_of("complete"), statistics={"never": lambda y, n: np.zeros(len(y)), "gap": gap}
    )
    assert axes[12].texts[0].get_text() == "the same in every\nreplicate"
    assert axes[13].texts[-1].get_text().endswith(" !")


def test_the_data_are_steps_among_those_of_the_replicates() -> None:
    tree = fit_of(table="rat-tumors")
    wide = hp.plot_predictive_check(tree, replicates="new-groups", seed=3)[-1]
    steps = wide.patches[-1].get_data()
    rates = tree["observed_data"]["y"].values / tree["constant_data"]["n"].values
    assert np.allclose(steps.edges[1:-1], np.sort(rates))
    assert np.allclose(steps.values, np.arange(72) / 71)


def test_wrong_arguments_are_refused_as_by_the_check() -> None:
    with pytest.raises(hp.InputError, match="replicates must be one of"):
        hp.plot_predictive_check(fit_of(), replicates="others")
