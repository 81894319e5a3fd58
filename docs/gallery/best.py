"""The probability that each of 18 batters has the highest chance of a hit.

What to see: the batter with the most hits has a probability of about a quarter, not 1; after 45
at-bats several others may well be better.
"""

import sys

import hierpool as hp

players = hp.load_dataset("efron-morris-75")
columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
tree = hp.fit(players, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_best(tree)
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "best.png")
