"""Keras as a user would: `fit`, `train_on_batch`, and a compiled step called from a Python loop."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from .serve import serve
from .task import Task

# Keras's name by that of `peers.task.HYPERPARAMETERS`, where they differ.
KERAS_NAMES = {"accumulator": "initial_accumulator_value"}
STEPS_PER_EXECUTION = 50


def keras_optimizer(task: Task, rate: float) -> keras.optimizers.Optimizer:
    """Return the task's optimizer from Keras."""
    settings = {KERAS_NAMES.get(name, name): value for name, value in task.hyperparameters.items()}
    return keras.optimizers.get(
        {"class_name": task.optimizer, "config": {"learning_rate": rate, **settings}}
    )


class KerasTrainer:
    """A stack of `Dense` layers without biases, with the task's loss and optimizer."""

    steps_per_execution = 1

    def __init__(self, task: Task):
        self._x, self._y = tf.constant(task.x), tf.constant(task.y)
        layers = [keras.layers.Dense(factor.shape[1], use_bias=False) for factor in task.factors]
        self._model = keras.Sequential([keras.Input((task.x.shape[1],)), *layers])
        self._model.set_weights(task.factors)
        self._optimizer = keras_optimizer(task, task.shared_rate)
        self._loss = lambda y, predicted: keras.ops.mean((predicted - y) ** task.p) / task.p
        self._model.compile(
            self._optimizer, self._loss, steps_per_execution=self.steps_per_execution
        )

    def kernel(self) -> np.ndarray:
        """Return the product of the layers' kernels."""
        return functools.reduce(np.matmul, self._model.get_weights())


class Fit(KerasTrainer):
    """`fit` with the data set as one batch: a step is an epoch."""

    def advance(self, steps: int) -> None:
        """Take each step as an epoch."""
        self._model.fit(
            self._x, self._y, batch_size=len(self._x), epochs=steps, shuffle=False, verbose=0
        )


class FitRepeated(KerasTrainer):
    """`fit` on a data set that repeats its one batch: an epoch is an execution of 50 steps."""

    steps_per_execution = stride = STEPS_PER_EXECUTION

    def advance(self, steps: int) -> None:
        """Take all steps in one `fit`."""
        batches = tf.data.Dataset.from_tensors((self._x, self._y)).repeat()
        epochs = steps // STEPS_PER_EXECUTION
        self._model.fit(
            batches, steps_per_epoch=STEPS_PER_EXECUTION, epochs=epochs, shuffle=False, verbose=0
        )


class TrainOnBatch(KerasTrainer):
    """`train_on_batch` in a Python loop."""

    def advance(self, steps: int) -> None:
        """Make a call for each step."""
        for _ in range(steps):
            self._model.train_on_batch(self._x, self._y)


class CompiledStep(KerasTrainer):
    """One `tf.function`, compiled by XLA, of gradient and update, called from a Python loop."""

    def __init__(self, task: Task):
        super().__init__(task)
        self._optimizer.build(self._model.trainable_variables)
        self._step = tf.function(self._take_step, jit_compile=True)

    def _take_step(self) -> tf.Tensor:
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._loss(self._y, self._model(self._x))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return loss

    def advance(self, steps: int) -> None:
        """Make a call for each step, and wait for the last loss."""
        for _ in range(steps):
            loss = self._step()
        loss.numpy()


ENTRIES = {
    "fit": Fit,
    "fit_repeated": FitRepeated,
    "train_on_batch": TrainOnBatch,
    "tf_function": CompiledStep,
}

if __name__ == "__main__":
    serve(ENTRIES, {"tensorflow": tf.__version__, "keras": keras.__version__})
