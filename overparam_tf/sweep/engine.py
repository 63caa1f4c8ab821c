"""The compiled loop: thousands of steps of all runs of a sweep in one call of one XLA program."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.sweep.data_pass import DataPass
from overparam_tf.sweep.stacks import Stack, Update

# Length of the buffer in which a call returns the loss of every step.
MAX_STEPS_PER_CALL = 2048


class Engine:
    """The training of several stacks in lock step, with one pass over the data a step.

    Args:
        stacks: The runs, one stack a variant.
        data_pass: The pass over the data.
        dtype: `"float32"` or `"float64"`.
        stride: Steps of one iteration of the compiled loop, each compiled separately; default 1.

    Attributes:
        stacks: The stacks.
        stride: The stride. Calls of any length give the same bits if each begins at a multiple of
            the stride; for other calls the compiler promises nothing.
    """

    def __init__(
        self, stacks: Sequence[Stack], data_pass: DataPass, dtype: str, stride: int = 1
    ) -> None:
        self.stacks, self.stride = list(stacks), stride
        self._data_pass, self._dtype = data_pass, dtype
        self._runs = sum(stack.runs for stack in self.stacks)
        # Traced when they are first called, which is for a pass that XLA cannot compile.
        compiled = functools.partial(tf.function, jit_compile=True, autograph=False)
        self._compiled_maps = compiled(self._affine_maps)
        self._compiled_update = compiled(self._update_again)
        whole = functools.partial(tf.function, jit_compile=data_pass.is_compilable, autograph=False)
        count = tf.TensorSpec((), tf.int32)
        self._advance = whole(self._steps).get_concrete_function(count, count)
        self._evaluate = whole(self._losses)

    @property
    def _columns(self) -> int:
        """Return the numbers of a step: the loss of every run."""
        return self._runs

    @property
    def _steps_evaluate(self) -> bool:
        """Return whether a step returns the losses that `evaluate` does."""
        return self._data_pass.is_whole

    def advance(self, steps: int, first: int = 0) -> np.ndarray:
        """Take steps, at most `MAX_STEPS_PER_CALL`.

        Args:
            steps: Number of steps.
            first: Number of the first of them, which determines its batch; default 0.

        Returns:
            The losses *before* each step, shape (steps, R), runs in the order of the stacks. With
            batches they are losses of the step's batch.
        """
        return self._advance(tf.constant(steps), tf.constant(first)).numpy()[:steps]

    def evaluate(self) -> np.ndarray:
        """Return the losses of the current parameters on all rows, shape (R,)."""
        if not self._steps_evaluate:
            return self._evaluate().numpy()
        # A program of its own would take a quarter of the time that the loop takes to compile.
        state = self.state()
        (losses,) = self.advance(1)
        self.restore(state)
        return losses

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that a step changes, by the numbers of the stack and the variable.

        That is factors, biases, optimizer slots and step counters.
        """
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self._variables()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set everything to what `state` returned."""
        for name, variable in self._variables():
            variable.assign(state[name])

    def _variables(self) -> Iterator[tuple[str, keras.Variable]]:
        for i, stack in enumerate(self.stacks):
            for j, variable in enumerate(stack.changing):
                yield f"{i}/{j}", variable

    def _forward(self) -> tuple[tf.Tensor, tf.Tensor | None, list[Update]]:
        """Return kernels and biases of all runs, and the update of each stack."""
        maps = [stack.forward() for stack in self.stacks]
        kernels, biases, updates = zip(*maps, strict=True)
        bias = None
        if any(part is not None for part in biases):
            zeros = [tf.zeros_like(kernel[:, :1]) for kernel in kernels]
            filled = [
                zero if part is None else part for part, zero in zip(biases, zeros, strict=True)
            ]
            bias = tf.concat(filled, 0)
        return tf.concat(kernels, 0), bias, list(updates)

    def _update(
        self,
        updates: Sequence[Update],
        kernel_gradient: tf.Tensor,
        bias_gradient: tf.Tensor | None,
    ) -> None:
        """Update each stack by its part of the gradients."""
        sizes = [stack.runs for stack in self.stacks]
        kernel_parts = tf.split(kernel_gradient, sizes)
        if bias_gradient is None:
            bias_parts = [None] * len(sizes)
        else:
            bias_parts = tf.split(bias_gradient, sizes)
        for update, kernel_part, bias_part in zip(updates, kernel_parts, bias_parts, strict=True):
            update(kernel_part, bias_part)

    def _losses(self) -> tf.Tensor:
        kernel, bias, _ = self._forward()
        return self._data_pass(kernel, bias).losses

    def _step(self, step: tf.Tensor) -> tf.Tensor:
        """Take one step; return the losses before it."""
        if not self._data_pass.is_compilable:
            return self._step_of_three_programs(step)
        kernel, bias, updates = self._forward()
        losses, *gradients = self._data_pass(kernel, bias, step)
        self._update(updates, *gradients)
        return losses

    def _step_of_three_programs(self, step: tf.Tensor) -> tf.Tensor:
        """Take one step around a pass that XLA cannot compile.

        XLA compiles the program before it, which computes the kernels, and the one after it, which
        updates the factors. A gradient tape cannot outlive its program, so that the second program
        computes the kernels again; beside the pass that costs little.
        """
        kernel, bias = self._compiled_maps()
        losses, *gradients = self._data_pass(kernel, bias, step)
        self._compiled_update(*gradients)
        return losses

    def _affine_maps(self) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return kernels and biases of all runs."""
        kernel, bias, _ = self._forward()
        return kernel, bias

    def _update_again(self, *gradients: tf.Tensor | None) -> None:
        """Compute kernels and biases again, and update each stack by its part of the gradients."""
        _, _, updates = self._forward()
        self._update(updates, *gradients)

    def _steps(self, steps: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        """Take `steps` steps; return the losses before each, in one of MAX_STEPS_PER_CALL rows."""
        losses = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=(self._columns,))
        state = (tf.constant(0), losses)
        for stride in dict.fromkeys((self.stride, 1)):
            state = tf.while_loop(
                lambda step, _, stride=stride: step + stride <= steps,
                functools.partial(self._iterate, stride, first),
                state,
            )
        _, losses = state
        return losses.stack()

    def _iterate(
        self, stride: int, first: tf.Tensor, step: tf.Tensor, losses: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray]:
        for _ in range(stride):
            losses, step = losses.write(step, self._step(first + step)), step + 1
        return step, losses
