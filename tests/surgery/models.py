"""Models of every shape that Keras can build from layers, with weights that are nowhere zero."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers


def sequential():
    return keras.Sequential(
        [keras.Input((5,)), layers.Dense(7, "relu", name="hidden"), layers.Dense(3, use_bias=False, name="head")]
    )


def shared():
    """One layer called twice, and a bare operation."""
    first, second = keras.Input((5,), name="first"), keras.Input((5,), name="second")
    twin = layers.Dense(6, "tanh", name="twin")
    return keras.Model([first, second], layers.Dense(2, name="head")(twin(first) + 2 * twin(second)))


def multiple():
    """Dictionaries in and out, of tensors with different ranks."""
    inputs = {"short": keras.Input((4,), name="short"), "long": keras.Input((None, 3), name="long")}
    hidden = layers.Dense(5, name="project")(inputs["long"])
    pooled = layers.GlobalAveragePooling1D()(hidden)
    joined = layers.Concatenate()([pooled, inputs["short"]])
    return keras.Model(inputs, {"tokens": hidden, "label": layers.Dense(2, name="label")(joined)})


def nested():
    """A Sequential that is called twice and a functional model inside a functional one."""
    block = keras.Sequential([layers.Dense(6, name="wide"), layers.BatchNormalization(), layers.Dense(5)], name="block")
    inner_input = keras.Input((5,))
    inner = keras.Model(inner_input, layers.Dense(4, name="inner_dense")(block(inner_input)), name="inner")
    inputs = keras.Input((5,))
    return keras.Model(inputs, inner(block(inputs) + layers.Dense(5, name="outer_dense")(inputs)))


def untouched():
    """Layers that have no factorised form, with weights, statistics, vocabularies and functions of their own."""
    inputs = keras.Input((6, 4))
    scale = layers.Normalization(name="scale")
    scale.adapt(np.random.default_rng(0).normal(1, 2, (50, 4)))
    x = layers.Lambda(lambda x: 2 * x)(scale(inputs))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="recurrent")(x)
    x = layers.TimeDistributed(layers.Dense(4), name="wrapped")(x)
    x = layers.BatchNormalization(name="norm")(layers.Dropout(0.5)(x))
    return keras.Model(inputs, layers.Dense(2, name="head")(x))


def tokens():
    return keras.Sequential(
        [keras.Input((6,)), layers.Embedding(11, 5), layers.Flatten(), layers.Dense(4, name="head")]
    )


MODELS = {build.__name__: build for build in (sequential, shared, multiple, nested, untouched, tokens)}


def built(name: str) -> keras.Model:
    """Build a model of the table and move its weights and moving averages off their initial values."""
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.trainable or "moving" in weight.name:
            weight.assign(weight + 0.1 * rng.uniform(size=weight.shape))
    return model
