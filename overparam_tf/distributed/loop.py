"""The compiled loop of a training: several steps of all replicas in one call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.batches import Chunk
from overparam_tf.distributed.strategies import worker_count


class Loop:
    """One of `Replica`'s steps over the batches of a chunk, in one call of a compiled program.

    Args:
        strategy: The strategy whose replicas run.
        step: `Replica.train` or `Replica.evaluate`.
        most: The most batches of a chunk.
        jit_compile: Compile the whole loop by XLA; on one replica only.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, step: Callable, most: int, jit_compile: bool
    ):
        self.strategy, self._step, self._most, self._jit_compile = strategy, step, most, jit_compile
        self._programs: dict[int, Callable] = {}  # by batch size, a constant of the program

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """Return total, data loss and penalty of every step, summed over replicas: (count, 3)."""
        with self.strategy.scope():
            if chunk.size not in self._programs:
                self._programs[chunk.size] = self._program(chunk)
            program = self._programs[chunk.size]
            losses = program(chunk.arrays, tf.constant(chunk.first), tf.constant(chunk.count))
            return sum_over_workers(self.strategy, losses).numpy()[: chunk.count]

    def _program(self, chunk: Chunk) -> Callable:
        def steps(arrays: tuple, first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
            def body(step, losses):
                begin = first + step * chunk.size
                terms = self.strategy.run(self._step, args=(arrays, begin, chunk.size))
                here = tf.add_n(self.strategy.experimental_local_results(terms))
                return step + 1, losses.write(step, tf.cast(here, tf.float64))

            losses = tf.TensorArray(tf.float64, self._most, element_shape=(3,))
            start = (tf.constant(0), losses)
            _, losses = tf.while_loop(lambda step, _: step < count, body, start)
            return losses.stack()

        # Any number of rows, since the number of joined batches varies.
        arrays = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), chunk.arrays
        )
        number = tf.TensorSpec((), tf.int32)
        program = tf.function(steps, jit_compile=self._jit_compile, autograph=False)
        return program.get_concrete_function(arrays, number, number)


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
