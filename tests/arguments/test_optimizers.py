"""Arguments of the optimizers: every bad value is refused in one line."""

from __future__ import annotations

import keras
import pytest

from overparam_tf.optimizers import EndToEnd, EndToEndSGD, kernel_axes, legacy_2019
from tests.arguments import bad_values
from tests.arguments.bad_values import FLAG, MODEL, NAME, NOT_NEGATIVE, Kind, arguments_of

BAD_AXES = (3, "01", ((0,),), ((), (1,)), ((0,), (0,)), ((-1,), (1,)))
ARGUMENTS = {
    **arguments_of(
        EndToEndSGD,
        {},
        learning_rate=NOT_NEGATIVE,
        depth=Kind(more=(*NOT_NEGATIVE.more, 0, 0.5)),
        weight_decay=Kind(("None",), NOT_NEGATIVE.more),
        momentum=Kind(more=(*NOT_NEGATIVE.more, 1)),
        kernels=Kind(
            ("None",),
            (
                [None],
                ["("],
                [b"kernel"],
                {"(": None},
                {3: None},
                *({"a": axes} for axes in BAD_AXES),
            ),
        ),
        nesterov=FLAG,
        spread=NOT_NEGATIVE,
    ),
    **arguments_of(
        EndToEnd,
        {},
        optimizer=Kind(more=(*NOT_NEGATIVE.more, ["sgd"], {})),
        depth=Kind(more=(*NOT_NEGATIVE.more, 0, 0.5)),
        kernels=Kind(("None",), ([None], ["("])),
        spread=NOT_NEGATIVE,
    ),
    **arguments_of(
        kernel_axes,
        {"model": keras.Sequential()},
        model=MODEL,
        embeddings=FLAG,
        convolutions=FLAG,
    ),
    **arguments_of(
        legacy_2019,
        {"name": "sgd"},
        name=NAME,
        learning_rate=Kind(("None",), (*NOT_NEGATIVE.more, 0)),
    ),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


@pytest.mark.parametrize(
    "rate", [0, 1, keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), lambda: 0.1]
)
def test_rates_that_keras_knows_are_let_through(rate):
    optimizer = EndToEndSGD(rate)
    optimizer.build([keras.Variable([[1.0]])])
    assert float(optimizer.learning_rate) == pytest.approx(rate if isinstance(rate, int) else 0.1)
