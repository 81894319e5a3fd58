"""What ArviZ makes of a fit."""

import arviz as az
import matplotlib
import numpy as np
import pytest
from nuts_fits import COLUMNS, PLAYERS, SHORT, every_model, fitted

import hierpool as hp

matplotlib.use("agg")


@every_model
def test_summary_and_diagnose_of_arviz_work_as_they_are(model: hp.Model) -> None:
    tree = fitted(model)
    table = az.summary(tree, var_names=["theta"], round_to="none")
    assert len(table) == 19
    np.testing.assert_allclose(
        table["mean"].to_numpy(float), tree["posterior"]["theta"].mean(("chain", "draw"))
    )
    if "sample_stats" in tree.children:
        judged = [name for name in tree["posterior"].data_vars if name != "kappa"]
        has_errors, _ = az.diagnose(
            tree, var_names=judged, show_diagnostics=False, return_diagnostics=True
        )
        assert not has_errors


def test_loo_of_arviz_is_the_exact_leave_one_group_out() -> None:
    # By quadrature; Monte Carlo error is below 0.1. (Without pooling every draw has the same,
    # exact, log likelihood, and ArviZ has no tail to smooth.)
    exact = {"CollapsedPartialPooling": -47.636, "CompletePooling": -46.431}
    for model in (hp.CollapsedPartialPooling(), hp.CompletePooling()):
        tree = hp.fit(PLAYERS, **COLUMNS, model=model, inference=SHORT)
        loo = az.loo(tree)
        assert abs(loo.elpd - exact[type(model).__name__]) < 0.15
        assert not loo.warning


# xarray's own announcement, met inside ArviZ.
@pytest.mark.filterwarnings("ignore:In a future version of xarray:FutureWarning")
@pytest.mark.parametrize(
    "plot", ["plot_forest", "plot_trace_dist", "plot_ppc_dist", "plot_prior_posterior"]
)
def test_the_plots_of_arviz_work_as_they_are(plot: str) -> None:
    options = {"plot_ppc_dist": {"kind": "ecdf"}}.get(plot, {})
    for model in (hp.PartialPooling(), hp.LogitPartialPooling(), hp.CompletePooling()):
        assert getattr(az, plot)(fitted(model), **options) is not None
    matplotlib.pyplot.close("all")
