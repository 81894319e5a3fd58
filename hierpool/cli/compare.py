"""``hierpool compare``: which model predicts each group best from the others."""

import argparse

from hierpool.cli.cache import use_compilation_cache
from hierpool.cli.flags import add_hyperparameters
from hierpool.cli.output import add_data_answer, check_tables, data_of, show, write_table
from hierpool.models.catalogue import COMPARED, HYPERPARAMETERS, MODELS, class_of_word

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
    models = {}
    for name in options.model or COMPARED:
        kind = class_of_word(name)
        given = {knob: getattr(options, knob) for knob in vars(kind())}
        models[name] = kind(**{k: value for k, value in given.items() if value is not None})
    used = {knob for model in models.values() for knob in vars(model)}
    for name in HYPERPARAMETERS:
        if getattr(options, name) is not None and name not in used:
            flag = "--" + name.replace("_", "-")
            raise hierpool.InputError(f"{flag} is a hyperparameter of no --model that is compared.")
    result = hierpool.compare(options.file, models=models, **data_of(options))
    if options.pointwise:
        write_table(result.pointwise, options.pointwise)
    show(options, {"Models, by leave-one-group-out elpd": result.models})
    return 0
