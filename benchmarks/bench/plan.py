"""What is measured: the rows of each work, in the quick, the full and the smoke form."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.bench.tables import NEWCOMER, NUM_DISTRICTS, Settings
from benchmarks.peers.contenders import CONTENDERS, METHODS, ON_JAX, PEERS

W1 = Settings(2, 2000, 2000, 0.95)
W2 = Settings(2, 1000, 1000, 0.8)
W3 = Settings(2, 500, 500, 0.8)
KEEPS_THETA = 10_000
"""Groups up to which theta is kept, and every one of them looked at."""
MOST_DRAWS_GB = 8
"""A task whose draws of theta alone take more is not tried."""


class Form(NamedTuple):
    """How much is measured."""

    name: str
    runs: int
    """Processes a row."""
    timeout: int
    """Seconds after which a process is ended."""
    budget: int
    """Seconds a row may take: it is not run again if that would take it past them."""
    groups: tuple[int, ...]
    """W2, hierpool and the plug-in."""
    peer_groups: dict[str, tuple[int, ...]]
    """W2, by peer."""
    sets: tuple[int, ...]
    """W3, data sets of one ``estimate``."""
    num_looped: int
    """W3, data sets of which peers' seconds are the mean."""
    chains: tuple[int, ...]
    """W4."""
    draws: tuple[int, ...]
    """W5, draws of a chain."""


FULL = Form(
    name="full",
    runs=5,
    timeout=600,
    budget=60,
    groups=tuple(10**power for power in range(1, 8)),
    peer_groups=dict.fromkeys(PEERS, tuple(10**power for power in range(1, 7))),
    sets=tuple(10**power for power in range(6)),
    num_looped=20,
    chains=(2, 4, 16, 64, 256),
    draws=(1000, 10_000, 100_000),
)
QUICK = FULL._replace(
    name="quick",
    runs=3,
    timeout=90,
    budget=6,
    groups=(10_000,),
    # The one that goes furthest; the others' 10,000 groups take the full form's patience.
    peer_groups={"nutpie": (10_000,)},
    sets=(10_000,),
    num_looped=5,
    chains=(64,),
    draws=(),
)
QUICK_ROWS = {
    "W1 warm": ("command-joint", "numpyro", "stan"),
    "W2": (
        *("estimate", "moments", "plug-in", "joint", "collapsed", "collapsed-population"),
        "nutpie",
    ),
    "W3 loop": ("quadrature", "nutpie", "numpyro", "stan"),
    "W4": ("joint-parallel", "blackjax"),
}
"""What the quick form keeps of the works that it cuts: what the goals and the README ask for."""
SMOKE = QUICK._replace(
    name="smoke",
    runs=1,
    timeout=120,
    groups=(10, 100),
    peer_groups=dict.fromkeys(PEERS, (10, 100)),
    sets=(1, 10),
    num_looped=2,
    chains=(2, 4),
    draws=(100, 1000),
)
FORMS = {form.name: form for form in (QUICK, FULL, SMOKE)}


@dataclass
class Row:
    """One row of a table: a contender at a size, and what was measured of it."""

    work: str
    contender: str
    label: str
    size: int
    task: dict[str, Any]
    caches: str = "kept"
    """"cold": none; "kept": those of the contender's runs before; "jax": JAX's own with them."""
    runs: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    """Why there is no measurement."""


def rows_of(work: str, form: Form) -> list[Row]:
    """Returns the rows of a work, "W1" to "W5", in the order in which they take turns."""
    makers = {"W1": classic, "W2": groups, "W3": data_sets, "W4": chains, "W5": draws}
    rows = makers[work](form)
    if form.name == "quick":
        rows = [row for row in rows if row.contender in QUICK_ROWS.get(row.work, [row.contender])]
    for row in rows:
        row.task["timeout"] = form.timeout
    return rows


def classic(form: Form) -> list[Row]:
    """Returns the rows of the 19 groups: whole processes, sampling alone, estimates."""
    settings = _shrunk(W1, form)
    rows = []
    for work, caches in (("W1 cold", "cold"), ("W1 warm", "jax")):
        for name, words in commands(settings).items():
            # The command has a cache of its own, which lies with the rest.
            kept = "kept" if caches == "jax" else caches
            label = f"`hierpool {words[0]}`" + (f", {name}" if words[0] == "fit" else "")
            rows.append(Row(work, f"command-{name}", label, 19, {"command": words}, kept))
        for name in ("quadrature", *PEERS):
            task = {"task": "whole", "contender": name, "settings": settings}
            kept = caches if name in ON_JAX or caches == "cold" else "kept"
            label = CONTENDERS[name].label + (", a script" if name == "quadrature" else "")
            rows.append(Row(work, name, label, 19, task, kept))
    names = ("joint", "collapsed", "quadrature", *PEERS)
    # Slow, and not NumPyro's best: left to the full form.
    plain = () if form.name == "quick" else tuple(f"numpyro-{method}" for method in METHODS)
    table = ["players"]
    rows += [_sampling("W1 sampling", name, 19, table, settings) for name in (*names, *plain)]
    return rows + [_estimating("W1 estimate", name, 19, table) for name in ESTIMATES]


ESTIMATED = {
    "estimate": "hierpool, `estimate`, with intervals",
    "moments": "hierpool, `estimate(prob=None)`",
    "plug-in": "empirical-Bayes plug-in (SciPy)",
}
ESTIMATES = {**ESTIMATED, "proportions": "`proportions`, 2,000 importance samples"}


def commands(settings: Settings) -> dict[str, list[str]]:
    """Returns the words of hierpool's command for the classic job, by what it does."""
    data = "data/efron-morris-75.csv --group player --successes hits --trials at_bats".split()
    data += ["--new-group", f"{NEWCOMER[0]}={NEWCOMER[1]}/{NEWCOMER[2]}"]
    chains = ["--chains", str(settings.num_chains), "--draws", str(settings.num_draws)]
    nuts = ["--warmup", str(settings.num_warmup), "--target-accept", str(settings.target_accept)]
    nuts += ["--max-rhat", "1.03", "--quiet"]
    return {
        "joint": ["fit", *data, *chains, *nuts],
        "collapsed": ["fit", *data, *chains, *nuts, "--model", "collapsed"],
        "estimate": ["estimate", *data],
    }


def groups(form: Form) -> list[Row]:
    """Returns the rows of 10 to 10,000,000 groups."""
    settings = _shrunk(W2, form)
    rows = []
    for size in form.groups:
        table = ["simulated", size]
        rows += [_estimating("W2", name, size, table) for name in ESTIMATED]
        small = size <= KEEPS_THETA
        names = ["joint", "collapsed"] if small else ["joint-population"]
        names.append("collapsed-population")
        rows += [_sampling("W2", name, size, table, settings) for name in names]
    for name, sizes in form.peer_groups.items():
        rows += [_sampling("W2", name, size, ["simulated", size], settings) for size in sizes]
    rows += [
        _sampling("W2", name, NUM_DISTRICTS, ["districts"], settings)
        for name in ("joint", "collapsed", "nutpie")
    ]
    for row in rows:
        if row.contender in PEERS:
            drawn = settings.num_chains * settings.num_draws * row.size * 8 / 2**30
            if drawn > MOST_DRAWS_GB:
                row.reason = f"not tried: its draws of theta alone take {drawn:.0f} GB"
    return sorted(rows, key=lambda row: row.size)


def data_sets(form: Form) -> list[Row]:
    """Returns the rows of many small tables: one call of ``estimate``, and everybody's loop."""
    settings = _shrunk(W3, form)
    rows = []
    for size in form.sets:
        for name, prob in (("estimate", 0.89), ("moments", None)):
            task = {"task": "sets", "number": size, "prob": prob, "contender": name}
            rows.append(Row("W3", name, ESTIMATES[name], size, task))
    labels = {name: contender.label for name, contender in CONTENDERS.items()} | ESTIMATES
    for name in ("joint", "collapsed", "quadrature", *PEERS, "plug-in", "proportions"):
        task = {"task": "loop", "contender": name, "number": form.num_looped, "settings": settings}
        label = f"{labels[name]}, a loop"
        rows.append(Row("W3 loop", name, label, form.num_looped, task))
    return rows


def chains(form: Form) -> list[Row]:
    """Returns the rows of 2 to 256 chains by each chain method."""
    names = [f"{model}-{method}" for model in ("joint", "collapsed") for method in METHODS]
    rows = []
    for number in form.chains:
        settings = _shrunk(W3._replace(num_chains=number), form)
        rows += [
            _sampling("W4", name, number, ["players"], settings, quality=False)
            for name in (*names, "blackjax")
        ]
    return rows


def draws(form: Form) -> list[Row]:
    """Returns the rows of growing numbers of draws."""
    rows = []
    for number in form.draws:
        settings = Settings(2, min(1000, number), number, 0.95)
        rows += [
            _sampling("W5", name, number, ["players"], settings, quality=False)
            for name in ("joint", "collapsed", "quadrature", "nutpie", "numpyro")
        ]
    return rows


def _sampling(
    work: str,
    name: str,
    size: int,
    table: list[str | int],
    settings: Settings,
    *,
    quality: bool = True,
) -> Row:
    task = {
        "task": "sample",
        "contender": name,
        "table": table,
        "settings": settings,
        "quality": quality,
        "population": work == "W2" and (size > KEEPS_THETA or name.endswith("-population")),
    }
    return Row(work, name, CONTENDERS[name].label, size, task)


def _estimating(work: str, name: str, size: int, table: list[str | int]) -> Row:
    task = {"task": "estimate", "contender": name, "table": table}
    return Row(work, name, ESTIMATES[name], size, task)


def _shrunk(settings: Settings, form: Form) -> Settings:
    """Returns the settings; in the smoke form with few steps, which prove no more than that."""
    return settings._replace(num_warmup=250, num_draws=250) if form.name == "smoke" else settings
