"""Arguments of the optimizers: every bad value is refused in one line."""

from __future__ import annotations

import keras
import pytest

from overparam_tf.optimizers import EndToEndSGD, legacy_2019
from tests.arguments import refusals

TABLE = {
    EndToEndSGD: (
        {},
        {
            "learning_rate": refusals.NOT_NEGATIVE,
            "depth": (*refusals.NOT_NEGATIVE, 0, 0.5),
            "weight_decay": refusals.OPTIONAL_NOT_NEGATIVE,
            "momentum": (*refusals.NOT_NEGATIVE, 1),
            "kernels": (refusals.NAN, refusals.INFINITE, "text", [None], ["("], [b"k"], True, -1),
        },
    ),
    legacy_2019: (
        {"name": "sgd"},
        {"name": refusals.NAME, "learning_rate": (*refusals.OPTIONAL_NOT_NEGATIVE, 0)},
    ),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


@pytest.mark.parametrize(
    "rate", [0, 1, keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), lambda: 0.1]
)
def test_rates_that_keras_knows_are_let_through(rate):
    optimizer = EndToEndSGD(rate)
    optimizer.build([keras.Variable([[1.0]])])
    assert float(optimizer.learning_rate) == pytest.approx(rate if isinstance(rate, int) else 0.1)
