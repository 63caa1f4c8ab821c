"""The order of multiplication of `Dense` in place, and products composed once in a loop."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from overparam_tf.products import contraction
from overparam_tf.surgery import _factors, overparameterize


def counted(monkeypatch, module):
    """Return a list that grows with each product of factors that a module composes."""
    calls, product = [], module.product

    def count(factors):
        calls.append(factors)
        return product(factors)

    monkeypatch.setattr(module, "product", count)
    return calls


def outputs(model, x):
    return ops.convert_to_numpy(model(ops.convert_to_tensor(x), training=False))


@pytest.mark.parametrize("base", [None, "frozen"])
@pytest.mark.parametrize("shape, composes", [((2, 6), False), ((2, 500, 6), True)])
def test_dense_multiplies_in_the_cheaper_order(shape, composes, base, monkeypatch):
    model = keras.Sequential([keras.Input(shape[1:]), layers.Dense(8, "tanh")])
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = outputs(model, x)
    overparameterize(model, depth=3, base=base)
    calls = counted(monkeypatch, contraction)
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-5)
    assert bool(calls) == composes


def test_a_dense_layer_trains_as_its_factorised_form():
    inputs = keras.Input((None, 3))
    hidden = layers.Dense(8, "tanh")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(hidden))
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(11, 2, size)).astype("float32") for size in (3, 2))
    forms = [overparameterize(model, copy=True), overparameterize(model)]
    for form in forms:  # 8 or 3 examples of 2 rows each: below the limit and above it
        form.compile("sgd", "mse", jit_compile=form is model)
        form.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(*(outputs(form, x) for form in forms), atol=1e-5)


LOOPS = {
    "lstm": lambda: layers.LSTM(4),
    "two cells": lambda: layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(2)]),
    "both directions": lambda: layers.Bidirectional(layers.GRU(3)),
    "dense at each step": lambda: layers.TimeDistributed(layers.Dense(4)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_products_are_composed_once_for_all_steps(name, monkeypatch):
    model = keras.Sequential([keras.Input((5, 3)), LOOPS[name]()])
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    expected = outputs(model, x)
    kernels = sum("kernel" in weight.name for weight in model.weights)
    overparameterize(model)
    calls = counted(monkeypatch, _factors)
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-5)
    assert len(calls) == kernels
