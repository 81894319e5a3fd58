"""Models as plate graphs.

See: phi and kappa are the population's; every group has a theta of its own, from which its
successes come. The dashed frame says that this model integrates over theta.
"""

from pathlib import Path

import hierpool as hp

axes = hp.plot_model("collapsed", num_groups=18)
axes.figure.savefig(Path(__file__).with_suffix(".png"))
