"""A flag that takes one value takes one."""

import argparse
import inspect
from collections.abc import Iterator

import pytest
from shell import PLAYERS, Run, fit, refused

import hierpool as hp
from hierpool.cli.flags import inference_of, model_of
from hierpool.cli.main import _parser


def commands() -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = (
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    for parser in subparsers.choices.values():
        parser.fill()
    return dict(subparsers.choices)


def flags() -> Iterator[tuple[str, argparse.Action]]:
    for name, parser in commands().items():
        for action in parser._actions:
            if action.option_strings and action.nargs != 0:
                yield name, action


def words_of(action: argparse.Action) -> list[str]:
    """Returns a flag with a value that it takes."""
    value = str(next(iter(action.choices))) if action.choices else "a=0/4"
    if action.type in (int, float):
        value = "1"
    return [
        action.option_strings[0],
        *[value] * (action.nargs if isinstance(action.nargs, int) else 1),
    ]


def test_the_defaults_of_fit_are_those_of_its_settings() -> None:
    words = ["fit", "f", "--successes", "y", "--trials", "n"]
    options = _parser().parse_args(words)
    assert options.seed == inspect.signature(hp.fit).parameters["seed"].default
    assert inference_of(options) == hp.NUTS()
    assert model_of(options) == hp.PartialPooling()
    options = _parser().parse_args([*words, "--inference", "quadrature"])
    assert inference_of(options) == hp.Quadrature()
    assert model_of(options) == hp.CollapsedPartialPooling()


IS_REPEATED = {
    ("--new-group", "fit"),
    ("--by", "estimate"),
    ("--by", "fit"),
    *(("--group", command) for command in ("fit", "estimate", "compare", "sensitivity")),
    ("--above", "events"),
    ("--only", "contrasts"),
    ("--model", "compare"),
    ("--model", "sensitivity"),
    ("--kappa-log-rate", "sensitivity"),
    *(("--new-group", command) for command in ("estimate", "compare", "sensitivity", "predict")),
}
ALL = [(command, action) for command, action in flags()]


@pytest.mark.parametrize(
    ("command", "action"), ALL, ids=[f"{name} {action.option_strings[0]}" for name, action in ALL]
)
def test_a_flag_of_one_value_is_refused_twice(
    command: str, action: argparse.Action, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = action.option_strings[0]
    with pytest.raises(SystemExit) as left:
        _parser().parse_args([command, *words_of(action), *words_of(action)])
    told = capsys.readouterr().err
    assert left.value.code == 2
    is_refused = f"{flag}: it is given twice, and takes one value" in told
    assert is_refused != ((flag, command) in IS_REPEATED)


def test_a_shortened_flag_is_the_same_flag(capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(capsys, "--succ", "at_bats")
    refused(
        run, r"--successes.*: it is given twice, and takes one value \(see hierpool fit --help\)"
    )


def test_a_second_run_knows_nothing_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        refused(Run(["fit", PLAYERS, "--group", "a"], capsys), "Name the columns: efron-morris")


def test_a_switch_may_be_given_twice() -> None:
    options = _parser().parse_args(
        ["fit", "f", "--successes", "y", "--trials", "n", "--force", "--force"]
    )
    assert options.force


WHOLE = [
    *("--chains", "--draws", "--max-tree-depth", "--most-pairs", "--nodes", "--rows", "--seed"),
    *("--top", "--trials-to-come", "--warmup"),
]
REAL = [
    *("--above", "--false-discovery-rate", "--kappa-log-rate", "--kappa-rate", "--kappa-shape"),
    *("--max-rhat", "--mu-mean", "--mu-sd", "--phi-alpha", "--phi-beta", "--prob", "--rope"),
    *("--sigma-sd", "--target-accept", "--tau-sd", "--theta-alpha", "--theta-beta"),
    "--tolerance",
]
OTHERWISE = ["--new-group"]


def test_numbers_are_read_as_numbers_and_all_else_as_text() -> None:
    kinds = dict.fromkeys(WHOLE, int) | dict.fromkeys(REAL, float)
    seen = set()
    for name, action in flags():
        flag = action.option_strings[-1]
        seen.add(flag)
        if flag not in OTHERWISE:
            assert action.type is kinds.get(flag), (name, flag)
    assert kinds.keys() <= seen
