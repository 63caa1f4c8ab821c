"""Compiled training steps and calls of a model on data in memory: the contestants to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from experiments.benchmarks.timing import Contestant, make_contestant

# So small that the weights hardly move.
LEARNING_RATE, MOMENTUM = 1e-4, 0.9


def model_of(layer: keras.layers.Layer, shape: Sequence[int]) -> keras.Model:
    """Return a model of this layer alone; attention is self-attention.

    Args:
        layer: The layer, not built.
        shape: Shape of an example.
    """
    inputs = keras.Input(shape)
    attends = isinstance(layer, keras.layers.MultiHeadAttention)
    return keras.Model(inputs, layer(inputs, inputs) if attends else layer(inputs))


def call(model: keras.Model, x: tf.Tensor, compiler: str) -> Contestant:
    """Return calls of the model in inference mode.

    Args:
        model: The model.
        x: A batch.
        compiler: `"xla"`, or `"graph"` for TensorFlow's graphs.
    """
    return _compile(lambda x: model(x, training=False), (x,), compiler)


def training_step(model: keras.Model, data: Sequence[tf.Tensor], compiler: str) -> Contestant:
    """Return training steps: forward, backward and gradient descent on the mean squared error.

    Args:
        model: The model.
        data: A batch of inputs, and one of targets.
        compiler: See `call`.
    """
    variables = [variable.value for variable in model.trainable_variables]

    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(LEARNING_RATE * gradient)
        return loss

    return _compile(step, data, compiler)


def _compile(function: Callable[..., Any], data: Sequence[tf.Tensor], compiler: str) -> Contestant:
    """Return calls of the function, compiled for batches of any size as `fit` does."""
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in data]
    program = tf.function(function, input_signature=signature, jit_compile=compiler == "xla")
    graph = program.get_concrete_function()
    return make_contestant(lambda: graph(*data), finish=tf.test.experimental.sync_devices)


def fit_steps(model: keras.Model, data: Sequence[tf.Tensor]) -> Contestant:
    """Return steps of `fit`, compiled as Keras chooses, with momentum.

    The time is that from the end of a first step to the end of the last, without what `fit` does
    only once.

    Args:
        model: The model.
        data: A batch of inputs, and one of targets.
    """
    model.compile(keras.optimizers.SGD(LEARNING_RATE, MOMENTUM), "mse")
    batches = tf.data.Dataset.from_tensors(tuple(data)).repeat()

    def run(steps: int) -> float:
        ends: dict[int, float] = {}

        def stamp(batch: int, logs: Any) -> None:
            if batch in (0, steps):
                tf.test.experimental.sync_devices()
                ends[batch] = time.perf_counter()

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=stamp)
        model.fit(
            batches, steps_per_epoch=steps + 1, shuffle=False, verbose=0, callbacks=[callback]
        )
        return ends[steps] - ends[0]

    return run
