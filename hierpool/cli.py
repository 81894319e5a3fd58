"""The ``hierpool`` command.

Exit codes: 0, done; 1, a fit or an integration did not converge; 2, the input, an argument or the
machine does not allow it; 3, an error of hierpool's; 130, stopped.
"""

import argparse
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from hierpool import __version__, stopping
from hierpool.cli_decisions import add_decisions
from hierpool.cli_estimate import add_estimate
from hierpool.cli_models import add_models
from hierpool.cli_predictions import add_predictions
from hierpool.cli_summary import add_summary
from hierpool.cli_tables import check_outputs, phases_shown, warnings_told, write_csv
from hierpool.compilation_cache import use_compilation_cache
from hierpool.failures import explain
from hierpool.flags import (
    EXIT_CODES,
    Once,
    add_data,
    add_inference,
    add_model,
    add_prob,
    add_quiet,
    inference_of,
    model_of,
    new_groups_of,
)
from hierpool.terminal import flush, put, say, status


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code.

    Args:
        arguments: the words after ``hierpool``; by default the process's own.
    """
    stopping.begin()
    try:
        code = _run(arguments)
        flush()
        return code
    except KeyboardInterrupt:
        return _fail(stopping.stopped(), stopping.STOPPED)
    except Exception as error:
        if os.environ.get("HIERPOOL_TRACEBACK"):
            traceback.print_exception(error)
        sentence, code = explain(error)
        return _fail(f"{sentence} {stopping.written()}".rstrip(), code)
    finally:
        status.clear()


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as left:
        # After --help, --version, or a sentence on what is wrong.
        return int(left.code or 0)
    if not hasattr(options, "run"):
        say(parser.format_help())
        return 2
    with phases_shown(quiet=options.quiet), warnings_told() as missed:
        code = int(options.run(options))
    return code or int(bool(missed))


def _fail(sentence: str, code: int) -> int:
    # In one line, whatever an error says.
    say(f"hierpool: {' '.join(sentence.split())}", error=True)
    return code


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # What argparse takes for any flag of one value, that of a group or a subcommand included.
        for name in (None, "store"):
            self.register("action", name, Once)

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse itself takes no notice of what could not be written.
        put(message, error=file is not sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line, and leaves with 2."""
        say(f"{self.prog}: {message} (see {self.prog} --help)", error=True)
        self.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hierpool",
        description="Many rates at once from small samples, by hierarchical partial pooling.",
    )
    parser.add_argument("--version", action="version", version=f"hierpool {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    fit = commands.add_parser(
        "fit",
        help="fit a model to a table of successes and trials",
        description="Fit a model to a CSV or TSV file with a row a group.",
        epilog=EXIT_CODES,
    )
    fit.set_defaults(run=_fit)
    add_data(fit)
    add_model(fit)
    add_inference(fit)
    output = fit.add_argument_group("result")
    output.add_argument(
        "--hyperparameters-only",
        action="store_true",
        help="keep the population's parameters alone: no group's chance, little memory",
    )
    add_prob(output)
    output.add_argument("--output", metavar="FILE.nc", help="save the fit, for ArviZ and hierpool")
    output.add_argument("--force", action="store_true", help="replace FILE.nc if it exists")
    output.add_argument("--csv", metavar="FILE.csv", help="write the table of the groups")
    output.add_argument(
        "--rows", type=int, default=100, help="print at most so many groups; 0 for all (100)"
    )
    output.add_argument(
        "--max-rhat",
        type=float,
        help="nuts: converged if R-hat stays below it (by default: below what chance explains)",
    )
    output.add_argument(
        "--strict", action="store_true", help="nuts: not converged if a single draw diverges"
    )
    add_quiet(output)
    add_estimate(commands)
    add_summary(commands)
    add_decisions(commands)
    add_predictions(commands)
    add_models(commands)
    return parser


def _fit(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    use_compilation_cache()
    import hierpool
    from hierpool.arguments import check_prob
    from hierpool.inference_data import require_netcdf
    from hierpool.printing import print_summary

    new_groups = new_groups_of(options)
    check_prob(options.prob, "--prob")
    if options.max_rhat is not None and not options.max_rhat > 1:
        raise hierpool.InputError(f"--max-rhat must be above 1, not {options.max_rhat}.")
    # Before any work is done, not after.
    if options.output:
        require_netcdf()
    check_outputs(options, "output", "csv")
    inference = inference_of(options)
    model = model_of(options)
    loaded = time.perf_counter()
    with warnings.catch_warnings():
        # The verdict says it, by the gate that was asked for.
        warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
        tree = hierpool.fit(
            options.file,
            successes=options.successes,
            trials=options.trials,
            group=options.group,
            model=model,
            inference=inference,
            seed=options.seed,
            new_groups=new_groups,
            aggregate=options.aggregate,
            hyperparameters_only=options.hyperparameters_only,
            progress=status.steps if status.is_on else None,
        )
    status.phase("summarising")
    verdict = hierpool.check(tree, max_rhat=options.max_rhat, strict=options.strict)
    # Answers to the saved fit then go by the gate that was asked for.
    tree.attrs["hierpool_problems"] = json.dumps(verdict.problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
        summary = hierpool.summarize(tree, prob=options.prob)
    if options.output:
        status.phase(f"writing {options.output}")
        with stopping.finishing(options.output):
            hierpool.save(tree, options.output, force=options.force)
    if options.csv:
        with stopping.finishing(options.csv):
            write_csv(summary.groups, options.csv)
    print_summary(summary, options.prob, options.rows)
    finished = time.perf_counter()
    compiling, sampling = tree.attrs["compile_time"], tree.attrs["sampling_time"]
    rest = finished - loaded - compiling - sampling
    say(
        f"{verdict.sentence} Seconds: {loaded - started:.2f} loading, {compiling:.2f} compiling, "
        f"{sampling:.2f} sampling, {rest:.2f} the rest."
    )
    for problem in verdict.problems:
        say(f"hierpool: {problem}", error=True)
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    # As `python -m hierpool`.
    from hierpool.__main__ import command

    sys.exit(command())
