"""The compiled loop: thousands of steps of every run of every variant in one call of one XLA program."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.batched_pass import SharedPass
from overparam_tf.sweep.stacks import make_stack
from overparam_tf.sweep.variant import Variant
from overparam_tf.sweep.whole_pass import DataPass

# The most steps of one call: the length of the buffer in which a call hands back the loss of every step.
MAX_STEPS_PER_CALL = 2048
# So many steps stand in one iteration of the compiled loop where starting an iteration (condition, counters) takes a
# noticeable part of a step: below this many multiply-adds in a single variant. Each is compiled once more.
UNROLLED, SMALL_STEP = 4, 2**20
# Fewer rows than this are not worth a block of their own, see `DataPass`.
LEAST_BLOCK = 512


class Engine:
    """Trains the stacks of several variants in lock step on one problem.

    Args:
        problem: the data.
        variants: what to train.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: rows of a step's batch; default None, all of them.

    Attributes:
        stacks: one stack a variant, in their order.
        stride: steps of one iteration of the compiled loop. Calls that begin at multiples of it make no difference to a
            bit, wherever they end; for others the compiler promises nothing.
    """

    stride = 1

    def __init__(
        self,
        problem: Problem,
        variants: tuple[Variant, ...],
        loss: LpLoss,
        dtype: str,
        batch_size: int | None = None,
    ):
        vectors = sum(len(variant.runs) for variant in variants) * problem.outputs
        if (
            len(variants) == 1
            and vectors * (batch_size or problem.rows) * problem.features <= SMALL_STEP
        ):
            self.stride = UNROLLED
        self.stacks = [
            make_stack(variant, problem.features, problem.outputs, dtype) for variant in variants
        ]
        if batch_size is None:
            blocks = 1 if vectors == 1 else min(cores(), max(1, problem.rows // LEAST_BLOCK))
            self._data_pass = DataPass(problem, loss, dtype, blocks)
        else:
            self._data_pass = SharedPass(problem, loss, dtype, batch_size)
        self._compile(variants, dtype, jit_compile=True)

    def _compile(self, variants: tuple[Variant, ...], dtype: str, jit_compile: bool) -> None:
        self._dtype = dtype
        self._runs = sum(len(variant.runs) for variant in variants)
        count = tf.TensorSpec((), tf.int32)
        make = functools.partial(tf.function, jit_compile=jit_compile, autograph=False)
        self._advance = make(self._steps).get_concrete_function(count, count)
        self._evaluate = make(self._losses).get_concrete_function()

    def advance(self, steps: int, first: int = 0) -> np.ndarray:
        """Takes `steps` steps, at most `MAX_STEPS_PER_CALL`.

        Args:
            steps: how many.
            first: number of the first of them, which tells its batch.

        Returns:
            The losses *before* each step, shape (steps, R), runs in the order of the variants and their `runs`; with
            batches those of the step's batch.
        """
        return self._advance(tf.constant(steps), tf.constant(first)).numpy()[:steps]

    def evaluate(self) -> np.ndarray:
        """The losses of the current parameters, shape (R,)."""
        return self._evaluate().numpy()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a step changes: factors, biases, optimizer slots and counters, by stack and number."""
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self._variables()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes up what `state` returned."""
        for name, variable in self._variables():
            variable.assign(state[name])

    def _variables(self) -> Iterator[tuple[str, keras.Variable]]:
        for i, stack in enumerate(self.stacks):
            for j, variable in enumerate(stack.changing):
                yield f"{i}/{j}", variable

    def _end_to_end(self):
        """Kernels and biases of all runs, and each stack's update."""
        kernels, biases, updates = zip(*(stack.forward() for stack in self.stacks), strict=True)
        bias = None
        if any(bias is not None for bias in biases):
            zeros = [tf.zeros_like(kernel[:, :1]) for kernel in kernels]
            bias = tf.concat(
                [zero if bias is None else bias for bias, zero in zip(biases, zeros, strict=True)],
                0,
            )
        return tf.concat(kernels, 0), bias, updates

    def _update(self, updates, kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
        """Hands each stack its part of the gradients."""
        sizes = [stack.runs for stack in self.stacks]
        kernel_gradients = tf.split(kernel_gradient, sizes)
        bias_gradients = (
            [None] * len(sizes) if bias_gradient is None else tf.split(bias_gradient, sizes)
        )
        for update, kernel_part, bias_part in zip(
            updates, kernel_gradients, bias_gradients, strict=True
        ):
            update(kernel_part, bias_part)

    def _losses(self) -> tf.Tensor:
        kernel, bias, _ = self._end_to_end()
        return self._data_pass(kernel, bias)[0]

    def _step(self, step: tf.Tensor) -> tf.Tensor:
        kernel, bias, updates = self._end_to_end()
        losses, *gradients = self._data_pass(kernel, bias, step)
        self._update(updates, *gradients)
        return losses

    def _steps(self, steps: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=(self._runs,))
        state = (tf.constant(0), losses)
        for stride in dict.fromkeys((self.stride, 1)):
            state = tf.while_loop(
                lambda step, _, stride=stride: step + stride <= steps,
                functools.partial(self._iterate, stride, first),
                state,
            )
        return state[1].stack()

    def _iterate(self, stride: int, first: tf.Tensor, step: tf.Tensor, losses: tf.TensorArray):
        for _ in range(stride):
            losses, step = losses.write(step, self._step(first + step)), step + 1
        return step, losses


def cores() -> int:
    """How many cores TensorFlow computes on."""
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return tf.config.threading.get_intra_op_parallelism_threads() or allowed
