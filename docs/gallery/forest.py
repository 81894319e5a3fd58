"""A forest of 18 batters after 45 at-bats each.

What to see: the hollow dots, the raw rates, are spread far wider than the filled ones, the
estimates. All batters have had 45 at-bats, so all are pulled by the same share towards the dashed
line, the mean of the population. The intervals overlap nearly all: who is best is far from sure.
"""

import sys

import hierpool as hp

players = hp.load_dataset("efron-morris-75")
columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
tree = hp.fit(players, **columns, model="collapsed", inference="quadrature")
hp.plot_forest(tree).figure.savefig(sys.argv[1] if sys.argv[1:] else "forest.png")
