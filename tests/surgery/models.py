"""Models of every structure that Keras can build from layers, with weights that are never zero."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers


def sequential():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(7, "relu", name="hidden"),
            layers.Dense(3, use_bias=False, name="head"),
        ]
    )


def shared():
    """Return a model with one layer called twice, and a bare operation."""
    first, second = keras.Input((5,), name="first"), keras.Input((5,), name="second")
    twin = layers.Dense(6, "tanh", name="twin")
    return keras.Model(
        [first, second], layers.Dense(2, name="head")(twin(first) + 2 * twin(second))
    )


def multiple():
    """Return a model from and to dictionaries of tensors with different ranks."""
    inputs = {"short": keras.Input((4,), name="short"), "long": keras.Input((None, 3), name="long")}
    hidden = layers.Dense(5, name="project")(inputs["long"])
    pooled = layers.GlobalAveragePooling1D()(hidden)
    joined = layers.Concatenate()([pooled, inputs["short"]])
    return keras.Model(inputs, {"tokens": hidden, "label": layers.Dense(2, name="label")(joined)})


def nested():
    """Return a functional model inside another, with a Sequential called twice inside it."""
    hidden = [
        layers.Dense(6, name="wide"),
        layers.BatchNormalization(name="norm"),
        layers.Dense(5, name="narrow"),
    ]
    block = keras.Sequential([keras.Input((5,)), *hidden], name="block")
    inner_input = keras.Input((5,))
    inner_output = layers.Dense(5, name="inner_dense")(block(block(inner_input)))
    inner = keras.Model(inner_input, inner_output, name="inner")
    inputs = keras.Input((5,))
    return keras.Model(inputs, inner(inputs) + layers.Dense(5, name="outer_dense")(inputs))


def shared_across():
    """Return a model with a block that belongs to it and to a model inside it.

    Keras saves such a model, but cannot load it again.
    """
    block = keras.Sequential([layers.Dense(6), layers.Dense(5)], name="block")
    inner_input = keras.Input((5,))
    inner = keras.Model(inner_input, layers.Dense(4)(block(inner_input)), name="inner")
    inputs = keras.Input((5,))
    return keras.Model(inputs, inner(block(inputs)))


def untouched():
    """Return a model of layers without a factorised form: with weights, statistics or functions."""
    inputs = keras.Input((6, 4))
    scale = layers.Normalization(name="scale")
    scale.adapt(np.random.default_rng(0).normal(1, 2, (50, 4)))
    x = layers.Lambda(lambda x: 2 * x)(scale(inputs))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="recurrent")(x)
    x = layers.TimeDistributed(layers.Dense(4), name="wrapped")(x)
    x = layers.BatchNormalization(name="norm")(layers.Dropout(0.5)(x))
    return keras.Model(inputs, layers.Dense(2, name="head")(x))


def convolutional():
    """Return convolutions with strides, padding, groups and no bias, beside other kinds."""
    inputs = keras.Input((9, 9, 3))
    x = layers.Conv2D(6, 3, 2, "same", activation="relu", name="strided")(inputs)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = x + layers.Conv2D(6, (3, 2), padding="same", groups=2, use_bias=False, name="grouped")(x)
    x = layers.Conv2DTranspose(4, 2, 2, name="transposed")(
        layers.BatchNormalization(name="norm")(x)
    )
    return keras.Model(inputs, layers.Conv2D(2, 1, dilation_rate=2, name="pointwise")(x))


def attending():
    """Return attention and an einsum over tokens, whole numbers with a mask."""
    words, mask = keras.Input((7,), dtype="int32"), keras.Input((7, 7), dtype="bool")
    x = layers.Embedding(11, 6, name="embedding")(words)
    x = x + layers.MultiHeadAttention(2, 3, name="attention")(x, x, attention_mask=mask)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de", name="einsum")(x)
    return keras.Model([words, mask], x)


def tokens():
    return keras.Sequential(
        [keras.Input((6,)), layers.Embedding(11, 5), layers.Flatten(), layers.Dense(4, name="head")]
    )


MODELS = {
    build.__name__: build
    for build in (
        sequential,
        shared,
        multiple,
        nested,
        shared_across,
        untouched,
        convolutional,
        attending,
        tokens,
    )
}


def built(name: str) -> keras.Model:
    """Build a model of the table with weights and moving averages off their initial values."""
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.trainable or "moving" in weight.name:
            weight.assign(weight + 0.1 * rng.uniform(size=weight.shape))
    return model
