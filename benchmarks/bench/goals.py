"""The goals, as ratios within one run."""

from typing import Any, NamedTuple

from benchmarks.bench.numbers import Key, Row, fastest, median, pace, rate, row_of, rows_in, short
from benchmarks.peers.contenders import PEERS

Report = dict[str, Any]
NUM_GROUPS = NUM_SETS = 10_000
NUM_CHAINS = 64
RIVALS = ("nutpie", "stan")


class Goal(NamedTuple):
    """A ratio of two rows of the run."""

    name: str
    wanted: float
    """The ratio: at most that where it is a share, at least that where it is how many times."""
    is_share: bool
    """Whether the ratio is our seconds by theirs; if not, it says how many times we are as fast."""
    ours: Row
    theirs: Row | None
    key: Key
    """What is compared: seconds, or effective draws a second."""

    def line(self) -> str:
        """Returns the row of the table."""
        sign = f"{'at most' if self.is_share else 'at least'} {self.wanted:g}"
        ours = median(self.ours, self.key)
        theirs = median(self.theirs, self.key) if self.theirs else None
        if self.theirs is None or ours is None or theirs is None:
            reason = self.ours.get("reason") or "one of the two was not measured"
            return f"| {self.name} | {sign} | - | not measured | {reason} |"
        is_rate = self.key is rate
        ratio = ours / theirs if self.is_share or is_rate else theirs / ours
        is_met = ratio <= self.wanted if self.is_share else ratio >= self.wanted
        unit = "effective draws a second" if is_rate else "s"
        return (
            f"| {self.name} | {sign} | {short(ratio)} | {'yes' if is_met else '**no**'} "
            f"| {self.ours['label']}, {short(ours)} {unit}; {self.theirs['label']}, "
            f"{short(theirs)} {unit} |"
        )


def goals(report: Report) -> list[str]:
    """Returns the table of the goals: each with its figures, and whether it is met."""
    found = [*_processes(report), *_sampling(report), *_many(report)]
    head = ["| goal | wanted | measured | met | of what |", "|---|---|---|---|---|"]
    return head + [goal.line() for goal in found]


def _processes(report: Report) -> list[Goal]:
    cold = fastest(_peers(report, "W1 cold"), "wall")
    warm = fastest(_peers(report, "W1 warm"), "wall")
    ours_cold = row_of(report, "W1 cold", "command-joint")
    ours_warm = row_of(report, "W1 warm", "command-joint")
    name = "W1 whole process"
    return [
        Goal(f"{name}, cold", 0.4, True, ours_cold, cold, "wall"),
        Goal(f"{name}, caches kept; the peer cold", 0.3, True, ours_warm, cold, "wall"),
        Goal(f"{name}, caches kept; the peer's too", 0.3, True, ours_warm, warm, "wall"),
    ]


def _sampling(report: Report) -> list[Goal]:
    found = []
    for names, whom in ((RIVALS, "nutpie and Stan"), (PEERS, "the fastest of all peers")):
        rivals = [row for row in _peers(report, "W1 sampling") if row["contender"] in names]
        best = fastest(rivals, pace)
        for contender, wanted in (("joint", 3), ("collapsed", 40), ("quadrature", 100)):
            ours = row_of(report, "W1 sampling", contender)
            name = f"W1 sampling, {contender}; {whom}"
            found.append(Goal(name, wanted, False, ours, best, rate))
    return found


def _many(report: Report) -> list[Goal]:
    peers = [row for row in _peers(report, "W2") if row["size"] == NUM_GROUPS]
    joint = fastest(peers, "sampling")
    population = row_of(report, "W2", "collapsed-population", NUM_GROUPS)
    every = row_of(report, "W2", "collapsed", NUM_GROUPS)
    name = f"W2 {NUM_GROUPS:,} groups, collapsed"
    sets, moments = (row_of(report, "W3", name, NUM_SETS) for name in ("estimate", "moments"))
    # Seconds a data set: the loop's are extrapolated to as many.
    loop = fastest(_peers(report, "W3 loop"), "each")
    chains = [row for row in rows_in(report, "W4") if row["size"] == NUM_CHAINS]
    ours = fastest([row for row in chains if row["contender"].startswith("joint-")], "sampling")
    vmapped = row_of(report, "W4", "blackjax", NUM_CHAINS)
    best = ours or row_of(report, "W4", "joint-parallel", NUM_CHAINS)
    ours_joint = row_of(report, "W2", "joint", NUM_GROUPS)
    return [
        Goal(f"W2 {NUM_GROUPS:,} groups, joint", 4, False, ours_joint, joint, "sampling"),
        Goal(f"{name}, population alone", 1000, False, population, joint, "sampling"),
        Goal(f"{name}, every theta drawn", 1000, False, every, joint, "sampling"),
        Goal(f"W3 {NUM_SETS:,} data sets, a data set", 500, False, moments, loop, "each"),
        Goal(f"W3 {NUM_SETS:,}, with every interval", 500, False, sets, loop, "each"),
        Goal(f"W4 {NUM_CHAINS} chains, joint", 5, False, best, vmapped, "sampling"),
    ]


def _peers(report: Report, work: str) -> list[Row]:
    return [row for row in rows_in(report, work) if row["contender"] in PEERS]
