"""Rows of no group fill tables up to a few sizes, and change nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from compiling import compiled
from nuts_fits import COLUMNS, every_model
from tables import PLAYERS, close

import hierpool as hp
from hierpool.likelihood.compress import padded_rows, power_of_two, quarter_octave
from hierpool.mcmc.chains import Chains
from hierpool.mcmc.kernel import advance, start
from hierpool.mcmc.schedule import START, schedule
from hierpool.mcmc.target import ESTIMATED

JOINT = [hp.PartialPooling(0.8, 2.0, 5.0), hp.LogitPartialPooling()]
joint_models = pytest.mark.parametrize("model", JOINT, ids=lambda model: type(model).__name__)
FILLED = padded_rows(PLAYERS.successes, PLAYERS.trials, 28)


def wide(position: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns a position with ten rows more, of numbers that would be seen."""
    return {
        name: jnp.concatenate([leaf, jnp.linspace(-3, 3, 10)]) if leaf.ndim else leaf
        for name, leaf in position.items()
    }


def test_sizes_are_four_an_octave_and_at_most_a_quarter_too_large() -> None:
    least = np.arange(1, 5000)
    sizes = np.array([quarter_octave(int(x)) for x in least])
    assert np.all(sizes >= least) and np.all(sizes[7:] < 1.25 * least[7:])
    assert np.all(np.diff(sizes) >= 0)
    for power in range(3, 12):
        octave = sizes[(sizes > 2**power) & (sizes <= 2 ** (power + 1))]
        assert len(set(octave)) == 4 and max(octave) == 2 ** (power + 1)
    assert {power_of_two(int(x)) for x in least} < set(sizes) | {8192}


@joint_models
def test_rows_of_no_group_change_no_density_and_no_slope(model: hp.Model, double: None) -> None:
    position = model.init(jax.random.key(3), PLAYERS)
    want, slope = jax.value_and_grad(model.log_density)(position, PLAYERS)
    got, filled_slope = jax.value_and_grad(model.log_density)(wide(position), FILLED)
    close(got, want, relative=1e-13)
    for name, leaf in slope.items():
        close(filled_slope[name].ravel()[: leaf.size], leaf.ravel(), relative=1e-11, absolute=1e-11)
        assert not np.any(filled_slope[name].ravel()[leaf.size :])


def test_rows_of_no_group_change_no_coordinate_that_is_explored(double: None) -> None:
    model = hp.PartialPooling()
    position = model.init(jax.random.key(4), PLAYERS)
    standard = model.standardize(position, PLAYERS)
    want, log_jacobian = model.unstandardize(standard, PLAYERS)
    got, filled_log_jacobian = model.unstandardize(wide(standard), FILLED)
    close(filled_log_jacobian, log_jacobian, relative=1e-12)
    for name, leaf in want.items():
        close(got[name].ravel()[: leaf.size], leaf.ravel(), relative=1e-12)
    filled = model.standardize(wide(position), FILLED)
    for name, leaf in standard.items():
        close(filled[name].ravel()[: leaf.size], leaf.ravel(), relative=1e-12)


@joint_models
@pytest.mark.parametrize("method", ["parallel", "vectorized"])
def test_rows_of_no_group_change_no_draw(model: hp.Model, method: str, double: None) -> None:
    # A warm-up of 20 steps renews the mass matrix once. From rounding alone chains part in the end,
    # and those of log-odds, whose first trajectories are long, within a warm-up.
    num_warmup = 20 if isinstance(model, hp.PartialPooling) else 0
    nuts = hp.NUTS(num_chains=2, num_warmup=num_warmup, num_draws=2, chain_method=method)
    key = jax.random.key(1)
    want, want_stats = Chains(key, model, PLAYERS, nuts).run()
    got, got_stats = Chains(key, model, FILLED, nuts).run()
    assert got.shape == (2, 2, 30)
    close(got[..., :20], want, relative=1e-7, absolute=1e-7)
    assert np.array_equal(got_stats.n_steps, want_stats.n_steps)
    close(got_stats.energy, want_stats.energy, relative=1e-7)


def test_a_coordinate_that_is_not_free_never_moves_and_changes_no_other(double: None) -> None:
    def density(x: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum((x[:2] / jnp.array([1.0, 3.0])) ** 2)

    def run(state: object, num_warmup: int = 200) -> np.ndarray:
        steps = schedule(num_warmup, 50)
        length = len(steps.stage)
        key = jax.random.key(2)
        return np.asarray(
            advance(density, 0.8, 6, state, key, START, steps, length, length).positions
        )

    at = jnp.array([0.3, -2.0, 7.0])
    frozen = run(start(at, jnp.array([ESTIMATED, ESTIMATED, 0])))
    assert np.all(frozen[:, 2] == 7.0)
    close(frozen[:, :2], run(start(at[:2])), relative=1e-9)
    # The density leaves the third open: where it is free it drifts off.
    assert np.ptp(run(start(at))[:, 2]) > 10


# What is tested here is what is compiled: so few draws do not converge.
@pytest.mark.filterwarnings("ignore::hierpool.ConvergenceWarning")
@every_model
def test_another_number_of_groups_of_the_same_size_compiles_nothing(model: hp.Model) -> None:
    table = pd.DataFrame({"hits": PLAYERS.successes, "at_bats": PLAYERS.trials})
    table["player"] = table.index.astype(str)
    nuts = hp.NUTS(num_chains=2, num_warmup=20, num_draws=10)

    def fit(**rookies: tuple[int, int]) -> None:
        hp.fit(table, **COLUMNS, model=model, inference=nuts, new_groups=rookies)

    fit(a=(0, 4))
    with compiled() as programs:
        fit()
        fit(a=(3, 9), b=(5, 6))
    assert programs == []
