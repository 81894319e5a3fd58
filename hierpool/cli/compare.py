"""``hierpool compare``: which model predicts each group best from the others."""

import argparse

from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.files import write_table
from hierpool.cli.flags import add_hyperparameters, models_of
from hierpool.cli.output import add_data_answer, check_tables, data_of
from hierpool.cli.printing import show
from hierpool.models.catalogue import COMPARED, MODELS

DESCRIPTION = (
    "Compare models of a file by exact leave-one-group-out scores and by their evidence. Nothing "
    "is drawn at random."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    add_data_answer(parser)
    parser.add_argument(
        "--pointwise", metavar="FILE", help="write each group's contribution to elpd"
    )
    model = parser.add_argument_group("models")
    model.add_argument(
        "--model",
        action="append",
        choices=tuple(MODELS),
        help=f"a model to compare; may be repeated ({', '.join(COMPARED)})",
    )
    add_hyperparameters(model)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    use_compilation_cache()
    import hierpool

    check_tables(options, "output", "pointwise")
    models = models_of(options, options.model or COMPARED)
    result = hierpool.compare(options.file, models=models, **data_of(options))
    if options.pointwise:
        write_table(result.pointwise, options.pointwise, options)
    show(options, result.sentence, result.tables(), file=options.output, main="models")
    return 0
