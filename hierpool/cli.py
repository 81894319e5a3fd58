"""The ``hierpool`` command.

Exit codes: 0, the fit converged; 1, it did not; 2, the input or an argument is wrong; 130, stopped.
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hierpool import __version__

if TYPE_CHECKING:
    from hierpool.models import Model
    from hierpool.summary import Summary

MODELS = ("partial", "collapsed", "complete", "none", "logit")
# The flags of hyperparameters, and the models that have them.
HYPERPARAMETERS = {
    "kappa_log_rate": "rate of kappa_log's exponential prior: kappa is Pareto(1, RATE) (1.5)",
    "phi_alpha": "first parameter of phi's Beta prior (1)",
    "phi_beta": "second parameter of phi's Beta prior (1)",
    "theta_alpha": "no pooling: first parameter of theta's Beta prior (1)",
    "theta_beta": "no pooling: second parameter of theta's Beta prior (1)",
    "mu_mean": "logit model: prior mean of mu (-1)",
    "mu_sd": "logit model: prior sd of mu (1)",
    "sigma_sd": "logit model: scale of sigma's half-normal prior (1)",
}


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
    _add_data(fit)
    _add_model(fit)
    _add_sampler(fit)
    output = fit.add_argument_group("result")
    output.add_argument(
        "--prob", type=float, default=0.89, help="probability of the intervals (0.89)"
    )
    output.add_argument("--output", metavar="FILE.nc", help="save the fit, for ArviZ and hierpool")
    output.add_argument("--force", action="store_true", help="replace FILE.nc if it exists")
    output.add_argument("--csv", metavar="FILE.csv", help="write the table of the groups")
    output.add_argument(
        "--rows", type=int, default=100, help="print at most so many groups; 0 for all (100)"
    )
    output.add_argument(
        "--max-rhat", type=float, default=1.01, help="converged if R-hat stays below it (1.01)"
    )
    output.add_argument(
        "--strict", action="store_true", help="not converged if a single draw diverges"
    )
    output.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("file", metavar="FILE", help="CSV or TSV file, a row a group")
    data.add_argument("--successes", required=True, metavar="COLUMN", help="column of successes")
    data.add_argument("--trials", required=True, metavar="COLUMN", help="column of trials")
    data.add_argument("--group", metavar="COLUMN", help="column of names (by default, row numbers)")
    data.add_argument(
        "--new-group",
        action="append",
        default=[],
        type=_new_group,
        metavar="NAME=Y/N",
        help='a group to add, as "rookie=0/4"; may be repeated',
    )
    data.add_argument(
        "--aggregate", action="store_true", help="add up rows that have the same name"
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        choices=MODELS,
        default="partial",
        help="partial pooling (the default), the same with theta integrated out (collapsed), "
        "complete or no pooling, or a normal population of log-odds (logit)",
    )
    for name, text in HYPERPARAMETERS.items():
        flag = "--" + name.replace("_", "-")
        model.add_argument(flag, type=float, metavar=name.split("_")[-1].upper(), help=text)


def _add_sampler(parser: argparse.ArgumentParser) -> None:
    sampler = parser.add_argument_group("sampler")
    sampler.add_argument("--chains", type=int, default=4, help="chains (4)")
    sampler.add_argument("--warmup", type=int, default=1000, help="warm-up steps a chain (1000)")
    sampler.add_argument("--draws", type=int, default=1000, help="draws a chain (1000)")
    sampler.add_argument(
        "--target-accept", type=float, default=0.8, help="acceptance to tune for (0.8)"
    )
    sampler.add_argument(
        "--max-tree-depth", type=int, default=10, help="most doublings of a trajectory (10)"
    )
    sampler.add_argument(
        "--chain-method",
        choices=("parallel", "vectorized", "sequential"),
        help="how the chains run (by default, as suits the platform)",
    )
    sampler.add_argument("--seed", type=int, default=0, help="seed of the random draws (0)")


def _new_group(text: str) -> tuple[str, tuple[int, int]]:
    name, equals, counts = text.rpartition("=")
    successes, slash, trials = counts.partition("/")
    try:
        return name, (int(successes), int(trials))
    except ValueError:
        message = f"{text!r} is not of the form NAME=SUCCESSES/TRIALS, as in rookie=0/4"
        raise argparse.ArgumentTypeError(message) from None


def _model(options: argparse.Namespace) -> "Model":
    import hierpool

    kinds: dict[str, Any] = {
        "partial": hierpool.PartialPooling,
        "collapsed": hierpool.CollapsedPartialPooling,
        "complete": hierpool.CompletePooling,
        "none": hierpool.NoPooling,
        "logit": hierpool.LogitPartialPooling,
    }
    kind = kinds[options.model]
    given = {name: getattr(options, name) for name in HYPERPARAMETERS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in vars(kind()):
            flag, *others = ("--" + one.replace("_", "-") for one in (name, *vars(kind())))
            raise hierpool.InputError(
                f"{flag} is not a hyperparameter of --model {options.model}, which has "
                f"{', '.join(others)}."
            )
    model: Model = kind(**given)
    return model


def _fit(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    _use_compilation_cache()
    import hierpool
    from hierpool.inference_data import check_writable, require_netcdf

    new_groups = dict(options.new_group)
    if len(new_groups) < len(options.new_group):
        raise hierpool.InputError("Two new groups have the same name.")
    if not 0 < options.prob < 1:
        raise hierpool.InputError(f"--prob must lie between 0 and 1, not {options.prob}.")
    if not options.max_rhat > 1:
        raise hierpool.InputError(f"--max-rhat must be above 1, not {options.max_rhat}.")
    # Before any work is done, not after.
    if options.output:
        require_netcdf()
        check_writable(options.output, force=options.force)
    if options.csv:
        check_writable(options.csv, force=options.force)
        if options.output and Path(options.csv).resolve() == Path(options.output).resolve():
            raise hierpool.InputError(f"--output and --csv are the same file, {options.csv}.")
    inference = hierpool.NUTS(
        num_chains=options.chains,
        num_warmup=options.warmup,
        num_draws=options.draws,
        target_accept=options.target_accept,
        max_tree_depth=options.max_tree_depth,
        chain_method=options.chain_method,
    )
    model = _model(options)
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
            progress=None if options.quiet or not sys.stderr.isatty() else _Bar(),
        )
    verdict = hierpool.check(tree, max_rhat=options.max_rhat, strict=options.strict)
    summary = hierpool.summarize(tree, prob=options.prob)
    if options.output:
        hierpool.save(tree, options.output, force=options.force)
    if options.csv:
        summary.groups.to_csv(options.csv)
    _print_summary(summary, options.prob, options.rows)
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


def _print_summary(summary: "Summary", prob: float, most_rows: int) -> None:
    import pandas as pd

    interval = f"{100 * prob:g}% interval"
    # kappa counts trials; a mean it has not.
    population = summary.population.map(lambda value: "" if pd.isna(value) else f"{value:.4g}")
    if len(population):
        print(f"Population (lower and upper: {interval})")
        print(population.rename_axis(None).to_string(), end="\n\n")
    shown = summary.groups if most_rows <= 0 else summary.groups.head(most_rows)
    decimals = {name: f"{{:.{4}f}}".format for name in ("rate", "mean", "sd", "lower", "upper")}
    print(f"Groups (lower and upper: {interval})")
    print(shown.rename_axis(None).to_string(formatters=decimals, na_rep=""))
    if len(shown) < len(summary.groups):
        print(f"... and {len(summary.groups) - len(shown)} more (--rows 0 prints all).")
    print()


class _Bar:
    """A line on the terminal that tells how far the chains are."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def __call__(self, done: int, total: int, divergences: int) -> None:
        # Short runs need no bar.
        if time.perf_counter() - self._started < 0.5 and done < total:
            return
        end = "\r\033[K" if done >= total else ""
        told = f", {divergences} divergent" if divergences else ""
        print(f"\r{done} of {total} steps{told}", end=end, file=sys.stderr, flush=True)


def _use_compilation_cache() -> None:
    """Keeps compiled programs in a private folder of the user's: only the command does so."""
    import jax

    if jax.config.jax_compilation_cache_dir:
        return
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    folder = Path(home) if home else Path.home() / ".cache"
    try:
        folder = folder / "hierpool" / "jax"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # A read-only home only costs the time of compiling.
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


if __name__ == "__main__":
    sys.exit(main())
