"""What the report says under its tables."""

GOALS = (
    "Ratios of medians of this run. What counts as sampling is warm-up and draws of everything "
    "that the row's contender draws; nutpie's also has its tree of results, some hundredths of a "
    "second. Where a peer wins, the ratio says so."
)
WHOLE = (
    "Seconds from starting the process to its end, with the population and the groups printed. "
    "The parts are those that the process can tell; what is missing to the whole is starting "
    "Python, printing and leaving. For `hierpool` commands and where a program compiles at its "
    "first call the parts are together. The commands print more than the peers: raw rates, a "
    "verdict on convergence."
)
GROUPS = (
    "Trials negative-binomial with mean 60. A call of more than 30 s that compiled nothing is made "
    "once; others twice, and the second is told. Up to 10,000 groups effective draws and errors "
    "are over phi, kappa_log and every theta; beyond, and where "
    "a label says that the population is kept alone, over phi and kappa_log only, and there "
    "hierpool draws no theta (its collapsed model does not need it, its joint one explores it all "
    "the same). Peers draw every theta always. Memory is above what the process had before the "
    "model was built, without child processes."
)
SETS = (
    "Ragged tables of 10 to 30 groups. Loops: compiled once, data swapped, compiling not counted; "
    "tables filled up to 30 groups with groups of 0 trials, except for Stan and the plug-in, which "
    "take any size. Each is the mean over the tables that were run; the other sizes are "
    "extrapolated from it. Loops count sampling alone, by a sampler's own clock where it has one; "
    "estimate's seconds are of the whole call, with reading the table. The plug-in gives no "
    "uncertainty of the population."
)
CHAINS = "The 19 groups, compiled before."
SLOPES = (
    "Slopes on log axes, by least squares over the two top decades of what was measured; 1 is "
    "growth in proportion. Below a fixed cost they are flatter than what is to come. A peer's "
    "loop over data sets has slope 1 by construction."
)
