"""Shrinkage of the tumour rates of 71 groups of rats.

What to see: each group is pulled from the diagonal, its raw rate, towards the dashed line, the rate
of all rats together. Small dots, groups of few rats, are pulled further than large ones at the same
raw rate: compare the largest dots near 31% with the small one at 37.5%, whose estimate is about the
same. No group without a tumour is believed to have a rate of 0.
"""

import sys

import hierpool as hp

rats = hp.load_dataset("rat-tumors")
columns = {"successes": "tumors", "trials": "rats", "group": "experiment"}
tree = hp.fit(rats, **columns, model="collapsed", inference="quadrature")
hp.plot_shrinkage(tree).figure.savefig(sys.argv[1] if sys.argv[1:] else "shrinkage.png")
