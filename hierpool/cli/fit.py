"""``hierpool fit``: fits a model to a table of counts, and saves the fit."""

import argparse
import json
import time
import warnings
from typing import TYPE_CHECKING, Any

from hierpool.cli import stopping
from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.files import say_saved
from hierpool.cli.flags import (
    add_data,
    add_inference,
    add_model,
    add_prob,
    data_of,
    inference_of,
    model_of,
)
from hierpool.cli.output import check_outputs
from hierpool.cli.printing import TABLE, add_printing, in_json, show, width_of_output
from hierpool.cli.sampling import Sampling
from hierpool.cli.terminal import say, status
from hierpool.runtime.text import wrapped

if TYPE_CHECKING:
    from hierpool.posterior.verdict import Verdict

DESCRIPTION = "Fit a model to a CSV, TSV or Parquet file with one row per group."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_data(parser)
    # Known only to be refused with a sentence.
    parser.add_argument("--by", action="append", help=argparse.SUPPRESS)
    add_model(parser)
    add_inference(parser)
    output = parser.add_argument_group("result")
    output.add_argument(
        "--hyperparameters-only",
        action="store_true",
        help="keep only the population's parameters, not the groups' theta, to save memory",
    )
    add_prob(output)
    output.add_argument("--output", metavar="FILE.nc", help="save the fit, for ArviZ and hierpool")
    output.add_argument("--force", action="store_true", help="replace FILE.nc if it exists")
    output.add_argument(
        "--report", metavar="FILE.html", help="write a page with the answer, pictures and checks"
    )
    output.add_argument(
        "--csv",
        metavar="FILE",
        help=f"write the table of the groups to {TABLE}",
    )
    output.add_argument(
        "--max-rhat",
        type=float,
        help="nuts: converged if R-hat stays below this value (by default, below what random "
        "variation explains)",
    )
    output.add_argument(
        "--strict", action="store_true", help="nuts: not converged if a single draw diverges"
    )
    add_printing(output)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    started = time.perf_counter()
    use_compilation_cache()
    import hierpool
    from hierpool.input.arguments import check_prob
    from hierpool.posterior.partial import stopped_after
    from hierpool.posterior.tree import require_netcdf

    if options.by:
        raise hierpool.InputError(
            f"fit saves one fit: for one per value of {options.by[0]!r} take hierpool estimate "
            "--by, which is exact and draws nothing, or in Python hierpool.fit(..., by=...)."
        )
    data = data_of(options)
    check_prob(options.prob, "--prob")
    if options.max_rhat is not None and not options.max_rhat > 1:
        raise hierpool.InputError(f"--max-rhat must be above 1, not {options.max_rhat}.")
    # Checked before any work is done.
    if options.output:
        require_netcdf()
    check_outputs(options, "output", "csv", "report")
    if options.report:
        from hierpool.reports.page import check_report_path

        check_report_path(options.report, force=options.force)
    inference = inference_of(options)
    model = model_of(options)
    loaded = time.perf_counter()
    with warnings.catch_warnings():
        # The verdict reports convergence, by the criteria that the user asked for.
        warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
        warnings.simplefilter("ignore", hierpool.PartialFitWarning)
        tree = hierpool.fit(
            options.file,
            **data,
            model=model,
            inference=inference,
            seed=options.seed,
            hyperparameters_only=options.hyperparameters_only,
            progress=Sampling(),
        )
    status.phase("summarising")
    verdict = hierpool.check(tree, max_rhat=options.max_rhat, strict=options.strict)
    # Later answers from the saved fit then use the same criteria.
    tree.attrs["hierpool_problems"] = json.dumps(verdict.problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
        warnings.simplefilter("ignore", hierpool.PartialFitWarning)
        summary = hierpool.summarize(tree, prob=options.prob)
    if options.output:
        status.phase(f"writing {options.output}")
        with stopping.finishing(options.output):
            hierpool.save(tree, options.output, force=options.force)
        say_saved(options.output, options)
    if options.report:
        from hierpool.reports.page import render, write_page
        from hierpool.reports.provenance import Source

        status.phase(f"writing {options.report}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
            columns = {name: value for name, value in data.items() if name != "new_groups"}
            page = render(tree, options.prob, source=Source(options.file, columns))
        with stopping.finishing(options.report):
            write_page(page, options.report)
        say_saved(options.report, options)
    compiling, sampling = tree.attrs["compile_time"], tree.attrs["sampling_time"]
    seconds = {"loading": loaded - started, "compiling": compiling, "sampling": sampling}
    seconds["the rest"] = time.perf_counter() - loaded - compiling - sampling
    show(
        options,
        summary.sentence,
        summary.tables(),
        # Nothing in a table of numbers could say that it is partial.
        file=None if verdict.partial else options.csv,
        lines=[verdict.sentence],
        more={"verdict": _as_json(verdict), "seconds": seconds},
    )
    if not options.json:
        spent = ", ".join(f"{time_of:.2f} {step}" for step, time_of in seconds.items())
        say("\n" + wrapped(f"Seconds: {spent}.", width_of_output()))
    for problem in verdict.problems:
        say(f"hierpool: {problem}", error=True)
    stopped = stopped_after(tree.attrs)
    if stopped:
        say(f"hierpool: {stopped}; {_kept(options)}", error=True)
        return stopping.STOPPED
    return 1 if verdict.problems else 0


def _kept(options: argparse.Namespace) -> str:
    """Returns what became of a fit that the user stopped."""
    saved = f"was saved to {options.output} and is marked partial" if options.output else "is above"
    left_out = f"; {options.csv} was not written" if options.csv else ""
    return f"the partial fit {saved}{left_out}."


def _as_json(verdict: "Verdict") -> dict[str, Any]:
    """Returns a verdict as JSON holds it: its fields, whether it converged, and its sentence."""
    fields = {name: in_json(value) for name, value in verdict._asdict().items()}
    fields["problems"] = list(verdict.problems)
    return {"converged": not verdict.problems, "sentence": verdict.sentence, **fields}
