"""Writes a fit as one page of HTML, which needs nothing else."""

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hierpool import __version__
from hierpool.input.arguments import check_prob
from hierpool.input.errors import InputError
from hierpool.posterior.contradiction import new_rates_of
from hierpool.reports.asking import Asked, Part, ask_all
from hierpool.reports.columns import Groups, groups_of
from hierpool.reports.forest import MOST_NAMED, Center, caterpillar_of, forest_of
from hierpool.reports.plots import Plot
from hierpool.reports.population import parameters_of, population_plot
from hierpool.reports.provenance import Source, new_groups_of, provenance_of
from hierpool.reports.sentences import (
    answers_of,
    comparison_rows,
    conclusion_of,
    findings_of,
)
from hierpool.reports.shrinkage import shrinkage_plot
from hierpool.reports.wording import counted, signed
from hierpool.runtime.writing import check_writable, whole_file

WITHOUT_SCRIPTS = 100
"""Rows of the table that are there without scripts."""
MOST_PRINTED = 500
"""Rows of the table that are printed."""


def report(
    tree: xr.DataTree,
    path: str | os.PathLike[str],
    *,
    prob: float = 0.89,
    force: bool = False,
    title: str | None = None,
) -> None:
    """Writes a fit as one self-contained HTML page, with pictures, tables and checks.

    The page loads nothing: it can be opened from a disk, sent by mail, or put on any server. What
    the fit can't answer is left out, and the page says why. A fit that did not converge says so at
    the top.

    Args:
        tree: a fit: the tree that ``fit`` returned or ``load`` read.
        path: path of the page, ending in .html. Its folder must exist.
        prob: probability of the intervals, between 0 and 1.
        force: whether to replace an existing file.
        title: title of the page; by default it names the columns and the number of groups.

    Raises:
        FileExistsError: the file exists, and ``force`` is False.
        ImportError: jinja2 is not installed.
        InputError: the path does not end in .html, ``prob`` does not lie between 0 and 1, or the
            tree holds no fit.
        OSError: the file can't be written; an existing file is unchanged.
        TypeError: ``tree`` is not a tree, or ``prob`` is not a number.

    Warns:
        ConvergenceWarning: the fit did not converge, so its answers should not be trusted.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import hierpool as hp
        >>> frame = {"player": ["A", "B"], "hits": [18, 7], "at_bats": [45, 45]}
        >>> tree = hp.fit(frame, "hits", "at_bats", group="player", model="complete")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     hp.report(tree, Path(folder) / "report.html")
        ...     print((Path(folder) / "report.html").read_text()[:15])
        <!doctype html>
    """
    check_report_path(path, force=force)
    check_prob(prob)
    write_page(render(tree, prob, title), path)


def check_report_path(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Checks that a page can be written, before any work is done.

    Args:
        path: the page.
        force: whether an existing file may be replaced.

    Raises:
        ImportError: jinja2 is not installed.
        InputError: the path does not end in .html.
        OSError: the file exists, or can't be written.
    """
    try:
        import jinja2  # noqa: F401  (its own error does not name the extra)
    except ImportError:
        raise ImportError('The report needs jinja2: pip install "hierpool[report]".') from None
    if Path(path).suffix.lower() != ".html":
        raise InputError(f"{path} must end in .html: the report is a page.")
    check_writable(path, force=force)


def write_page(page: str, path: str | os.PathLike[str]) -> None:
    """Writes a page to a file, completely or not at all."""
    with whole_file(path) as file:
        # A title from the command line may hold what no text can be encoded as.
        file.write(page.encode(errors="replace"))


def render(
    tree: xr.DataTree, prob: float, title: str | None = None, source: Source | None = None
) -> str:
    """Returns the page of a fit; ``report`` describes it.

    Args:
        tree: a fit.
        prob: probability of the intervals.
        title: title of the page.
        source: where the data were read, if that is known, for the command that repeats the fit.
    """
    # Imported late: only the report needs it.
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    asked = ask_all(tree, prob)
    new_names = set(new_groups_of(tree.attrs))
    groups = groups_of(asked, new_names, prob)
    script = (resources.files("hierpool.reports") / "templates" / "script.js").read_text(
        encoding="utf-8"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader("hierpool.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=title or _title(tree, len(groups.names)),
        asked=asked,
        answers=answers_of(asked, groups, new_names, prob),
        interval=f"{100 * prob:g}% interval",
        parameters=parameters_of(asked, groups.decimals),
        pictures=_pictures(asked, groups, prob),
        groups=groups,
        data={
            "names": groups.names,
            "columns": [column.data for column in groups.columns.values()],
        },
        most_printed=MOST_PRINTED,
        num_rows=min(len(groups.names), WITHOUT_SCRIPTS),
        findings=findings_of(asked),
        conclusion=conclusion_of(asked),
        comparison=comparison_rows(asked),
        provenance=provenance_of(tree, source),
        # Only this script runs, whatever a name may hold.
        script=Markup(script),
        digest=digest,
        version=__version__,
        signed=signed,
    )


def _title(tree: xr.DataTree, num_groups: int) -> str:
    successes, trials = (tree.attrs.get(name, name) for name in ("successes", "trials"))
    return f"{successes} of {trials}, {counted(num_groups, 'group')}"


def _pictures(asked: Asked, groups: Groups, prob: float) -> dict[str, Any]:
    """Returns the pictures by name, and the reason for each that is left out."""
    fitted = asked.fitted
    population = _population(asked, groups)
    if not fitted.theta.shape[1]:
        reason = "The fit holds the hyperparameters only, and no estimates of groups."
        nothing: Part[Any] = Part(None, reason)
        return {
            "shrinkage": nothing,
            "forest": nothing,
            "all_groups": None,
            "population": population,
        }
    num_trials = int(fitted.trials.sum())
    pooled = float(fitted.successes.sum() / num_trials) if num_trials else np.nan
    new_rates = new_rates_of(fitted.parameters)
    center = Center(pooled, "all groups together")
    if new_rates is not None:
        center = Center(float(new_rates.mean()), "the population's mean")
    mean = asked.summary.groups["mean"].to_numpy()
    order = np.argsort(-mean, kind="stable")
    shrinkage: Part[Plot] = Part(None, "It takes two groups with trials to see it.")
    if (fitted.trials > 0).sum() > 1:
        pooling = "none" if new_rates is None else "complete" if asked.is_shared else "partial"
        shrinkage = Part(shrinkage_plot(groups, pooled, pooling), "")
    return {
        "shrinkage": shrinkage,
        "forest": Part(forest_of(groups, fitted.theta[:, order], center), ""),
        "all_groups": caterpillar_of(groups, center, prob) if len(order) > MOST_NAMED else None,
        "population": population,
    }


def _population(asked: Asked, groups: Groups) -> Part[Plot]:
    try:
        return Part(population_plot(asked, groups), "")
    except InputError as error:
        return Part(None, str(error))
