"""Small models of the kinds that the instrument must take, and their data."""

from __future__ import annotations

import keras
import numpy as np


def linear():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


def regression(rows=64):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0], [0.5]], "float32")


@keras.saving.register_keras_serializable("tests")
class Backbone(keras.Model):
    """A subclassed model in KerasHub's manner: layers as attributes, inputs by name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.embedding = keras.layers.Embedding(7, 4)
        self.hidden = keras.layers.Dense(4, "tanh")
        self.dropout = keras.layers.Dropout(0.1)
        self.head = keras.layers.Dense(2)

    def call(self, inputs, training=None):
        x = self.embedding(inputs["token_ids"])
        mask = keras.ops.cast(inputs["padding_mask"], x.dtype)[..., None]
        pooled = keras.ops.sum(x * mask, axis=1)
        return self.head(self.dropout(self.hidden(pooled), training=training))


def tokens(rows=48):
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 7, (rows, 5))
    x = {"token_ids": ids, "padding_mask": np.ones((rows, 5), bool)}
    return x, (ids.sum(axis=1) > 15).astype("int32")


def two_inputs():
    """Return a model of two inputs and two outputs, with a penalty on one kernel."""
    first, second = keras.Input((3,), name="first"), keras.Input((2,), name="second")
    joined = keras.layers.Concatenate()([first, second])
    hidden = keras.layers.Dense(4, "tanh", kernel_regularizer="l2")(joined)
    outputs = [keras.layers.Dense(1, name="a")(hidden), keras.layers.Dense(1, name="b")(hidden)]
    return keras.Model([first, second], outputs)
