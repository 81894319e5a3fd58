"""``hierpool report``: a saved fit as one page for a browser."""

import argparse

from hierpool.cli import stopping
from hierpool.cli.files import say_saved
from hierpool.cli.flags import add_prob, add_quiet
from hierpool.cli.output import check_outputs
from hierpool.cli.terminal import status

DESCRIPTION = (
    "Write a saved fit as one HTML page with the answer, pictures, a table to search and sort, and "
    "checks. The page loads nothing, and can be sent to anyone."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the command."""
    parser.add_argument("fit", metavar="FIT.nc", help="a fit saved by hierpool fit --output")
    add_prob(parser)
    parser.add_argument("--title", help="title of the page (names the columns and the groups)")
    output = parser.add_argument_group("result")
    output.add_argument("--output", required=True, metavar="FILE.html", help="the page to write")
    output.add_argument("--force", action="store_true", help="replace FILE.html if it exists")
    add_quiet(output)


def run(options: argparse.Namespace) -> int:
    """Runs the command, and returns its exit code."""
    from hierpool.input.arguments import check_prob
    from hierpool.posterior.tree import load
    from hierpool.reports.page import check_report_path, render, write_page

    check_prob(options.prob, "--prob")
    check_outputs(options, "output")
    check_report_path(options.output, force=options.force)
    status.phase(f"reading {options.fit}")
    tree = load(options.fit)
    status.phase("computing")
    page = render(tree, options.prob, options.title)
    with stopping.finishing(options.output):
        write_page(page, options.output)
    say_saved(options.output, options)
    return 0
