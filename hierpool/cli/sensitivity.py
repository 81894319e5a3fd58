"""``hierpool sensitivity``: the posterior under several hyperpriors, and empirical Bayes."""

import argparse

from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.files import write_table
from hierpool.cli.flags import add_prob
from hierpool.cli.output import add_data_answer, check_tables, data_of
from hierpool.cli.printing import show
from hierpool.models.catalogue import HYPERPARAMETERS

DESCRIPTION = (
    "Exact posteriors of partial pooling under several priors of kappa. The last row takes the "
    "most probable population as known: it shows how much empirical Bayes understates."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_data_answer(parser)
    parser.add_argument("--population", metavar="FILE", help="write the table of the population")
    model = parser.add_argument_group("model")
    model.add_argument(
        "--kappa-log-rate",
        type=float,
        action="append",
        metavar="RATE",
        help="kappa is Pareto(1, RATE); may be repeated (0.5, 1.5, 5)",
    )
    for name in ("phi_alpha", "phi_beta"):
        flag = "--" + name.replace("_", "-")
        model.add_argument(flag, type=float, default=1.0, help=HYPERPARAMETERS[name].help)
    model.add_argument(
        "--model",
        action="append",
        choices=("gamma", "spread"),
        help="a further model, with another kind of prior; may be repeated",
    )
    add_prob(model)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    use_compilation_cache()
    import hierpool

    check_tables(options, "output", "population")
    result = hierpool.sensitivity(
        options.file,
        kappa_log_rate=options.kappa_log_rate or (0.5, 1.5, 5.0),
        phi_prior=[(options.phi_alpha, options.phi_beta)],
        models=options.model or (),
        prob=options.prob,
        **data_of(options),
    )
    if options.population:
        write_table(result.population, options.population, options)
    show(options, result.sentence, result.tables(), file=options.output)
    return 0
