"""Whether a fit's draws can be trusted, and what to change if not.

Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), "Rank-Normalization, Folding, and
Localization: An Improved R-hat".
"""

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from hierpool.inference_data import GROUPS

MAX_RHAT = 1.01
MIN_EFFECTIVE_PER_CHAIN = 100
MAX_DIVERGENT = 1 / 200


class ConvergenceWarning(UserWarning):
    """The draws should not be trusted."""


class Verdict(NamedTuple):
    """What the diagnostics say of a fit."""

    rhat: float
    """Largest rank-normalised split R-hat of any sampled quantity; NaN if draws are exact, if
    there is one chain, or if the quantity does not move or is not finite."""
    rhat_of: str
    """The quantity that has it; empty if draws are exact."""
    effective: float
    """Smallest bulk effective sample size of any sampled quantity; NaN if draws are exact."""
    effective_of: str
    """The quantity that has it."""
    divergences: int
    """Divergent draws, over all chains."""
    num_draws: int
    """Draws, over all chains."""
    problems: tuple[str, ...]
    """A sentence for each rule that is broken, with the remedy."""

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        if not self.rhat_of and self.problems:
            return f"Not converged: {self.num_draws} independent draws from a rough quadrature."
        if not self.rhat_of:
            return f"Exact: {self.num_draws} independent draws."
        judged = "Not converged" if self.problems else "Converged"
        return (
            f"{judged}: R-hat at most {self.rhat:.4f} ({self.rhat_of}), effective draws at least "
            f"{self.effective:.0f} of {self.num_draws} ({self.effective_of}), "
            f"{self.divergences} divergent."
        )


def missed(of: str, error: float) -> str:
    """Returns the sentence for an integration that missed its tolerance.

    Args:
        of: what was integrated, as " of 'A'" or " under kappa_log_rate=5"; may be empty.
        error: its estimated error.
    """
    return (
        f"The integration{of} missed its tolerance: its error may be {error:.1g}; take "
        "Quadrature(num_nodes=128)."
    )


def check(tree: xr.DataTree, *, max_rhat: float = MAX_RHAT, strict: bool = False) -> Verdict:
    """Returns what the diagnostics say of a fit.

    Every sampled quantity is judged but raw kappa, whose variance is infinite: judge kappa_log.
    Exact draws have nothing to judge but the quadrature, if one gave them.

    Args:
        tree: what ``fit`` returned, or ``load`` read.
        max_rhat: R-hat must stay below it.
        strict: count any divergence as a failure, and not only more than 1 draw of 200.
    """
    posterior = tree["posterior"].dataset
    num_chains, num_draws = posterior.sizes["chain"], posterior.sizes["draw"]
    total = num_chains * num_draws
    if "sample_stats" not in tree.children:
        return Verdict(np.nan, "", np.nan, "", 0, total, _of_quadrature(tree))
    rhats, effectives = _diagnostics(posterior)
    # NaN is the worst of all.
    rhat_of = max(rhats, key=lambda name: np.nan_to_num(rhats[name], nan=np.inf))
    effective_of = min(effectives, key=lambda name: np.nan_to_num(effectives[name], nan=0))
    rhat, effective = rhats[rhat_of], effectives[effective_of]
    diverging = int(tree["sample_stats"]["diverging"].sum())

    nuts = json.loads(tree.attrs["hierpool_inference"])
    problems = []
    if num_chains == 1:
        problems.append("R-hat compares chains, and there is one: take at least 2.")
    elif np.isnan(rhat + effective):
        stuck = rhat_of if np.isnan(rhat) else effective_of
        problems.append(f"{stuck} does not move, or is not finite: its draws are of no use.")
    elif not rhat < max_rhat:
        problems.append(
            f"R-hat of {rhat_of} is {rhat:.4f}, and should be below {max_rhat}: the chains do not "
            f"agree yet; take more warm-up and draws (now {nuts['num_warmup']} and {num_draws})."
        )
    if not np.isnan(effective) and effective < MIN_EFFECTIVE_PER_CHAIN * num_chains:
        problems.append(
            f"{effective_of} has {effective:.0f} effective draws, fewer than "
            f"{MIN_EFFECTIVE_PER_CHAIN} a chain: take more draws (now {num_draws} a chain)."
        )
    if diverging > (0 if strict else total * MAX_DIVERGENT):
        remedy = f"raise target_accept (now {nuts['target_accept']})"
        if json.loads(tree.attrs["hierpool_model"])["name"] == "PartialPooling":
            remedy += (
                ", or fit CollapsedPartialPooling, which has the same posterior in two dimensions"
            )
        problems.append(f"{diverging} of {total} draws diverged: {remedy}.")
    return Verdict(rhat, rhat_of, effective, effective_of, diverging, total, tuple(problems))


def _of_quadrature(tree: xr.DataTree) -> tuple[str, ...]:
    """Returns the sentence for a quadrature that did not converge, if it did not."""
    if tree.attrs.get("quadrature_converged", 1):
        return ()
    quadrature = json.loads(tree.attrs["hierpool_inference"])
    return (
        f"The quadrature did not converge (estimated error {tree.attrs['quadrature_error']:.1e}, "
        f"tolerance {quadrature['tolerance']:.1e}): take more num_nodes (now "
        f"{tree.attrs.get('quadrature_num_nodes', quadrature['num_nodes'])}), or NUTS.",
    )


def _diagnostics(posterior: xr.Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Returns R-hat and bulk effective sample size of every scalar but kappa, by name.

    R-hat is NaN where a quantity does not move; both are where one is not finite.
    """
    # Imported late: it brings SciPy's statistics along, which the sampler does not need.
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    rhats: dict[str, float] = {}
    effectives: dict[str, float] = {}
    for variable in posterior.data_vars:
        if variable == "kappa":
            continue
        draws = posterior[variable].values
        draws = np.where(np.isfinite(draws).all(axis=(0, 1)), draws, np.nan)
        # What does not move is 0 / 0: a value here, not a warning.
        with np.errstate(invalid="ignore", divide="ignore"):
            rhat = np.ravel(array_stats.rhat(draws, chain_axis=0, draw_axis=1))
            effective = np.ravel(array_stats.ess(draws, chain_axis=0, draw_axis=1))
        labels = posterior[GROUPS].values if draws.ndim == 3 else [None]
        names = [str(variable) if label is None else f"{variable}[{label}]" for label in labels]
        rhats.update(zip(names, map(float, rhat), strict=True))
        effectives.update(zip(names, map(float, effective), strict=True))
    return rhats, effectives
