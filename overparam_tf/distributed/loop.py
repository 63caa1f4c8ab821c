"""The compiled loop of a training: several steps of all replicas in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.batches import Chunk, map_arrays
from overparam_tf.distributed.strategies import worker_count


class Loop:
    """A replica's step over the batches of a chunk, in one call of a compiled program.

    Args:
        strategy: The strategy whose replicas run.
        step: A method `train` or `evaluate` of `OneReplica` or `OneOfSeveral`.
        most: The most batches of a chunk.
        jit_compile: Compile the whole loop by XLA; on one replica only.
        run_eagerly: Compile nothing.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        step: Callable,
        most: int,
        jit_compile: bool,
        run_eagerly: bool = False,
    ):
        self.strategy, self._step, self._most, self._jit_compile = strategy, step, most, jit_compile
        self._run_eagerly = run_eagerly
        # By batch size, shapes of the arrays, and number of constants: fixed in a program.
        self._programs: dict[Any, Callable] = {}

    def __call__(self, chunk: Chunk, constants: Sequence[tf.Tensor] = ()) -> np.ndarray:
        """Return total, data loss and penalty of every step, summed over replicas: (count, 3).

        Args:
            chunk: The batches.
            constants: Further tensors for the step, the same in every batch; default none.
        """
        with self.strategy.scope():
            # Any number of rows, since the number of joined batches varies.
            specs = map_arrays(
                lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), chunk.arrays
            )
            constants = list(constants)
            key = (chunk.size, str(specs), len(constants))
            if key not in self._programs:
                self._programs[key] = self._program(chunk.size, specs, constants)
            program = self._programs[key]
            first, count = tf.constant(chunk.first), tf.constant(chunk.count)
            losses = program(chunk.arrays, first, count, constants)
            return sum_over_workers(self.strategy, losses).numpy()[: chunk.count]

    def _program(self, size: int, specs: Any, constants: list[tf.Tensor]) -> Callable:
        def steps(
            arrays: Any, first: tf.Tensor, count: tf.Tensor, constants: list[tf.Tensor]
        ) -> tf.Tensor:
            def body(step, losses):
                begin = first + step * size
                further = (constants,) if constants else ()
                terms = self.strategy.run(self._step, args=(arrays, begin, size, *further))
                here = tf.add_n(self.strategy.experimental_local_results(terms))
                return step + 1, losses.write(step, tf.cast(here, tf.float64))

            losses = tf.TensorArray(tf.float64, self._most, element_shape=(3,))
            start = (tf.constant(0), losses)
            _, losses = tf.while_loop(lambda step, _: step < count, body, start)
            return losses.stack()

        if self._run_eagerly:
            return steps
        number = tf.TensorSpec((), tf.int32)
        program = tf.function(steps, jit_compile=self._jit_compile, autograph=False)
        of_constants = [tf.TensorSpec(each.shape, each.dtype) for each in constants]
        return program.get_concrete_function(specs, number, number, of_constants)


def sum_over_workers(strategy: tf.distribute.Strategy, value: tf.Tensor) -> tf.Tensor:
    """Return the sum of the values of all workers, which must call this together."""
    if worker_count(strategy) == 1:
        return value
    here = strategy.num_replicas_in_sync // worker_count(strategy)
    # The sum is one over replicas: the first of each worker contributes its value, others zeros.
    terms = strategy.experimental_distribute_values_from_function(
        lambda context: (
            value if context.replica_id_in_sync_group % here == 0 else tf.zeros_like(value)
        )
    )
    return strategy.reduce("SUM", terms, axis=None)
