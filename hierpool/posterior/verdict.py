"""Whether a fit's draws can be trusted, and what to change if not.

Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), "Rank-Normalization, Folding, and
Localization: An Improved R-hat".
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from hierpool.models.catalogue import BY_CLASS_NAME
from hierpool.models.protocol import GROUPS
from hierpool.posterior.attributes import read_inference, read_name
from hierpool.posterior.diagnostics import Diagnostics, diagnose, joined
from hierpool.posterior.partial import mark
from hierpool.posterior.values import require_fit, sampled
from hierpool.runtime.answer import html_of_lines, text_of_lines

FALSE_ALARMS = 1e-3
"""Probability of a false alarm by R-hat if the chains agree: once for the population, once for all
theta."""
CAPS = {"population": 1.02, "theta": 1.05}
"""Largest limits of R-hat. The population is two numbers, on which everything else depends; among
thousands of thetas with a few hundred effective draws each, the largest R-hat may well be 1.03."""
MIN_EFFECTIVE_PER_CHAIN = 100
"""Least effective sample size per chain, of the bulk and of the tails."""
MAX_DIVERGENT = 1 / 1000
"""Largest share of divergent draws. A correct fit has almost none
(``benchmarks/results/verdicts.md``); fits that missed part of the narrow neck of the posterior,
where kappa is large, had 6 to 11 of 4000."""


class Verdict(NamedTuple):
    """The result of ``check``: the worst diagnostics of a fit, and the rules that it breaks."""

    rhat: float
    """Largest rank-normalised split R-hat of any sampled quantity; NaN if the draws are exact, if
    there is one chain, or if the quantity does not move or is not finite."""
    rhat_of: str
    """The quantity with the largest R-hat; empty if the draws are exact."""
    effective: float
    """Smallest bulk effective sample size of any sampled quantity; NaN if the draws are exact."""
    effective_of: str
    """The quantity with the smallest bulk effective sample size; empty if the draws are exact."""
    tail_effective: float
    """Smallest effective sample size of any 5% or 95% quantile; NaN if the draws are exact."""
    tail_effective_of: str
    """The quantity with that quantile; empty if the draws are exact."""
    divergences: int
    """Number of divergent draws, over all chains."""
    num_draws: int
    """Number of draws, over all chains."""
    problems: tuple[str, ...]
    """One sentence for each rule that is broken, with the remedy; empty if the fit converged."""
    partial: str = ""
    """A sentence that marks a fit which the user stopped early; empty for any other."""

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, and in a second one that the fit is partial, if it is."""
        return f"{self._judgement} {self.partial}".rstrip()

    @property
    def _judgement(self) -> str:
        if not self.rhat_of and self.problems:
            return f"Not converged: {self.num_draws} independent draws from a rough quadrature."
        if not self.rhat_of:
            return f"Exact: {self.num_draws} independent draws."
        judged = "Not converged" if self.problems else "Converged"
        (least, part, of), (more, rest, rest_of) = self.effectives
        return (
            f"{judged}: R-hat at most {self.rhat:.4f} ({self.rhat_of}), effective draws at least "
            f"{least:.0f} in the {part} ({of}) and {more:.0f} in the {rest} ({rest_of}) of "
            f"{self.num_draws}, {self.divergences} divergent."
        )

    def __str__(self) -> str:
        """Returns the verdict, and a line for each rule that is broken."""
        return text_of_lines([self.sentence, *self.problems])

    def __repr__(self) -> str:
        """Returns the same."""
        return str(self)

    def _repr_html_(self) -> str:
        return html_of_lines([self.sentence, *self.problems])

    @property
    def effectives(self) -> list[tuple[float, str, str]]:
        """Effective sample sizes, each with the part and quantity it belongs to, smallest first."""
        both = [
            (self.effective, "bulk", self.effective_of),
            (self.tail_effective, "tails", self.tail_effective_of),
        ]
        return sorted(both, key=lambda each: np.nan_to_num(each[0], nan=0))


def check(tree: xr.DataTree, *, max_rhat: float | None = None, strict: bool = False) -> Verdict:
    """Returns the convergence diagnostics of a fit, and the rules that it breaks.

    Every sampled quantity is judged except kappa, whose variance may be infinite: kappa_log is
    judged in its place. For exact draws only the convergence of the quadrature is judged, if there
    was one.

    Args:
        tree: a fit, as returned by ``fit`` or ``load``.
        max_rhat: threshold below which the R-hat of every quantity must be. By default there is a
            limit for each quantity, which depends on its effective sample size and on the number of
            quantities, so that 1 in 500 fits whose chains agree raises a false alarm. It is at
            most 1.02 for the population's parameters and 1.05 for theta.
        strict: whether any divergent draw is a problem, and not only more than 1 draw in 1000.

    Returns:
        ``Verdict`` with ``problems``, one sentence for each rule that is broken, empty if the fit
        converged; ``rhat``, the largest R-hat; ``effective`` and ``tail_effective``, the smallest
        effective sample sizes of the bulk and of the tails; ``rhat_of``, ``effective_of`` and
        ``tail_effective_of``, the quantities that have these; ``divergences``, the number of
        divergent draws; ``num_draws``, the number of all draws; ``partial``, a sentence if the fit
        was stopped early, else empty; and ``sentence``, all of it in words.

    Raises:
        InputError: the tree holds no fit, or can't be read.
        TypeError: the argument is not a tree.

    Examples:
        >>> import hierpool as hp
        >>> tree = hp.fit(
        ...     "efron-morris-75",
        ...     "hits",
        ...     "at_bats",
        ...     group="player",
        ...     model="collapsed",
        ...     inference="quadrature",
        ... )
        >>> verdict = hp.check(tree)
        >>> print(verdict.problems, verdict.sentence)
        () Exact: 4000 independent draws.
    """
    require_fit(tree)
    posterior = sampled(tree)
    num_chains, num_draws = posterior.sizes["chain"], posterior.sizes["draw"]
    total = num_chains * num_draws
    if "sample_stats" not in tree.children:
        return Verdict(np.nan, "", np.nan, "", np.nan, "", 0, total, _of_quadrature(tree))
    found = _diagnose(posterior)
    # Rounded to the four decimals that are printed, so that a printed limit is the one applied.
    found = found._replace(limit=found.limit.round(4))
    if max_rhat is not None:
        found = found._replace(judged=found.rhat, limit=np.full(found.rhat.shape, max_rhat))
    # NaN counts as the worst value.
    worst = int(np.argmax(np.nan_to_num(found.rhat, nan=np.inf)))
    bulk, tails = (int(np.argmin(np.nan_to_num(part, nan=0))) for part in (found.bulk, found.tails))
    verdict = Verdict(
        rhat=float(found.rhat[worst]),
        rhat_of=found.names[worst],
        effective=float(found.bulk[bulk]),
        effective_of=found.names[bulk],
        tail_effective=float(found.tails[tails]),
        tail_effective_of=found.names[tails],
        divergences=int(tree["sample_stats"]["diverging"].sum()),
        num_draws=total,
        problems=(),
    )
    problems = [
        *_of_chains(found, tree),
        *_of_effective(verdict, num_chains, num_draws),
        *_of_divergences(verdict, tree, 0 if strict else total * MAX_DIVERGENT),
    ]
    row = BY_CLASS_NAME.get(read_name(tree.attrs))
    if problems and num_chains > 1 and row and row.collapsed:
        problems[-1] += f" Or fit {row.collapsed}: the same posterior, explored in two numbers."
    return verdict._replace(problems=tuple(problems), partial=mark(tree.attrs))


def _diagnose(posterior: xr.Dataset) -> Diagnostics:
    """Returns the diagnostics of all sampled scalars except kappa: population first, then theta."""
    of_population, of_groups = ("chain", "draw"), ("chain", "draw", GROUPS)
    variables = {str(name): variable for name, variable in posterior.data_vars.items()}
    population = {
        name: variable.values
        for name, variable in variables.items()
        if name != "kappa" and variable.dims == of_population
    }
    parts = []
    if population:
        parts.append(("population", list(population), np.stack([*population.values()], axis=2)))
    for name, variable in variables.items():
        if variable.dims == of_groups and variable.size:
            names = [f"{name}[{label}]" for label in posterior[GROUPS].values]
            parts.append(("theta", names, variable.values))
    return joined(
        [
            diagnose(names, draws, false_alarms=FALSE_ALARMS, cap=CAPS[kind])
            for kind, names, draws in parts
        ]
    )


def _of_chains(found: Diagnostics, tree: xr.DataTree) -> Iterator[str]:
    """Yields a sentence if chains are not finite, do not move, or do not agree."""
    sizes = tree["posterior"].sizes
    if sizes["chain"] == 1:
        yield "R-hat compares chains, and there is one: take at least 2."
        return
    if sizes["draw"] < 4:
        yield f"R-hat needs 4 draws a chain, and there are {sizes['draw']}. {_longer(tree)}"
        return
    not_finite = np.flatnonzero(np.isnan(found.bulk))
    stuck = np.flatnonzero(found.stuck | np.isnan(found.judged))
    if not_finite.size:
        yield f"{found.names[not_finite[0]]} is not finite: its draws are of no use."
    elif stuck.size:
        yield (
            f"{found.names[stuck[0]]} does not move for a quarter of a chain or more: its draws "
            f"are of no use. {_longer(tree)}"
        )
    elif not np.all(found.judged < found.limit):
        worst = int(np.argmax(found.judged - found.limit))
        yield (
            f"R-hat of {found.names[worst]} is {found.judged[worst]:.4f}, and should be below "
            f"{found.limit[worst]:.10g}: the chains do not agree yet. {_longer(tree)}"
        )


def _longer(tree: xr.DataTree) -> str:
    num_warmup = read_inference(tree.attrs)["num_warmup"]
    num_draws = tree["posterior"].sizes["draw"]
    return f"Take more warm-up and draws (now {num_warmup} and {num_draws})."


def _of_effective(verdict: Verdict, num_chains: int, num_draws: int) -> Iterator[str]:
    """Yields a sentence if there are too few effective draws."""
    effective, part, of = verdict.effectives[0]
    if effective < MIN_EFFECTIVE_PER_CHAIN * num_chains:
        yield (
            f"{of} has {effective:.0f} effective draws in the {part}, fewer than "
            f"{MIN_EFFECTIVE_PER_CHAIN} a chain: take more draws (now {num_draws} a chain)."
        )


def _of_divergences(verdict: Verdict, tree: xr.DataTree, most: float) -> Iterator[str]:
    """Yields a sentence if more than ``most`` draws diverged."""
    if verdict.divergences > most:
        target = read_inference(tree.attrs)["target_accept"]
        yield (
            f"{verdict.divergences} of {verdict.num_draws} draws diverged: raise target_accept "
            f"(now {target})."
        )


def _of_quadrature(tree: xr.DataTree) -> tuple[str, ...]:
    """Returns one sentence if a quadrature did not converge, else an empty tuple."""
    if tree.attrs.get("quadrature_converged", 1):
        return ()
    quadrature = read_inference(tree.attrs)
    return (
        f"The quadrature did not converge (estimated error {tree.attrs['quadrature_error']:.1e}, "
        f"tolerance {quadrature['tolerance']:.1e}): take more num_nodes (now "
        f"{tree.attrs.get('quadrature_num_nodes', quadrature['num_nodes'])}), or NUTS.",
    )
