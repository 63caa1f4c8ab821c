"""A model and its converted copies live apart: buffers, and layers whose config names nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import collapse, load_collapsed, overparameterize, verify_equivalent

X = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Scaled(layers.Layer):
    """A custom layer whose config has its own argument only, not the name."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return self.factor * self.gain * x

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="tests")
class Shifted(layers.Layer):
    """A custom layer with the config that Keras makes of its arguments."""

    def __init__(self, shift=0.5, **kwargs):
        super().__init__(**kwargs)
        self.shift = shift

    def call(self, x):
        return x + self.shift


def mixed(dense):
    """Return a model of both custom layers between dense ones."""
    stack = [dense(5, activation="relu"), Scaled(3.0), Shifted(0.25), dense(2)]
    return keras.Sequential([keras.Input((6,)), *stack])


def fit(model):
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(X, X[:, :2], epochs=1, verbose=0)
    assert np.isfinite(model.predict(X, verbose=0)).all()


@pytest.mark.parametrize("convert", [overparameterize, collapse])
def test_the_original_and_its_copy_both_train(convert):
    """A step of JAX gives its buffers away: shared ones would be deleted for the other model."""
    original = mixed(FactorizedDense if convert is collapse else layers.Dense)
    converted = convert(original, copy=True)
    verify_equivalent(original, converted)
    for model in (converted, original, converted):
        fit(model)


@pytest.mark.parametrize("copy", [False, True])
def test_layers_are_paired_by_path_and_not_by_the_name_in_their_config(copy, tmp_path):
    model = mixed(layers.Dense)
    model.layers[1].gain.assign(np.arange(1.0, 6.0))
    expected = model.predict(X, verbose=0)
    deep = overparameterize(model, copy=copy)
    np.testing.assert_allclose(deep.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)
    deep.save(tmp_path / "deep.keras")
    for plain in (load_collapsed(tmp_path / "deep.keras"), collapse(deep, copy=copy)):
        np.testing.assert_allclose(plain.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)
        assert [type(layer).__name__ for layer in plain.layers] == [
            "Dense",
            "Scaled",
            "Shifted",
            "Dense",
        ]
