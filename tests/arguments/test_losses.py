"""Arguments of the losses: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf.losses import L4Loss, LpLoss, even_power, l4_loss, lp_loss
from tests.arguments import refusals

EXPONENT = (*refusals.NOT_NEGATIVE, 1, 3, 2.5, 10**400)
LABELS = {"y_true": np.ones((3, 1)), "y_pred": np.ones((3, 1))}
BAD_LABELS = {"y_true": refusals.ARRAY, "y_pred": refusals.ARRAY, "scale": refusals.FLAG}
TABLE = {
    even_power: ({"e": np.ones(3)}, {"p": EXPONENT}),
    lp_loss: (LABELS, {**BAD_LABELS, "p": (*EXPONENT, 0)}),
    l4_loss: (LABELS, BAD_LABELS),
    LpLoss: ({}, {"p": (*EXPONENT, 0), "scale": refusals.FLAG}),
    L4Loss: ({}, {"scale": refusals.FLAG}),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


def test_values_that_are_not_finite_are_a_loss_too():
    assert np.isnan(float(lp_loss([0.0], [refusals.NAN])))
    assert np.isinf(float(lp_loss([0.0], [refusals.INFINITE])))
