"""The rank of each of 12 hospitals with its 89% interval, the lowest risk first.

What to see: the interval of H is at the end, and those of most others overlap: nobody can say which
of them is before which.
"""

import sys

import hierpool as hp

hospitals = hp.load_dataset("surgical-mortality")
columns = {"successes": "deaths", "trials": "operations", "group": "hospital"}
tree = hp.fit(hospitals, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_rank_intervals(tree, best="lowest")
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "rank-intervals.png")
