"""``hierpool plot KIND``: a picture of a saved fit, as PNG, SVG or PDF."""

import argparse
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hierpool.cli import stopping
from hierpool.cli.files import say_saved
from hierpool.cli.flags import EXIT_CODES, FILE, NEW_GROUP, add_quiet
from hierpool.cli.output import check_outputs
from hierpool.cli.plot_arguments import of_later, of_new_groups
from hierpool.cli.terminal import say, status

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DESCRIPTION = "Draw a picture of a saved fit. Each kind has flags of its own: see KIND --help."


class Kind(NamedTuple):
    """A picture."""

    room: str
    """Module in ``hierpool.plots``."""
    function: str
    """The function of that module that draws it: it takes a tree, and a keyword for each flag."""
    help: str
    """What it shows, in a line."""
    flags: tuple[str, ...] = ()
    """Its flags, of ``FLAGS``."""
    takes_axes: bool = True
    """Whether the function has the argument ``axes``: it has not if it draws several panels."""
    read: Callable[[argparse.Namespace], dict[str, Any]] | None = None
    """Returns further arguments of the function, from flags that are not its own."""
    read_flags: tuple[str, ...] = ()
    """Those flags, of ``FLAGS``."""


KINDS = {
    "forest": Kind(
        "forest",
        "plot_forest",
        "raw rates and estimates with their intervals, sorted",
        ("groups", "top", "sort", "prob"),
    ),
    "shrinkage": Kind(
        "shrinkage",
        "plot_shrinkage",
        "how far each estimate is pulled from the raw rate",
        ("groups", "top"),
    ),
    "funnel": Kind(
        "funnel",
        "plot_funnel",
        "raw rates against trials, with the limits of a new group's rate",
        ("groups", "top"),
    ),
    "trace": Kind(
        "trace",
        "plot_trace",
        "traces and rank plots of the population and of chosen groups",
        ("groups",),
        takes_axes=False,
    ),
    "population": Kind(
        "population",
        "plot_population",
        "the population's two numbers, and the chances of its groups",
        ("prob",),
        takes_axes=False,
    ),
    "new-groups": Kind(
        "new_groups",
        "plot_new_groups",
        "new groups against the population and the others",
        ("seed",),
        read=of_new_groups,
        read_flags=("new_group", "groups"),
    ),
    "ranks": Kind(
        "ranks", "plot_ranks", "the probability of each rank of each group", ("top", "best")
    ),
    "best": Kind("best", "plot_best", "the probability that each is the best", ("top", "best")),
    "rank-intervals": Kind(
        "rank_intervals",
        "plot_rank_intervals",
        "the mean rank of each group with its interval",
        ("top", "best", "prob"),
    ),
    "predictive-check": Kind(
        "predictive_check",
        "plot_predictive_check",
        "statistics of the data among those of replicates",
        ("replicates", "seed"),
        takes_axes=False,
    ),
    "predictions": Kind(
        "predictions",
        "plot_predictions",
        "intervals of later rates, and what was observed later",
        ("top", "prob", "seed"),
        read=of_later,
        read_flags=("data", "successes", "trials", "column"),
    ),
    "model": Kind("model", "plot_model", "the model as a graph with a plate"),
}
"""The pictures by the word that names them."""
FLAGS: dict[str, dict[str, Any]] = {
    "groups": {
        "action": "append",
        "metavar": "NAME",
        "help": "a group to show or to name; may be repeated",
    },
    "top": {"type": int, "metavar": "K", "help": "number of groups to show or to name at each end"},
    "sort": {"metavar": "ORDER", "help": "mean (the default), rate, trials or given"},
    "prob": {"type": float, "help": "probability of the wide intervals (0.89)"},
    "best": {
        "choices": ("highest", "lowest"),
        "help": "which chance of success is the best (highest)",
    },
    "replicates": {
        "choices": ("same-groups", "new-groups"),
        "help": "replicates of the same groups (the default), or of new ones",
    },
    "seed": {"type": int, "help": "seed of the random draws (0)"},
    "new_group": NEW_GROUP | {"help": 'a group that was not in the fit, as "rookie=0/4"'},
    "data": {"required": True, "metavar": "FILE", "help": FILE},
    "successes": {"required": True, "metavar": "COLUMN", "help": "column of later successes"},
    "trials": {"required": True, "metavar": "COLUMN", "help": "column of later trials"},
    "column": {"required": True, "metavar": "COLUMN", "help": "column of the groups' names"},
}
"""The flags of pictures by the argument of the function; one that is not given is left out."""
WORDS = {"groups": "group", "column": "group", "new_group": "new-group"}
"""Words of flags that differ from the argument's name."""
FORMATS = (".png", ".svg", ".pdf")
METADATA: dict[str, dict[str, None]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""Without times, so that the same picture is the same file."""
SMALLEST, LARGEST = 1.0, 100.0
"""Inches that a picture may be wide and high."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the kinds, with the flags of each."""
    # It has imported this module.
    from hierpool.cli.main import _Parser

    kinds = parser.add_subparsers(
        title="kinds", metavar="KIND", dest="kind", required=True, parser_class=_Parser
    )
    for word, kind in KINDS.items():
        one = kinds.add_parser(
            word, help=kind.help, description=f"Draw {kind.help}.", epilog=EXIT_CODES
        )
        one.add_argument("fit", metavar="FIT.nc", help="a fit saved by hierpool fit --output")
        picture = one.add_argument_group("picture")
        for name in (*kind.read_flags, *kind.flags):
            picture.add_argument(f"--{WORDS.get(name, name)}", dest=name, **FLAGS[name])
        for side in ("width", "height"):
            picture.add_argument(
                f"--{side}", type=float, metavar="INCHES", help=f"{side} (as suits the groups)"
            )
        picture.add_argument("--dpi", type=int, default=150, help="PNG: dots per inch (150)")
        result = one.add_argument_group("result")
        result.add_argument(
            "--output", required=True, metavar="FILE", help="the picture: .png, .svg or .pdf"
        )
        result.add_argument("--force", action="store_true", help="replace FILE if it exists")
        add_quiet(result)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    _check(options)
    kind = KINDS[options.kind]
    status.phase("loading libraries")
    draw = getattr(import_module(f"hierpool.plots.{kind.room}"), kind.function)
    import matplotlib

    # No window is opened, whatever the machine has.
    matplotlib.use("agg")
    from hierpool.posterior.tree import load

    status.phase(f"reading {options.fit}")
    tree = load(options.fit)
    status.phase("drawing")
    given = {name: getattr(options, name) for name in kind.flags}
    given = {name: value for name, value in given.items() if value is not None}
    given |= kind.read(options) if kind.read else {}
    with _boxes_said():
        figure = _figure(draw(tree, **given))
        if options.width or options.height:
            width, height = figure.get_size_inches()
            size = options.width or width, options.height or height
            if kind.takes_axes:
                from hierpool.plots.style import axes_for

                # Drawn again, since where names fit depends on the size.
                figure = _figure(draw(tree, axes=axes_for(None, *size), **given))
            else:
                figure.set_size_inches(size)
        _write(figure, options.output, options.dpi)
    say_saved(options.output, options)
    return 0


@contextmanager
def _boxes_said() -> Iterator[None]:
    """Says once that letters are drawn as boxes, in place of a warning for each letter."""
    missing = False
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_others(
            message: Warning | str, category: type[Warning], *others: Any, **more: Any
        ) -> None:
            nonlocal missing
            if str(message).startswith("Glyph "):
                missing = True
            else:
                show(message, category, *others, **more)

        warnings.showwarning = show_others
        yield
    if missing:
        say(
            "hierpool: Some names have letters that no font of this machine has, and boxes stand "
            "for them: install a font that has them, as Noto Sans CJK.",
            error=True,
        )


def _check(options: argparse.Namespace) -> None:
    from hierpool.input.errors import InputError

    if Path(options.output).suffix.lower() not in FORMATS:
        raise InputError(
            f"{options.output} must end in .png, .svg or .pdf, which says how it is written."
        )
    for side in ("width", "height"):
        value = getattr(options, side)
        if value is not None and not SMALLEST <= value <= LARGEST:
            raise InputError(f"--{side} must be from 1 to 100 inches, not {value:g}.")
    if not 10 <= options.dpi <= 1200:
        raise InputError(f"--dpi must be from 10 to 1200, not {options.dpi}.")
    check_outputs(options, "output")


def _figure(drawn: Any) -> "Figure":
    """Returns the figure of the axes that a function returned: one, or an array of them."""
    import numpy as np

    figure: Figure = np.ravel(drawn)[0].figure
    return figure


def _write(figure: "Figure", path: str, dpi: int) -> None:
    import matplotlib

    from hierpool.runtime.writing import whole_file

    suffix = Path(path).suffix.lower()
    status.phase(f"writing {path}")
    # The same salt names the parts of a picture alike each time.
    with (
        matplotlib.rc_context({"svg.hashsalt": "hierpool"}),
        stopping.finishing(path),
        whole_file(path) as file,
    ):
        figure.savefig(file, format=suffix[1:], dpi=dpi, metadata=METADATA[suffix])
