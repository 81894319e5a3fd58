"""``hierpool estimate``: exact posteriors of a file's groups, as two tables."""

import argparse
from typing import Any

from hierpool.cli_tables import check_tables, warnings_told, write_table
from hierpool.compilation_cache import use_compilation_cache
from hierpool.flags import HYPERPARAMETERS, add_data, add_prob, new_groups_of

PRIORS = ("kappa_log_rate", "phi_alpha", "phi_beta")


def add_estimate(commands: Any) -> None:
    """Adds the subcommand."""
    estimate = commands.add_parser(
        "estimate",
        help="exact posteriors of any number of groups and data sets, without draws",
        description="Exact posterior means, sds and intervals of partial pooling, from a CSV or "
        "TSV file with a row a group. Nothing is drawn.",
        epilog="Exit codes: 0 done, 1 an integration missed its tolerance, 2 wrong input, "
        "130 stopped.",
    )
    estimate.set_defaults(run=_estimate)
    add_data(estimate)
    estimate.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column that tells data sets apart, each with a population of its own; may be "
        "repeated",
    )
    model = estimate.add_argument_group("model")
    for name in PRIORS:
        flag = "--" + name.replace("_", "-")
        metavar = name.split("_")[-1].upper()
        model.add_argument(flag, type=float, metavar=metavar, help=HYPERPARAMETERS[name])
    output = estimate.add_argument_group("result")
    add_prob(output)
    output.add_argument(
        "--no-intervals", action="store_true", help="means and sds alone, in a fraction of the time"
    )
    for flag, what in (("--output", "groups"), ("--population", "population")):
        output.add_argument(
            flag, metavar="FILE", help=f"write the table of the {what}: .csv or .parquet"
        )
    output.add_argument("--force", action="store_true", help="replace files that exist")
    output.add_argument(
        "--rows", type=int, default=100, help="print at most so many rows; 0 for all (100)"
    )


def _estimate(options: argparse.Namespace) -> int:
    use_compilation_cache()
    import hierpool
    from hierpool.arguments import check_prob

    check_prob(options.prob, "--prob")
    new_groups = new_groups_of(options)
    check_tables(options, "output", "population")
    given = {name: getattr(options, name) for name in PRIORS}
    model = hierpool.PartialPooling(
        **{name: value for name, value in given.items() if value is not None}
    )
    with warnings_told() as caught:
        result = hierpool.estimate(
            options.file,
            successes=options.successes,
            trials=options.trials,
            group=options.group,
            by=options.by,
            model=model,
            prob=None if options.no_intervals else options.prob,
            new_groups=new_groups,
            aggregate=options.aggregate,
        )
    if options.output:
        write_table(result.groups, options.output)
    if options.population:
        write_table(result.population, options.population)
    _print(result, options)
    return 1 if caught else 0


def _print(result: Any, options: argparse.Namespace) -> None:
    interval = "" if options.no_intervals else f" (lower and upper: {100 * options.prob:g}%)"
    population = result.population
    print(f"Population{interval}")
    if options.by:
        shown = population if options.rows <= 0 else population.head(options.rows)
        print(shown.to_string(float_format="{:.4g}".format))
    else:
        print(population.iloc[0].to_string(float_format="{:.5g}".format))
    print(f"\nGroups{interval}")
    shown = result.groups if options.rows <= 0 else result.groups.head(options.rows)
    print(shown.to_string(float_format="{:.4f}".format, na_rep=""))
    if len(shown) < len(result.groups):
        print(f"... and {len(result.groups) - len(shown)} more (--rows 0 prints all).")
