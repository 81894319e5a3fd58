"""The flags of the command, and the models and algorithms that they stand for.

No heavy library is imported at the top, so that ``--help`` is quick.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hierpool.models.catalogue import CATALOGUE, HYPERPARAMETERS, MODELS, class_of_word

if TYPE_CHECKING:
    from hierpool.exact.quadrature import Quadrature
    from hierpool.mcmc.nuts import NUTS
    from hierpool.models.protocol import Model

EXIT_CODES = (
    "Exit codes: 0 done, 1 not converged, 2 wrong input, 3 an error of hierpool's, 130 stopped."
)
# The flags of each algorithm, and the settings they stand for.
KNOBS = {
    "nuts": {
        "warmup": "num_warmup",
        "target_accept": "target_accept",
        "max_tree_depth": "max_tree_depth",
        "chain_method": "chain_method",
    },
    "quadrature": {"nodes": "num_nodes", "tolerance": "tolerance"},
}
FILE = (
    "CSV, TSV or Parquet file, one row per group, which may be compressed; - for standard input; "
    "or the name of a table that ships with hierpool"
)


class Once(argparse.Action):
    """Stores the value of a flag, and rejects a second one, which argparse would simply take."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Stores the value."""
        given = vars(namespace).setdefault("given_once", set())
        if option_string and self.dest in given:
            raise argparse.ArgumentError(self, "it is given twice, and takes one value")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that name the data."""
    data = parser.add_argument_group("data")
    data.add_argument("file", metavar="FILE", help=FILE + ". Alone, its columns are listed")
    data.add_argument("--successes", metavar="COLUMN", help="column of successes")
    data.add_argument(
        "--trials",
        metavar="COLUMN",
        help="column of trials; or their number, if it is the same for all rows and no column has "
        "that name; left out, each row is one trial (0, 1, True or False), added up by group",
    )
    data.add_argument("--failures", metavar="COLUMN", help="column of failures, in place of trials")
    data.add_argument(
        "--group",
        action="append",
        metavar="COLUMN",
        help="column of names (by default, row numbers); repeated, several columns name a group",
    )
    add_new_groups(data, 'a group to add, as "rookie=0/4"; may be repeated')
    data.add_argument(
        "--new-groups", metavar="FILE", help="file of groups to add, with the same columns"
    )
    data.add_argument(
        "--aggregate", action="store_true", help="add up rows that have the same name"
    )
    parser.set_defaults(command=parser.prog)


def data_of(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the function arguments for the flags of ``add_data``, except the file.

    Raises:
        InputError: no column of successes is named (the message lists the columns), or the flags
            contradict each other.
        OSError: a file can't be read.
    """
    from hierpool.input.errors import InputError

    if options.successes is None:
        from hierpool.cli.columns import columns_of

        raise InputError(columns_of(options.file, options.command))
    group, trials = options.group, options.trials
    given = {
        "successes": options.successes,
        "trials": int(trials) if re.fullmatch(r"\d+", trials or "", re.ASCII) else trials,
        "failures": options.failures,
        "group": group[0] if group and len(group) == 1 else group,
        "aggregate": options.aggregate,
    }
    new_groups: dict[Any, tuple[int, int]] = new_groups_of(options)
    if options.new_groups:
        from hierpool.input.table import read_new_group_table

        of_file = read_new_group_table(options.new_groups, given)
        for name in new_groups.keys() & of_file.keys():
            raise InputError(
                f"New group {str(name)!r} is in {options.new_groups} too: give each group once."
            )
        new_groups = of_file | new_groups
    return given | {"new_groups": new_groups}


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the models."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        choices=tuple(MODELS),
        help="partial pooling (the default), the same with theta integrated out (collapsed; the "
        "default of quadrature), with other priors of kappa (gamma; spread, which suits low "
        "rates), complete or no pooling, normal log-odds (logit), or the same with theta "
        "integrated out (collapsed-logit)",
    )
    add_hyperparameters(model)
    model.add_argument(
        "--joint",
        action="store_true",
        help="gamma, spread: sample every group's theta too, from the joint density",
    )


def add_hyperparameters(parser: Any, names: Iterable[str] = HYPERPARAMETERS) -> None:
    """Adds the flags of hyperparameters."""
    for name in names:
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=float,
            metavar=name.split("_")[-1].upper(),
            help=HYPERPARAMETERS[name].help,
        )


def add_inference(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the algorithms."""
    sampler = parser.add_argument_group("inference")
    sampler.add_argument(
        "--inference",
        choices=tuple(KNOBS),
        default="nuts",
        help="nuts samples any model (the default); quadrature draws exactly and independently, "
        "in milliseconds, from a model with theta integrated out",
    )
    sampler.add_argument("--chains", type=int, default=4, help="number of chains (4)")
    sampler.add_argument("--draws", type=int, default=1000, help="draws per chain (1000)")
    sampler.add_argument("--warmup", type=int, help="nuts: warm-up steps per chain (1000)")
    sampler.add_argument(
        "--target-accept", type=float, help="nuts: acceptance probability to aim for (0.8)"
    )
    sampler.add_argument(
        "--max-tree-depth", type=int, help="nuts: most doublings of a trajectory (10)"
    )
    sampler.add_argument(
        "--chain-method",
        choices=("parallel", "vectorized", "sequential"),
        help="nuts: how the chains run (by default, as suits the platform)",
    )
    add_nodes(sampler)
    sampler.add_argument(
        "--tolerance",
        type=float,
        help="quadrature: converged if its error is below this value (1e-6)",
    )
    sampler.add_argument("--seed", type=int, default=0, help="seed of the random draws (0)")


def add_nodes(parser: Any) -> None:
    """Adds the flag for the number of nodes of an integration."""
    parser.add_argument(
        "--nodes", type=int, help="quadrature: initial number of rows of nodes (48)"
    )


def quadrature_of(options: argparse.Namespace) -> "Quadrature | None":
    """Returns the settings of the integration, or None if the user gave none."""
    from hierpool.exact.quadrature import Quadrature

    return None if options.nodes is None else Quadrature(num_nodes=options.nodes)


def add_new_groups(parser: Any, help_text: str) -> None:
    """Adds the flag that names groups to add."""
    parser.add_argument("--new-group", **NEW_GROUP, help=help_text)


def new_groups_of(options: argparse.Namespace) -> dict[str, tuple[int, int]]:
    """Returns the groups that ``--new-group`` names.

    Raises:
        InputError: two have the same name.
    """
    from hierpool.input.errors import InputError

    names = [name for name, _ in options.new_group]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--new-group names {name!r} twice: give each group once.")
    return dict(options.new_group)


def add_prob(parser: Any, prob: float = 0.89) -> None:
    """Adds the flag of the intervals' probability."""
    parser.add_argument(
        "--prob", type=float, default=prob, help=f"probability of the intervals ({prob})"
    )


def add_best(parser: argparse.ArgumentParser) -> None:
    """Adds the flag that says whether the highest or the lowest chance of success is best."""
    parser.add_argument(
        "--best",
        choices=("highest", "lowest"),
        default="highest",
        help="which chance of success is the best (highest)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Adds the flag of the random draws' seed."""
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws (0)")


def add_quiet(parser: Any) -> None:
    """Adds the flag that hides the progress line of a terminal."""
    parser.add_argument(
        "--quiet", action="store_true", help="show no progress, and not what was saved"
    )


def _new_group(text: str) -> tuple[str, tuple[int, int]]:
    name, equals, counts = text.rpartition("=")
    successes, slash, trials = counts.partition("/")
    try:
        return name, (int(successes), int(trials))
    except ValueError:
        message = f"{text!r} is not of the form NAME=SUCCESSES/TRIALS, as in rookie=0/4"
        raise argparse.ArgumentTypeError(message) from None


NEW_GROUP: dict[str, Any] = {
    "action": "append",
    "default": [],
    "type": _new_group,
    "metavar": "NAME=Y/N",
}
"""How the flag ``--new-group`` is read."""


def model_of(options: argparse.Namespace) -> "Model":
    """Returns the model given by ``--model``, or else the default model of the algorithm."""
    from hierpool.input.errors import InputError
    from hierpool.models.beta_population import BetaPopulation
    from hierpool.models.joint import Joint

    word = options.model or {"nuts": "partial", "quadrature": "collapsed"}[options.inference]
    model = with_hyperparameters(options, word)
    if not options.joint:
        return model
    if not isinstance(model, BetaPopulation):
        raise InputError(
            f"--joint is for a model that explores its population alone, as gamma or spread, and "
            f"--model {word} is none: leave it out."
        )
    return Joint(model)


def with_hyperparameters(options: argparse.Namespace, word: str) -> "Model":
    """Returns the model that a word names, with the hyperparameters that were given.

    Raises:
        InputError: the model does not have one of the hyperparameters.
    """
    return models_of(options, [word])[word]


def models_of(options: argparse.Namespace, words: Sequence[str]) -> "dict[str, Model]":
    """Returns models by their words, each with those of the given hyperparameters that it has.

    Raises:
        InputError: none of the models has one of the hyperparameters.
    """
    from hierpool.input.errors import InputError

    given = {name: getattr(options, name, None) for name in HYPERPARAMETERS}
    given = {name: value for name, value in given.items() if value is not None}
    own = {word: CATALOGUE[word].hyperparameters for word in words}
    every = list(dict.fromkeys(name for names in own.values() for name in names))
    for name in given:
        if name not in every:
            flag, *others = ("--" + one.replace("_", "-") for one in (name, *every))
            raise InputError(
                f"{flag} is not a hyperparameter of --model {' or '.join(words)}, which "
                f"{'has' if len(own) == 1 else 'have'} {', '.join(others)}."
            )
    return {
        word: class_of_word(word)(**{name: given[name] for name in names if name in given})
        for word, names in own.items()
    }


def inference_of(options: argparse.Namespace) -> "NUTS | Quadrature":
    """Returns the algorithm given by ``--inference``, with its settings."""
    from hierpool.inference.settings import inference_of_word
    from hierpool.input.errors import InputError

    given: dict[str, Any] = {"num_chains": options.chains, "num_draws": options.draws}
    for algorithm, knobs in KNOBS.items():
        for flag, setting in knobs.items():
            value = getattr(options, flag)
            if value is not None and algorithm != options.inference:
                raise InputError(
                    f"--{flag.replace('_', '-')} is for --inference {algorithm}, and this is "
                    f"{options.inference}: leave it out."
                )
            if value is not None:
                given[setting] = value
    return replace(inference_of_word(options.inference), **given)
