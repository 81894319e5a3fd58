"""The ``hierpool`` command.

Exit codes: 0, the fit converged; 1, it did not; 2, the input or an argument is wrong; 130, stopped.
"""

import argparse
import gc
import os
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from hierpool import __version__
from hierpool.cli_decisions import add_decisions
from hierpool.cli_estimate import add_estimate
from hierpool.cli_models import add_models
from hierpool.cli_predictions import add_predictions
from hierpool.cli_summary import add_summary
from hierpool.cli_tables import require_different
from hierpool.compilation_cache import use_compilation_cache
from hierpool.flags import (
    add_data,
    add_inference,
    add_model,
    add_prob,
    inference_of,
    model_of,
    new_groups_of,
)


def command() -> int:
    """Runs the command in a process of its own.

    It ends in seconds: looking for cycles while JAX traces, and once more at its end, would find
    next to nothing, and take a good part of them.
    """
    gc.disable()
    try:
        return main()
    finally:
        gc.freeze()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code.

    Args:
        arguments: the words after ``hierpool``; by default the process's own.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return _fail("Stopped; nothing was written.", 130)
    except BrokenPipeError:
        # The reader of our output has gone: not an error, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, ImportError, MemoryError, OSError) as error:
        if os.environ.get("HIERPOOL_TRACEBACK"):
            raise
        return _fail(_sentence(error), 2)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error) or type(error).__name__


def _fail(sentence: str, code: int) -> int:
    print(f"hierpool: {sentence}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line, and leaves with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


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
        epilog="Exit codes: 0 converged, 1 not converged, 2 wrong input, 130 stopped.",
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
    output.add_argument("--quiet", action="store_true", help="show no progress")
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
    from hierpool.fitting import SlowModelWarning
    from hierpool.inference_data import check_writable, require_netcdf
    from hierpool.printing import Bar, print_summary

    new_groups = new_groups_of(options)
    check_prob(options.prob, "--prob")
    if options.max_rhat is not None and not options.max_rhat > 1:
        raise hierpool.InputError(f"--max-rhat must be above 1, not {options.max_rhat}.")
    # Before any work is done, not after.
    if options.output:
        require_netcdf()
        check_writable(options.output, force=options.force)
    if options.csv:
        check_writable(options.csv, force=options.force)
    require_different(options, "output", "csv")
    inference = inference_of(options)
    model = model_of(options)
    loaded = time.perf_counter()
    with warnings.catch_warnings():
        # The verdict says it, by the gate that was asked for.
        warnings.simplefilter("ignore", hierpool.ConvergenceWarning)
        warnings.simplefilter("always", SlowModelWarning)
        warnings.showwarning = _show
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
            progress=None if options.quiet or not sys.stderr.isatty() else Bar(),
        )
    verdict = hierpool.check(tree, max_rhat=options.max_rhat, strict=options.strict)
    summary = hierpool.summarize(tree, prob=options.prob)
    if options.output:
        hierpool.save(tree, options.output, force=options.force)
    if options.csv:
        summary.groups.to_csv(options.csv)
    print_summary(summary, options.prob, options.rows)
    finished = time.perf_counter()
    compiling, sampling = tree.attrs["compile_time"], tree.attrs["sampling_time"]
    rest = finished - loaded - compiling - sampling
    print(
        f"{verdict.sentence} Seconds: {loaded - started:.2f} loading, {compiling:.2f} compiling, "
        f"{sampling:.2f} sampling, {rest:.2f} the rest."
    )
    for problem in verdict.problems:
        print(f"hierpool: {problem}", file=sys.stderr)
    return 1 if verdict.problems else 0


def _show(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"hierpool: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(command())
