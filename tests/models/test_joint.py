"""The joint density of a population's model: what rows that stand for nothing add to it."""

import jax
import numpy as np
import pytest

import hierpool as hp
from hierpool.likelihood.compress import padded_rows

Y, N = np.array([3, 0, 7]), np.array([9, 4, 8])
LOGIT_THETA = np.array([-0.4, -1.3, 1.1])


@pytest.mark.parametrize("model", [hp.PartialPooling(), hp.Joint(hp.SpreadPartialPooling())])
def test_rows_of_no_group_add_nothing(model: hp.Model, double: None) -> None:
    name = "log_kappa_log" if isinstance(model, hp.PartialPooling) else "log_kappa"
    position = {"logit_phi": np.array(-0.5), name: np.array(0.9), "logit_theta": LOGIT_THETA}
    alone = model.log_density(position, hp.Counts(Y, N))
    assert np.isfinite(alone)
    more = position | {"logit_theta": np.append(LOGIT_THETA, [0.2, -2.0, 3.0, 0.0, 0.0])}
    padded = model.log_density(more, jax.tree.map(np.asarray, padded_rows(Y, N, 8)))
    assert padded == pytest.approx(float(alone), rel=1e-13)
