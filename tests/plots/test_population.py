"""The picture of the population."""

import numpy as np
import pytest
from fits import fit_of
from pictures import contradicted, estimate_of
from scipy.stats import beta

import hierpool as hp
from hierpool.plots.density import Curve, curve, highest, population_curve
from hierpool.posterior.fitted import read_fit


def labels(axes: object) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_two_numbers_are_those_of_the_model() -> None:
    left, right = hp.plot_population(fit_of())
    assert left.get_xlabel().startswith("phi, ") and left.get_ylabel().startswith("kappa_log, ")
    assert right.get_xlabel() == "theta, the chance of success of a group (%)"
    left, _ = hp.plot_population(fit_of("logit"))
    assert left.get_xlabel().startswith("mu, ") and left.get_ylabel().startswith("sigma, ")


def test_under_complete_pooling_there_is_phi_alone() -> None:
    (only,) = hp.plot_population(fit_of("complete"))
    assert labels(only) == ["raw rates", "phi"]


def test_without_a_population_there_is_nothing_to_draw() -> None:
    with pytest.raises(hp.InputError, match="NoPooling has no population to draw"):
        hp.plot_population(fit_of("none"))
    with pytest.raises(TypeError, match="not Estimate"):
        hp.plot_population(estimate_of(5))
    with pytest.raises(hp.InputError, match="prob must lie between 0 and 1"):
        hp.plot_population(fit_of(), prob=1.0)


def test_raw_rates_are_ticks_or_bars_by_their_number() -> None:
    few = hp.plot_population(fit_of())[1]
    (ticks,) = [line for line in few.lines if line.get_marker() == "|"]
    assert len(ticks.get_xdata()) == 18 and not few.patches
    many = hp.plot_population(fit_of(table="rat-tumors"))[1]
    area = sum(bar.get_width() * bar.get_height() for bar in many.patches)
    assert np.isclose(area, 1)


@pytest.mark.parametrize("model", ["beta", "logit", "complete", "none"])
def test_densities_of_theta_integrate_to_nearly_1(model: str) -> None:
    fitted = read_fit(fit_of(model))
    weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
    for one in (population_curve(fitted, 0.89), curve(fitted, weight, 0, 0.89)):
        # The ends of the curve leave out 2 in 1000 at each side.
        assert np.isclose(np.trapezoid(one.density, one.at), 0.996, atol=0.005)


def test_the_curve_is_the_mean_of_the_densities_of_the_draws() -> None:
    fitted = read_fit(fit_of())
    phi, kappa = fitted.parameters["phi"], fitted.parameters["kappa"]
    one = population_curve(fitted, 0.89)
    at = one.at[200]
    each = beta.pdf(at, phi * kappa, (1 - phi) * kappa)
    error = each.std() / np.sqrt(1000)
    assert abs(one.density[200] - each.mean()) < 5 * error
    assert one.band is not None and one.band[0, 200] < each.mean() < one.band[1, 200]


def test_the_curve_of_a_group_at_the_end_of_all_rates_is_finite() -> None:
    tree = hp.fit({"y": [50, 49], "n": [50, 50]}, "y", "n", model="none", seed=0)
    fitted = read_fit(tree)
    certain = fitted._replace(theta=np.ones_like(fitted.theta))
    weight = np.full(len(fitted.theta), 1 / len(fitted.theta))
    one = curve(certain, weight, 1, 0.89)
    assert one.at.max() < 1 and np.isfinite(one.density).all()


def test_a_population_that_contradicts_its_groups_is_told_of() -> None:
    tree = contradicted()
    with pytest.warns(hp.PopulationWarning, match="contradicts its groups") as told:
        hp.plot_population(tree)
    assert told[0].filename == __file__


def test_a_picture_is_a_little_higher_than_its_curves_unless_they_rise_without_limit() -> None:
    at = np.linspace(0.001, 0.999, 400)
    flat, round_ = (Curve(at, beta.pdf(at, a, a), None) for a in (1.0, 3.0))
    assert highest(flat) == pytest.approx(1.05)
    assert highest(flat, round_) == pytest.approx(1.05 * round_.density.max())
    band = np.stack([0.5 * round_.density, 1.2 * round_.density])
    assert highest(round_._replace(band=band)) == pytest.approx(1.26 * round_.density.max())
    steep = Curve(at, beta.pdf(at, 0.01, 3), None)
    assert highest(steep) < 0.1 * steep.density.max()
