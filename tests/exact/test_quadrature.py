"""The exact posterior against an oracle that shares nothing with it."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.base import array_stats
from integrated import integrated
from oracle import Exact, exact
from scipy.stats import norm
from tables import HARD_TABLES, HOSPITALS, PLAYERS, RATS, TABLES, close

from hierpool.arrays import namespace, quietly, sigmoid
from hierpool.counts import Counts, stack
from hierpool.exact import beta_mixture as mixture
from hierpool.exact.chart import Chart, chart_of, from_starts
from hierpool.exact.grid import Grid, column_quantiles, draw, row_quantiles
from hierpool.exact.posterior import explore
from hierpool.exact.quadrature import Quadrature
from hierpool.exact.refining import refined
from hierpool.likelihood import binomial as likelihood
from hierpool.likelihood.compress import compress, distinct
from hierpool.likelihood.histograms import Data
from hierpool.models.beta import CollapsedPartialPooling, PartialPooling
from hierpool.runtime.programs import COMPILED_SOON

MODEL = CollapsedPartialPooling()
LEVELS = (0.055, 0.25, 0.5, 0.75, 0.945)
ENDS = (0.055, 0.945)
WIDTH = 128
"""Groups that are looked at, padded: so one program serves all tables."""
CASES = {name: (counts, 1.5) for name, counts in (TABLES | HARD_TABLES).items()}
CASES |= {f"players with rate {rate}": (PLAYERS, rate) for rate in (0.5, 5.0)}


# A million trials put a theta nearer to 1 than float32 has numbers.
FEW_TRIALS = [name for name, (counts, _) in CASES.items() if np.sum(counts.trials) < 10**5]


class Summary(NamedTuple):
    """What a grid says of the population and of some groups."""

    grid: Grid
    phi: jax.Array
    """(2,) mean and sd, as those of kappa_log."""
    kappa_log: jax.Array
    theta: mixture.Moments
    theta_ends: jax.Array
    """(group, 2) quantiles at ``ENDS``."""
    theta_error: jax.Array
    phi_quantiles: jax.Array
    """(level,) quantiles, as those of kappa_log."""
    kappa_log_quantiles: jax.Array


@functools.partial(jax.jit, static_argnums=2)
def integrate(model: CollapsedPartialPooling, data: Data, quadrature: Quadrature) -> Grid:
    return explore(model, data, quadrature)


# As ``fit`` compiles it; within other programs there can be no such options.
soon = jax.jit(explore, static_argnums=2, compiler_options=COMPILED_SOON)


@quietly
def summarise(grid: Grid, counts: Counts) -> Summary:
    xp = namespace(grid.weight)
    phi = sigmoid(grid.positions["logit_phi"])
    kappa_log = xp.exp(grid.positions["log_kappa_log"])

    def moments(values: jax.Array) -> jax.Array:
        mean = xp.sum(grid.weight * values)
        return xp.stack([mean, xp.sqrt(xp.sum(grid.weight * (values - mean) ** 2))])

    levels = xp.asarray(LEVELS)
    excess = row_quantiles(grid, levels)
    at, _ = MODEL.from_chart({"excess": excess, "log_odds": column_quantiles(grid, levels)})
    return Summary(
        grid,
        moments(phi),
        moments(kappa_log),
        mixture.moments(mixture.rows_of(MODEL, grid), counts),
        *mixture.quantiles(mixture.mixture_of(MODEL, grid), counts, xp.asarray(ENDS)),
        sigmoid(at["logit_phi"]),
        xp.exp(at["log_kappa_log"]),
    )


@functools.cache
def looked_at(name: str) -> Counts:
    """Returns the groups of a table that are looked at: the first of each (y, n), 100 at most."""
    counts, _ = CASES[name]
    pairs = distinct(*counts)
    _, first = np.unique(pairs.inverse, return_index=True)
    chosen = np.sort(first)[:100]
    return Counts(counts.successes[chosen], counts.trials[chosen])


def padded(counts: Counts) -> Counts:
    return Counts(*(np.pad(column, (0, WIDTH - len(column))) for column in counts))


@functools.cache
def got(name: str, precision: str = "float64", form: str = "compressed") -> Summary:
    counts, rate = CASES[name]
    with jax.enable_x64(precision == "float64"):
        data = compress(distinct(*counts)) if form == "compressed" else padded(counts)
        model = CollapsedPartialPooling(kappa_log_rate=rate)
        run, told = soon, jax.jit(summarise)
        if precision == "float64" and form == "compressed":
            run, told = integrated, summarise
        # As every verb does: where it does not converge, with twice the nodes.
        grid, _ = refined(
            lambda settings, _: run(model, data, settings),
            Quadrature(),
            lambda found: bool(found.converged),
        )
        summary = told(grid, padded(looked_at(name)))
        return jax.tree.map(np.asarray, summary)


@functools.cache
def truth(name: str) -> Exact:
    counts, rate = CASES[name]
    pairs = distinct(*counts)
    size = 60 if len(counts.trials) > 1000 else 600
    oracle = exact(
        pairs.successes, pairs.trials, repeats=pairs.groups, kappa_log_rate=rate, size=size
    )
    return dataclasses.replace(oracle, **looked_at(name)._asdict())


def statistic(draws: np.ndarray, method: str, **options: float) -> tuple[float, float]:
    """Returns a statistic of draws (chain, draw) and its standard error."""
    value = {
        "mean": draws.mean,
        "sd": draws.std,
        "quantile": lambda: np.quantile(draws, options.get("prob")),
    }[method]()
    error = array_stats.mcse(draws, method=method, chain_axis=0, draw_axis=1, **options)
    return float(value), float(error)


@pytest.mark.parametrize("name", CASES)
def test_the_population_agrees_with_the_oracle(name: str) -> None:
    summary, oracle = got(name), truth(name)
    assert summary.grid.converged
    for variable in ("phi", "kappa_log"):
        values = getattr(oracle, variable)
        want = oracle.mean(values), oracle.sd(values)
        close(getattr(summary, variable), want, relative=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_quantiles_of_the_population_agree_with_the_oracle(name: str) -> None:
    summary, oracle = got(name), truth(name)
    for variable in ("phi", "kappa_log"):
        values = getattr(oracle, variable)
        want = [oracle.quantile(values, level) for level in LEVELS]
        # A thousandth of the sd is a thirtieth of the standard error of 1000 draws' mean.
        absolute = 1e-3 * oracle.sd(values)
        quantiles = getattr(summary, f"{variable}_quantiles")
        close(quantiles, want, relative=0, absolute=absolute)


@pytest.mark.parametrize("name", CASES)
def test_the_log_evidence_agrees_with_the_oracle(name: str, double: None) -> None:
    reference = np.sum(likelihood.reference(CASES[name][0]))
    close(got(name).grid.log_evidence + reference, truth(name).log_evidence, relative=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_every_theta_agrees_with_the_oracle(name: str) -> None:
    means, sds = truth(name).theta_moments()
    moments = got(name).theta
    close(moments.mean[: len(means)], means, relative=1e-6)
    close(moments.sd[: len(sds)], sds, relative=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_interval_of_every_theta_agrees_with_the_oracle(name: str) -> None:
    summary, oracle = got(name), truth(name)
    _, sds = oracle.theta_moments()
    for group, sd in enumerate(sds):
        # Where the sd is small, 1e-4 would pass anything.
        slack = min(1e-4, sd / 50)
        for level, end in zip(ENDS, summary.theta_ends[group], strict=True):
            # The true quantile is within the slack: so many are below it, and no more.
            below, above = np.clip([end - slack, end + slack], 0, 1)
            assert oracle.theta_below(group, below) < level or below == 0, (group, level, end)
            assert oracle.theta_below(group, above) > level or above == 1, (group, level, end)


@pytest.mark.parametrize("name", CASES)
def test_the_draws_are_independent_and_follow_the_oracle(name: str, double: None) -> None:
    grid, oracle = got(name).grid, truth(name)
    positions = drawn(jax.random.key(7), grid)
    phi = 1 / (1 + np.exp(-np.asarray(positions["logit_phi"])))
    kappa_log = np.exp(np.asarray(positions["log_kappa_log"]))
    for draws, values in ((phi, oracle.phi), (kappa_log, oracle.kappa_log)):
        effective = float(array_stats.ess(draws, method="bulk", chain_axis=0, draw_axis=1))
        close(effective, draws.size, relative=0.05)
        checks = [("mean", {}, oracle.mean(values)), ("sd", {}, oracle.sd(values))]
        checks += [
            ("quantile", {"prob": level}, oracle.quantile(values, level)) for level in LEVELS
        ]
        for method, options, want in checks:
            value, error = statistic(draws, method, **options)
            assert abs(value - want) < 5 * error, (method, options, value, want, error)


@quietly
def drawn(key: jax.Array, grid: Grid) -> dict[str, np.ndarray]:
    to_position = chart_of(CollapsedPartialPooling(), PLAYERS).to_position
    uniform = np.asarray(jax.random.uniform(key, (2, 40_000)))
    positions = to_position(draw(uniform, grid))
    return jax.tree.map(lambda leaf: leaf.reshape(4, 10_000), positions)


def test_draws_of_the_two_numbers_keep_their_correlation(double: None) -> None:
    # With one success in ten, a small phi goes with anything, a large one with a small kappa.
    name = "one group 3 of 10"
    oracle = truth(name)
    product = np.log(oracle.kappa_log) * (oracle.phi - oracle.mean(oracle.phi)) ** 2
    positions = drawn(jax.random.key(8), got(name).grid)
    phi = 1 / (1 + np.exp(-np.asarray(positions["logit_phi"])))
    draws = np.asarray(positions["log_kappa_log"]) * (phi - oracle.mean(oracle.phi)) ** 2
    value, error = statistic(draws, "mean")
    independent = oracle.mean(np.log(oracle.kappa_log)) * oracle.sd(oracle.phi) ** 2
    assert abs(value - oracle.mean(product)) < 5 * error
    assert abs(value - independent) > 5 * error


# Every table in one form, and one table in the other: each form of each is a program to compile.
@pytest.mark.parametrize(
    ("name", "form"),
    [*((name, "counts") for name in FEW_TRIALS[1:]), (FEW_TRIALS[0], "compressed")],
)
def test_float32_is_near_float64(name: str, form: str) -> None:
    single, double = got(name, "float32", form), got(name)
    assert single.phi.dtype == np.float32
    num_groups = len(looked_at(name).trials)
    thetas = [np.stack(summary.theta[:2])[:, :num_groups] for summary in (single, double)]
    pairs = [(single.phi, double.phi), (single.kappa_log, double.kappa_log), tuple(thetas)]
    for (mean, sd), (want_mean, want_sd) in pairs:
        close((mean - want_mean) / want_sd, np.zeros_like(mean), relative=0, absolute=1e-4)
        close(sd, want_sd, relative=1e-4)


def test_a_grid_that_is_too_coarse_says_so_and_draws_nothing(double: None) -> None:
    data, coarse = compress(distinct(*HOSPITALS)), Quadrature(num_nodes=6)
    grid = integrated(CollapsedPartialPooling(), data, coarse)
    assert not grid.converged
    assert grid.error > coarse.tolerance
    positions = draw(np.asarray(jax.random.uniform(jax.random.key(1), (2, 20))), grid)
    assert all(np.isnan(leaf).all() and leaf.shape == (20,) for leaf in positions.values())


def test_a_position_of_more_or_fewer_than_two_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="two numbers; this model's has 20.*CollapsedPartial"):
        explore(PartialPooling(), PLAYERS, Quadrature())
    of_one = from_starts(lambda position: -(position["x"] ** 2), lambda key: {"x": jnp.zeros(())})
    with pytest.raises(TypeError, match="two numbers; this model's has 1"):
        Quadrature().integrate(of_one)


def test_the_slope_of_the_log_evidence_is_that_of_the_evidence_and_an_identity(
    double: None,
) -> None:
    data = compress(distinct(*PLAYERS))

    @jax.jit
    def log_evidence(rate: float) -> jax.Array:
        model = CollapsedPartialPooling(kappa_log_rate=rate)
        return integrate(model, data, Quadrature()).log_evidence

    slope = jax.jit(jax.grad(log_evidence))
    for rate in (0.5, 1.5, 5.0):
        name = {1.5: "efron-morris-75"}.get(rate, f"players with rate {rate}")
        # Of log Z = log(rate) + log of the integral of exp(-rate kappa_log) and the rest.
        close(slope(rate), 1 / rate - got(name).kappa_log[0], relative=1e-6)
        step = 1e-3
        difference = (log_evidence(rate + step) - log_evidence(rate - step)) / (2 * step)
        close(slope(rate), difference, relative=1e-5)


def test_data_sets_in_a_batch_are_as_one_by_one(double: None) -> None:
    together = stack([PLAYERS, RATS, HOSPITALS])
    one = functools.partial(integrate, CollapsedPartialPooling())
    batch = jax.vmap(lambda counts: one(counts, Quadrature()))(together)
    for i, table in enumerate(("efron-morris-75", "rat-tumors", "surgical-mortality")):
        alone = integrated(
            CollapsedPartialPooling(), jax.tree.map(lambda leaf, i=i: leaf[i], together)
        )
        lane = jax.tree.map(lambda leaf, i=i: leaf[i], batch)
        close(lane.log_evidence, alone.log_evidence, relative=1e-9)
        for leaf, want in zip(jax.tree.leaves(lane), jax.tree.leaves(alone), strict=True):
            # The error is a square: near nothing, only its size can be told.
            close(leaf, want, relative=1e-6, absolute=1e-9)
        # And the groups of 0 of 0 that fill up the batch change nothing.
        close(lane.log_evidence, got(table).grid.log_evidence, relative=1e-8)


def test_a_batch_of_priors_is_as_one_by_one(double: None) -> None:
    data, rates = compress(distinct(*PLAYERS)), jnp.asarray([0.5, 1.5, 5.0])

    def one(rate: jax.Array) -> Grid:
        model = CollapsedPartialPooling(kappa_log_rate=rate)
        return integrate(model, data, Quadrature())

    batch = jax.vmap(one)(rates)
    names = "players with rate 0.5", "efron-morris-75", "players with rate 5.0"
    for i, name in enumerate(names):
        alone = integrated(CollapsedPartialPooling(kappa_log_rate=rates[i]), data)
        close(batch.log_evidence[i], alone.log_evidence, relative=1e-9)
        close(batch.weight[i], alone.weight, relative=1e-6, absolute=1e-9)
        close(batch.log_evidence[i], got(name).grid.log_evidence, relative=1e-6)
    assert np.ptp(batch.log_evidence) > 1


@pytest.mark.parametrize("counts", [PLAYERS, RATS, HOSPITALS], ids=["players", "rats", "hospitals"])
def test_ordinary_tables_converge_at_once(counts: Counts, double: None) -> None:
    # A second integration takes four times the first, and may compile again.
    data = compress(distinct(*counts))
    grid = integrated(CollapsedPartialPooling(), data)
    assert grid.converged
    finer = integrated(CollapsedPartialPooling(), data, Quadrature(num_nodes=160))
    close(grid.log_evidence, finer.log_evidence, relative=0, absolute=1e-6)


# The second sits where the first has fallen by more than nodes reach out to.
@pytest.mark.parametrize("share", [0.5, 0.1, 1e-4])
@pytest.mark.parametrize("sd", [1.5, 0.4])
def test_two_peaks_far_apart_are_both_seen(share: float, sd: float, double: None) -> None:
    def log_density(point: dict[str, Any]) -> Any:
        u, v = point["a"], point["b"]
        first = np.log1p(-share) + norm.logpdf(u, -6.0, 0.6)
        second = np.log(share) + norm.logpdf(u, 7.0, sd)
        return np.logaddexp(first, second) + norm.logpdf(v, 0.1 * u, 0.5)

    points = {"a": np.arange(-20.0, 21.0), "b": np.zeros(41)}
    chart = Chart(log_density, points, np.ones(41), lambda point: point, lambda position: {})
    grid, _ = refined(
        lambda settings, _: settings.integrate(chart),
        Quadrature(),
        lambda found: bool(found.converged),
    )
    assert grid.converged
    close(grid.log_evidence, 0, relative=0, absolute=1e-6)
    mean = (1 - share) * -6 + share * 7
    second_moment = (1 - share) * (36 + 0.36) + share * (49 + sd**2)
    close((grid.weight * grid.points["a"]).sum(), mean, relative=1e-6)
    close((grid.weight * grid.points["a"] ** 2).sum(), second_moment, relative=1e-6)
