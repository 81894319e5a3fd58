"""The commands that judge models: checks, compare, sensitivity."""

import argparse
from typing import Any

from hierpool.cli_tables import (
    add_answer,
    add_table_flags,
    check_tables,
    load_fit,
    print_table,
    show,
    write_table,
)
from hierpool.compilation_cache import use_compilation_cache
from hierpool.flags import (
    EXIT_CODES,
    HYPERPARAMETERS,
    add_data,
    add_nodes,
    add_prob,
    new_groups_of,
    quadrature_of,
)
from hierpool.model_words import COMPARED, MODELS, kind_of
from hierpool.terminal import say


def add_models(commands: Any) -> None:
    """Adds the commands."""
    _add_checks(commands)
    _add_compare(commands)
    _add_sensitivity(commands)


def _add_checks(commands: Any) -> None:
    checks = add_answer(
        commands,
        "checks",
        "posterior predictive p-values, and whether rates go with the number of trials",
        "Compare min, max, mean and sd of the data with those of replicates under the fit: on "
        "counts, on rates, and on standardised residuals. With unequal trials look at rates and "
        "residuals: counts say little.",
    )
    checks.set_defaults(run=_checks)
    checks.add_argument(
        "--replicates",
        choices=("same-groups", "new-groups"),
        default="same-groups",
        help="of the same groups (the default), or of new ones of as many trials, whose chances "
        "are drawn from the population",
    )
    checks.add_argument("--seed", type=int, default=0, help="seed of new groups (0)")


def _checks(options: argparse.Namespace) -> int:
    tree = load_fit(options)
    import hierpool

    # The p-values of new groups ask for no theta; whether rates go with trials does.
    has_theta = "theta" in tree["posterior"]
    table = hierpool.predictive_check(tree, replicates=options.replicates, seed=options.seed)
    shown = [name for name in table if not str(name).endswith("_mcse") or str(name) == "p_mid_mcse"]
    trend = hierpool.exchangeability(tree, seed=options.seed) if has_theta else None
    if options.output:
        write_table(table, options.output)
    say(f"Replicates of the {options.replicates.replace('-', ' ')}")
    print_table(table[shown], options.rows)
    if trend:
        say(f"\n{trend.sentence}")
    return 0


def _add_compare(commands: Any) -> None:
    compare = _add_data_answer(
        commands,
        "compare",
        "complete, none, beta, logit: which foretells a group best from the others",
        "Compare models of a file by exact leave-one-group-out scores and by their evidence. "
        "Nothing is drawn.",
    )
    compare.set_defaults(run=_compare)
    compare.add_argument("--pointwise", metavar="FILE", help="write each group's part of elpd")
    model = compare.add_argument_group("models")
    model.add_argument(
        "--model",
        action="append",
        choices=tuple(MODELS),
        help=f"compare this; may be repeated ({', '.join(COMPARED)})",
    )
    for name, text in HYPERPARAMETERS.items():
        flag = "--" + name.replace("_", "-")
        model.add_argument(flag, type=float, metavar=name.split("_")[-1].upper(), help=text)


def _compare(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import hierpool

    check_tables(options, "output", "pointwise")
    models = {}
    for name in options.model or COMPARED:
        kind = kind_of(name)
        given = {knob: getattr(options, knob) for knob in vars(kind())}
        models[name] = kind(**{k: value for k, value in given.items() if value is not None})
    used = {knob for model in models.values() for knob in vars(model)}
    for name in HYPERPARAMETERS:
        if getattr(options, name) is not None and name not in used:
            flag = "--" + name.replace("_", "-")
            raise hierpool.InputError(f"{flag} is a hyperparameter of no --model that is compared.")
    result = hierpool.compare(options.file, models=models, **_data(options))
    if options.pointwise:
        write_table(result.pointwise, options.pointwise)
    show(options, {"Models, by leave-one-group-out elpd": result.models})
    return 0


def _add_sensitivity(commands: Any) -> None:
    sensitivity = _add_data_answer(
        commands,
        "sensitivity",
        "the posterior under a range of hyperpriors, and the empirical-Bayes plug-in",
        "Exact posteriors of partial pooling under several priors of kappa. The last row takes the "
        "most probable population for known: it shows what empirical Bayes understates.",
    )
    sensitivity.set_defaults(run=_sensitivity)
    sensitivity.add_argument(
        "--population", metavar="FILE", help="write the table of the population"
    )
    model = sensitivity.add_argument_group("model")
    model.add_argument(
        "--kappa-log-rate",
        type=float,
        action="append",
        metavar="RATE",
        help="kappa is Pareto(1, RATE); may be repeated (0.5, 1.5, 5)",
    )
    for name in ("phi_alpha", "phi_beta"):
        flag = "--" + name.replace("_", "-")
        model.add_argument(flag, type=float, default=1.0, help=HYPERPARAMETERS[name])
    add_prob(model)


def _sensitivity(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import hierpool

    check_tables(options, "output", "population")
    result = hierpool.sensitivity(
        options.file,
        kappa_log_rate=options.kappa_log_rate or (0.5, 1.5, 5.0),
        phi_prior=[(options.phi_alpha, options.phi_beta)],
        prob=options.prob,
        **_data(options),
    )
    if options.population:
        write_table(result.population, options.population)
    interval = f"(lower and upper: {100 * options.prob:g}%)"
    show(
        options, {f"Population {interval}": result.population, f"Groups {interval}": result.groups}
    )
    return 0


def _add_data_answer(
    commands: Any, name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    """Returns the parser of a command that answers from a file of counts."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=EXIT_CODES,
    )
    add_data(parser)
    add_nodes(parser)
    add_table_flags(parser)
    return parser


def _data(options: argparse.Namespace) -> dict[str, Any]:
    names = ("successes", "trials", "group", "aggregate")
    given = {name: getattr(options, name) for name in names}
    return given | {"new_groups": new_groups_of(options), "inference": quadrature_of(options)}
