"""Differences between models: their size, and the error if they are too large."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.errors import EquivalenceError
from overparam_tf.surgery import Difference, verify_equivalent
from tests.backends import needs_float64
from tests.surgery.models import MODELS, built


def scaled(factor, units=2, dtype="float32"):
    """Return a model that multiplies its inputs by `factor`."""
    kernel = keras.initializers.Identity(gain=factor)
    dense = layers.Dense(units, use_bias=False, kernel_initializer=kernel, dtype=dtype)
    return keras.Sequential([keras.Input((2,), dtype=dense.compute_dtype), dense])


def text():
    return keras.Sequential([keras.Input((1,), dtype="string"), layers.Identity()])


def test_differences_are_those_of_the_largest_entries():
    x = np.array([[1.0, -4.0], [3.0, 2.0]], "float32")
    assert verify_equivalent(scaled(1), scaled(1.25), x, rtol=0.3) == Difference(
        absolute=1.0, relative=0.25
    )


def test_every_output_counts_with_its_own_size():
    inputs = keras.Input((1,))

    def two(small):
        constant = [layers.Rescaling(1000.0), layers.Rescaling(small)]
        return keras.Model(inputs, [layer(inputs) for layer in constant])

    with pytest.raises(EquivalenceError, match="outputs 1"):
        verify_equivalent(two(1e-3), two(1.01e-3))


@pytest.mark.parametrize(
    "a, b, dtypes, options, same",
    [
        (1, 1 + 5e-5, ["float32"] * 2, {}, True),
        (1, 1 + 5e-4, ["float32"] * 2, {}, False),
        (1, 1 + 5e-4, ["float32"] * 2, {"rtol": 1e-3}, True),
        (1, 1 + 5e-4, ["float32"] * 2, {"atol": 0.1}, True),
        pytest.param(1, 1 + 1e-8, ["float64"] * 2, {}, False, marks=needs_float64),
        pytest.param(1, 1 + 1e-5, ["float64", "float32"], {}, True, marks=needs_float64),
        (1, 1.01, ["mixed_bfloat16"] * 2, {}, True),
        (1, 1.1, ["mixed_bfloat16"] * 2, {}, False),
        (0, 0, ["float32"] * 2, {}, True),
        (0, 1e-9, ["float32"] * 2, {}, False),
        (0, 1e-9, ["float32"] * 2, {"atol": 1e-6}, True),
        (np.nan, np.nan, ["float32"] * 2, {}, False),
        (1, np.inf, ["float32"] * 2, {}, False),
    ],
)
@pytest.mark.filterwarnings("ignore:every generated input gives the same outputs")
def test_tolerance(a, b, dtypes, options, same):
    expectation = (
        contextlib.nullcontext()
        if same
        else pytest.raises(EquivalenceError, match="the same function")
    )
    with expectation:
        verify_equivalent(scaled(a, dtype=dtypes[0]), scaled(b, dtype=dtypes[1]), **options)


def test_entries_that_are_not_finite_are_counted():
    masked = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x / 0.0)])
    with pytest.raises(EquivalenceError, match="8 and 0 of 8 entries infinite or NaN"):
        verify_equivalent(masked, scaled(1))


def test_outputs_that_no_input_moves_are_said_to_show_nothing():
    with pytest.warns(UserWarning, match="every generated input gives the same outputs"):
        verify_equivalent(scaled(0), scaled(0))


@pytest.mark.parametrize("name", MODELS)
def test_generated_inputs_fit_every_model(name):
    model = built(name)
    assert verify_equivalent(model, model) == Difference(0.0, 0.0)


def test_generated_inputs_repeat_with_their_seed_and_reach_every_index():
    model = keras.Sequential([keras.Input((200,), dtype="int32"), layers.Embedding(7, 1)])
    changed = keras.models.clone_model(model)
    changed.set_weights([model.get_weights()[0] + np.eye(7, 1, -6)])  # only the last index
    differences = [verify_equivalent(model, changed, rtol=np.inf, seed=seed) for seed in (0, 0, 1)]
    assert differences[0] == differences[1] and differences[0].absolute == pytest.approx(1)


@pytest.mark.parametrize(
    "a, b, message",
    [
        (lambda: scaled(1), lambda: scaled(1, units=3), r"\(4, 2\) and output \(4, 3\)"),
        (lambda: layers.Dense(2), lambda: scaled(1), "Expected inputs=..., since inputs"),
        (
            lambda: keras.Sequential([layers.Dense(2)]),
            lambda: scaled(1),
            "Expected inputs=..., since inputs",
        ),
        (text, lambda: scaled(1), "Expected inputs=..., since text"),
    ],
)
def test_bad_input(a, b, message):
    with pytest.raises(InputError, match=message):
        verify_equivalent(a(), b())
