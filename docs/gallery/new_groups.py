"""A rookie with no hit in 4 at-bats, and a veteran with 30 in 60, among the 18 batters.

What to see: the rookie's raw rate is 0, and his curve is close to the population's: 4 at-bats tell
little. The veteran's curve is halfway between the population and his raw rate of 50%.
"""

import sys

import hierpool as hp

players = hp.load_dataset("efron-morris-75")
columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
tree = hp.fit(players, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_new_groups(tree, {"rookie": (0, 4), "veteran": (30, 60)})
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "new-groups.png")
