"""Training steps and calls of a model, compiled, on resident data: what `experiments.interleaved` times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from experiments.benchmarks.timing import Contestant, timed

# So small that the weights hardly move.
LEARNING_RATE, MOMENTUM = 1e-4, 0.9


def model_of(layer: keras.layers.Layer, shape: Sequence[int]) -> keras.Model:
    """A model of this layer alone, for examples of that shape; attention is self-attention."""
    inputs = keras.Input(shape)
    attends = isinstance(layer, keras.layers.MultiHeadAttention)
    return keras.Model(inputs, layer(inputs, inputs) if attends else layer(inputs))


def call(model: keras.Model, x: tf.Tensor, compiler: str) -> Contestant:
    """Calls of the model in inference mode."""
    return _compiled(lambda x: model(x, training=False), (x,), compiler)


def training_step(model: keras.Model, data: Sequence[tf.Tensor], compiler: str) -> Contestant:
    """Training steps: forward, backward and the update of gradient descent, on the mean squared error."""
    variables = [variable.value for variable in model.trainable_variables]

    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(LEARNING_RATE * gradient)
        return loss

    return _compiled(step, data, compiler)


def _compiled(function: Callable[..., Any], data: Sequence[tf.Tensor], compiler: str) -> Contestant:
    """Calls of the function, made for batches of any size as `fit` does, by "xla" or as a TensorFlow "graph"."""
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in data]
    graph = tf.function(
        function, input_signature=signature, jit_compile=compiler == "xla"
    ).get_concrete_function()
    return timed(lambda: graph(*data), finish=tf.test.experimental.sync_devices)


def fit_steps(model: keras.Model, data: Sequence[tf.Tensor]) -> Contestant:
    """Steps of `fit`, compiled as Keras chooses, with momentum.

    Timed from the end of a first step to the end of the last, so that what `fit` does only once stays out.
    """
    model.compile(keras.optimizers.SGD(LEARNING_RATE, MOMENTUM), "mse")
    batches = tf.data.Dataset.from_tensors(tuple(data)).repeat()

    def run(steps: int) -> float:
        stamps: dict[int, float] = {}

        def stamp(batch: int, logs: Any) -> None:
            if batch in (0, steps):
                tf.test.experimental.sync_devices()
                stamps[batch] = time.perf_counter()

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=stamp)
        model.fit(
            batches, steps_per_epoch=steps + 1, shuffle=False, verbose=0, callbacks=[callback]
        )
        return stamps[steps] - stamps[0]

    return run
