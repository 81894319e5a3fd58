"""Runs the command for ``python -m hierpool.cli``."""

import sys

from hierpool.cli.process import command

sys.exit(command())
