"""What a model may say of itself, and what is taken where it is silent."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hierpool as hp
from hierpool.models.protocol import check_dims, dims, groups_differ, heavy_tailed

COUNTS = hp.Counts(np.array([1, 2]), np.array([3, 4]))


class Silent:
    """A model of a user's own, without one attribute."""

    def constrain(self, key: jax.Array, position: Any, counts: hp.Counts) -> Any:
        return {"theta": jnp.zeros(2), "slope": jnp.zeros(()), "both": jnp.zeros((3, 2))}


def test_a_silent_model_has_groups_that_differ_and_moments_of_everything() -> None:
    assert groups_differ(Silent()) and heavy_tailed(Silent()) == ()
    assert dims(Silent()) == {"theta": ("groups",)}
    assert not groups_differ(hp.CompletePooling())
    assert "kappa" in heavy_tailed(hp.PartialPooling())


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["theta"], "dims must be a dict"),
        ({"both": "groups"}, "must be a tuple of names"),
        ({"both": ("chain", "groups")}, "without chain and draw"),
        ({"slope": ("groups",)}, r"with shape \(\), for 2 groups"),
        ({"both": ("groups", "year")}, r"with shape \(3, 2\), for 2 groups"),
        (
            {"none": ()},
            "names none, which constrain does not return; it returns both, slope",
        ),
    ],
)
def test_wrong_dimensions_are_refused(named: Any, message: str) -> None:
    class Loud(Silent):
        dims = named

    with pytest.raises(hp.InputError, match=message):
        check_dims(Loud(), {}, COUNTS)


@pytest.mark.parametrize("named", [{}, {"both": ("year", "groups"), "slope": ()}])
def test_right_dimensions_are_taken(named: Any) -> None:
    class Loud(Silent):
        dims = named

    check_dims(Loud(), {}, COUNTS)
    assert dims(Loud()) == {"theta": ("groups",), **named}
