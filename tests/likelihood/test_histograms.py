"""One data set in three forms: the same log probability, the same slopes."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import betaln
from tables import HARD_TABLES, TABLES, close, tolerance

from hierpool.counts import Counts
from hierpool.likelihood.compress import compress, distinct, padded_pairs, tally
from hierpool.likelihood.histograms import Data, log_marginal, totals

RNG = np.random.default_rng(1975)
TRIALS = np.append(RNG.integers(0, 40, 400), RNG.integers(40, 3000, 20))
SIMULATED = Counts(RNG.binomial(TRIALS, RNG.beta(3.0, 8.0, len(TRIALS))), TRIALS)
DATA_SETS = TABLES | {
    name: HARD_TABLES[name]
    for name in ("ten groups 0 of 20", "ten groups 20 of 20", "players, two of them unseen")
}
DATA_SETS |= {"simulated": SIMULATED}
LOGITS, KAPPAS = (
    grid.ravel() for grid in np.meshgrid([-9.0, -1.0, 0.3, 6.0], [1.01, 8.0, 300.0, 1e6])
)


WIDTH = 512
"""Every form is as long as that, so that one program serves all data sets."""


def _padded(counts: Counts) -> Counts:
    return Counts(*(np.pad(column, (0, WIDTH - len(column))) for column in counts))


FORMS: dict[str, Callable[[Counts], Data]] = {
    "pairs": lambda counts: padded_pairs(distinct(*counts), WIDTH),
    "histograms": lambda counts: tally(distinct(*counts)).histograms(),
}


@jax.jit
def _value_and_slopes(
    logit_phi: jax.Array, log_kappa: jax.Array, data: Data
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    def density(logit_phi: jax.Array, log_kappa: jax.Array) -> jax.Array:
        return log_marginal(logit_phi, log_kappa, data)

    return jax.vmap(jax.value_and_grad(density, (0, 1)))(logit_phi, log_kappa)


def value_and_slopes(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Returns (position,) values and (position, 2) slopes in logit phi and log kappa."""
    value, slopes = _value_and_slopes(jnp.asarray(LOGITS), jnp.log(KAPPAS), data)
    return np.asarray(value, float), np.stack(slopes, axis=-1).astype(float)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_has_one_log_marginal_in_every_form(
    name: str, form: str, precision: str
) -> None:
    counts = DATA_SETS[name]
    want, want_slopes = value_and_slopes(_padded(counts))
    value, slopes = value_and_slopes(FORMS[form](counts))
    relative = tolerance(precision, float64=1e-10, float32=1e-4)
    # Rounding is in proportion to what cancels: the log-likelihood of all the trials.
    absolute = tolerance(precision, float64=1e-14, float32=3e-7) * np.sum(counts.trials)
    close(value, want, relative=relative, absolute=absolute)
    close(slopes, want_slopes, relative=relative, absolute=absolute)


def test_compressed_counts_have_the_ratio_of_beta_functions(double: None) -> None:
    y, n = SIMULATED
    value, _ = value_and_slopes(compress(distinct(*SIMULATED)))
    a = (KAPPAS / (1 + np.exp(-LOGITS)))[:, None]
    b = (KAPPAS / (1 + np.exp(LOGITS)))[:, None]
    rate = (y + 0.5) / (n + 1)
    taken = y * np.log(rate) + (n - y) * np.log1p(-rate)
    want = np.sum(betaln(a + y, b + n - y) - betaln(a, b) - taken, axis=1)
    # The Beta functions at kappa = 10^6 lose digits, not the package.
    close(value, want, relative=1e-8, absolute=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_totals(form: str, precision: str) -> None:
    y, n = SIMULATED
    want = np.sum(y), np.sum(n - y), np.sum(n > 0)
    assert np.sum(n == 0) > 0
    for data in (SIMULATED, FORMS[form](SIMULATED)):
        close(jnp.stack(totals(data)), want, relative=0)


def test_groups_without_trials_change_nothing(double: None) -> None:
    unseen = Counts(*(np.append(column, [0, 0, 0]) for column in SIMULATED))
    for make in FORMS.values():
        value, slopes = value_and_slopes(make(SIMULATED))
        more_value, more_slopes = value_and_slopes(make(unseen))
        close(more_value, value, relative=1e-13)
        close(more_slopes, slopes, relative=1e-11, absolute=1e-11)
