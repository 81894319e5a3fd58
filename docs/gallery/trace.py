"""Traces and rank plots of NUTS on the batters.

What to see: the four chains look alike, without trends, and their means are on one level. The ranks
of each chain stay about its dashed line: no chain has more high draws than another.
"""

import sys

import hierpool as hp

players = hp.load_dataset("efron-morris-75")
columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
tree = hp.fit(players, **columns, seed=1)
axes = hp.plot_trace(tree, groups=["Roberto Clemente"])
axes[0, 0].figure.savefig(sys.argv[1] if sys.argv[1:] else "trace.png")
