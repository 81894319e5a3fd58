"""A funnel of the deaths after heart surgery on infants in 12 hospitals.

What to see: by the dashed lines, which take all hospitals for equal, hospital H is outside 99.8%.
The solid lines are for hospitals that differ as these twelve do, with all that is not known of a
population of which twelve have been seen: there H is an ordinary one, and so are the others.
"""

import sys

import hierpool as hp

hospitals = hp.load_dataset("surgical-mortality")
columns = {"successes": "deaths", "trials": "operations", "group": "hospital"}
tree = hp.fit(hospitals, **columns, model="spread", inference="quadrature")
axes = hp.plot_funnel(tree, groups=["H"])
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "funnel.png")
