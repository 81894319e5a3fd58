"""The batters' rest of the season against what was predicted after 45 at-bats.

What to see: of 18 rates 16 are inside their 89% intervals, as many as expected. The dots are nearer
to the ticks, the predictions, than the first 45 at-bats were to the season.
"""

import sys

import hierpool as hp

players = hp.load_dataset("efron-morris-75")
columns = {"successes": "hits", "trials": "at_bats", "group": "player"}
tree = hp.fit(players, **columns, model="collapsed", inference="quadrature")
season = players.set_index("player")
axes = hp.plot_predictions(
    tree, successes=season["remaining_hits"], trials=season["remaining_at_bats"]
)
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "predictions.png")
