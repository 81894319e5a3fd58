"""The ranks of 12 hospitals by the risk of an operation, the lowest first.

What to see: A is probably the first and H the last; in between the dark cells spread over many
ranks, and a table of ranks would say more than the data do.
"""

import sys

import hierpool as hp

hospitals = hp.load_dataset("surgical-mortality")
columns = {"successes": "deaths", "trials": "operations", "group": "hospital"}
tree = hp.fit(hospitals, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_ranks(tree, best="lowest")
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "ranks.png")
