"""The population of the tumour rates of 71 groups of rats.

What to see: on the left, the draws fill the contours, which were computed without them. On the
right, many raw rates are 0, and chances of nearly 0 are rarer than that: no tumour among 20 rats is
no proof of no risk. The band says how well 71 groups tell the population.
"""

import sys

import hierpool as hp

rats = hp.load_dataset("rat-tumors")
columns = {"successes": "tumors", "trials": "rats", "group": "experiment"}
tree = hp.fit(rats, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_population(tree)
axes[0].figure.savefig(sys.argv[1] if sys.argv[1:] else "population.png")
