"""One run of a sweep by itself, with any Keras optimizer, and with the factors of every step on record.

A stack of many runs takes only optimizers that treat every weight for itself. A stack of one run has nothing to mix: so
schedules, and clipping of the gradient's norm, are exact here.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep import Variant
from overparam_tf.sweep.stacks import make_stack
from overparam_tf.sweep.whole_pass import DataPass

# The most steps of one call: the length of the buffers in which it hands back losses and factors.
MAX_STEPS_PER_CALL = 2048


class RecordedDescent:
    """Full-batch training of the one run of a variant.

    Args:
        problem: the data, one output.
        variant: how the factors start; one rate and one seed. Its optimizer is not used.
        optimizer: any Keras optimizer.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
    """

    def __init__(
        self,
        problem: Problem,
        variant: Variant,
        optimizer: keras.Optimizer,
        loss: LpLoss,
        dtype: str,
    ):
        self.optimizer = optimizer
        self._stack = make_stack(variant, problem.features, problem.outputs, dtype)
        self._stack.optimizer = optimizer
        optimizer.build(self._stack.variables)
        self._data_pass, self._dtype = DataPass(problem, loss, dtype), dtype
        self._shapes = [tuple(factor.shape[1:]) for factor in self._stack.factors]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        count = tf.TensorSpec((), tf.int32)
        self._advance = tf.function(self._steps, jit_compile=True).get_concrete_function(count)

    def advance(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Takes `steps` steps, at most `MAX_STEPS_PER_CALL`.

        Returns:
            The losses (steps,) and the entries of all factors (steps, parameters) *before* each step.
        """
        losses, entries = self._advance(tf.constant(steps))
        return losses.numpy()[:steps], entries.numpy()[:steps]

    def factors(self, entries: np.ndarray) -> list[np.ndarray]:
        """One row of entries as the factors F_1 .. F_N."""
        parts = np.split(entries, np.cumsum(self._sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _steps(self, steps):
        losses = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=())
        entries = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=(sum(self._sizes),))

        def step(count, losses, entries):
            values = tf.concat(
                [tf.reshape(factor.value, (-1,)) for factor in self._stack.factors], 0
            )
            kernel, bias, update = self._stack.forward()
            loss, kernel_gradient, bias_gradient = self._data_pass(kernel, bias)
            update(kernel_gradient, bias_gradient)
            return count + 1, losses.write(count, loss[0]), entries.write(count, values)

        _, losses, entries = tf.while_loop(
            lambda count, *_: count < steps, step, (0, losses, entries)
        )
        return losses.stack(), entries.stack()
