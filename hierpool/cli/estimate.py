"""``hierpool estimate``: exact posteriors of a file's groups, as two tables."""

import argparse
import itertools

from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.files import write_table
from hierpool.cli.flags import (
    add_data,
    add_hyperparameters,
    add_nodes,
    add_prob,
    data_of,
    quadrature_of,
    with_hyperparameters,
)
from hierpool.cli.output import check_tables
from hierpool.cli.printing import ENDS, TABLE, add_printing, show
from hierpool.models.catalogue import CATALOGUE

DESCRIPTION = (
    "Exact posterior means, sds and intervals of partial pooling, from a CSV, TSV or "
    "Parquet file with one row per group. Nothing is drawn at random."
)
MODELS = ("partial", "gamma", "spread")
"""The models that ``estimate`` integrates, as named on the command line."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_data(parser)
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column that distinguishes data sets, each with a population of its own; may be "
        "repeated",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        choices=MODELS,
        default="partial",
        help="the prior of kappa: Pareto (partial, the default), Gamma (gamma), or by the spread "
        "of log-odds (spread), which suits low rates",
    )
    names = (CATALOGUE[word].hyperparameters for word in MODELS)
    add_hyperparameters(model, dict.fromkeys(itertools.chain(*names)))
    add_nodes(model)
    output = parser.add_argument_group("result")
    add_prob(output)
    output.add_argument(
        "--no-intervals", action="store_true", help="only means and sds, in a fraction of the time"
    )
    output.add_argument(
        "--output", metavar="FILE", help=f"write the table of the groups to {TABLE}"
    )
    output.add_argument(
        "--population", metavar="FILE", help=f"write the table of the population to {ENDS}"
    )
    output.add_argument("--force", action="store_true", help="replace files that exist")
    add_printing(output)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    use_compilation_cache()
    import hierpool
    from hierpool.input.arguments import check_prob

    check_prob(options.prob, "--prob")
    data = data_of(options)
    check_tables(options, "output", "population")
    model = with_hyperparameters(options, options.model)
    result = hierpool.estimate(
        options.file,
        **data,
        by=options.by,
        model=model,
        inference=quadrature_of(options),
        prob=None if options.no_intervals else options.prob,
    )
    if options.population:
        write_table(result.population, options.population, options)
    show(options, result.sentence, result.tables(), file=options.output)
    return 0
