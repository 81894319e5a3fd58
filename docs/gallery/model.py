"""The model of the batters as a graph.

What to see: phi and kappa are the population's, and every batter has a theta of his own, from which
his hits come. The plate stands for 18 such batters. The dashed frame says that this model
integrates over theta, and draws it only when the population is known.
"""

import sys

import hierpool as hp

axes = hp.plot_model("collapsed", num_groups=18)
axes.figure.savefig(sys.argv[1] if sys.argv[1:] else "model.png")
