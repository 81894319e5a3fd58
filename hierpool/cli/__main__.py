"""``python -m hierpool.cli``: the command."""

import sys

from hierpool.cli.process import command

sys.exit(command())
