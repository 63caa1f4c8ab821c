"""Models whose layers hold kernels in every way that people write them."""

from __future__ import annotations

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Block(layers.Layer):
    """A transformer block with sublayers of its own, made in `__init__` and in `build`."""

    def __init__(self, features=8, **kwargs):
        super().__init__(**kwargs)
        self.features = features
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.norm = layers.LayerNormalization(name="norm")

    def build(self, shape):
        self.attention.build(shape, shape)
        self.norm.build(shape)
        self.feedforward = [layers.Dense(12, "gelu"), layers.Dense(self.features)]
        self.feedforward[0].build(shape)
        self.feedforward[1].build((*shape[:-1], 12))

    def call(self, x):
        x = self.norm(x + self.attention(x, x))
        for layer in self.feedforward:
            x = layer(x)
        return x

    def get_config(self):
        return {**super().get_config(), "features": self.features}


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Subclassed(keras.Model):
    """A subclassed model with Keras's automatic config, a plain model inside and an own weight."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.body = keras.Sequential([layers.Dense(6, "tanh"), layers.Dense(5)])
        self.cells = [layers.Dense(4), layers.Dense(4)]

    def build(self, shape):
        self.body.build(shape)
        self.cells[0].build((None, 5))
        self.cells[1].build((None, 4))
        self.mixing = self.add_weight(name="mixing", shape=(4, self.units))
        self.built = True

    def call(self, x):
        x = self.body(x)
        for cell in self.cells:
            x = cell(x)
        return ops.matmul(x, self.mixing)


def blocks():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(11, 8, name="embedding")(inputs)
    x = Block(name="block")(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x))


def subclassed():
    model = Subclassed()
    model.build((None, 5))
    return model


def wrapped():
    inputs = keras.Input((4, 6))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(inputs)
    x = layers.TimeDistributed(layers.Dense(4, kernel_regularizer="l2"), name="each")(x)
    return keras.Model(inputs, layers.GRU(2, name="last")(x))


def convolutions():
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2DTranspose(4, 2, name="transposed")(inputs)
    x = layers.SeparableConv2D(4, 3, name="separable")(x)
    x = layers.SpectralNormalization(layers.Conv2D(3, 2, name="normed"), name="spectral")(x)
    x = layers.Reshape((36, 3))(x)
    return keras.Model(inputs, layers.Conv1D(2, 3, groups=1, name="line")(x))


MODELS = {build.__name__: build for build in (blocks, subclassed, wrapped, convolutions)}
