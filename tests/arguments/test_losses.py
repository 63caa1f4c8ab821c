"""Arguments of the losses: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf.losses import L4Loss, LpLoss, even_power, l4_loss, lp_loss
from tests.arguments import bad_values
from tests.arguments.bad_values import ARRAY, FLAG, INFINITE, NAN, Kind, arguments_of

POWER = Kind(more=("3", [3.0], -INFINITE, 1, 3, 2.5, 10**400))
EXPONENT = Kind(more=(*POWER.more, 0))
RIGHT = {"y_true": np.ones((3, 1)), "y_pred": np.ones((3, 1))}
ARGUMENTS = {
    **arguments_of(even_power, {"e": np.ones(3)}, p=POWER),
    **arguments_of(lp_loss, RIGHT, y_true=ARRAY, y_pred=ARRAY, p=EXPONENT, scale=FLAG),
    **arguments_of(l4_loss, RIGHT, y_true=ARRAY, y_pred=ARRAY, scale=FLAG),
    **arguments_of(LpLoss, {}, p=EXPONENT, scale=FLAG),
    **arguments_of(L4Loss, {}, scale=FLAG),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


def test_values_that_are_not_finite_are_a_loss_too():
    assert np.isnan(float(lp_loss([0.0], [NAN])))
    assert np.isinf(float(lp_loss([0.0], [INFINITE])))
