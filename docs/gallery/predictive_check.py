"""Could the fit of the 71 groups of rats have given such data?

What to see: every line is within its histogram but that of the mean residual, whose p-value has a
mark. The steps of the data stay within the band of the replicates.
"""

import sys

import hierpool as hp

rats = hp.load_dataset("rat-tumors")
columns = {"successes": "tumors", "trials": "rats", "group": "experiment"}
tree = hp.fit(rats, **columns, model="collapsed", inference="quadrature")
axes = hp.plot_predictive_check(tree, replicates="new-groups")
axes[0].figure.savefig(sys.argv[1] if sys.argv[1:] else "predictive-check.png")
