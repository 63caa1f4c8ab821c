"""The compiled loop with the losses on held-out labels, at the steps that curves record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from overparam_tf.sweep.data_pass import DataPass
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.stacks import Stack


class HeldOutEngine(Engine):
    """An `Engine` whose losses (steps, 2 R) are followed by the test losses of the same R runs.

    A test loss is computed at the recorded steps only, and is NaN at all others: at a thousand
    points of a long run it costs next to nothing.

    Args:
        stacks: As in `Engine`, like all but the next two.
        held_out: The pass over the held-out labels.
        recorded: Increasing steps at which test losses are computed.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        data_pass: DataPass,
        dtype: str,
        stride: int = 1,
        *,
        held_out: DataPass,
        recorded: np.ndarray,
    ) -> None:
        self._held_out = held_out
        self._recorded = tf.constant(recorded, tf.int32)
        super().__init__(stacks, data_pass, dtype, stride)

    @property
    def _columns(self) -> int:
        return 2 * self._runs

    @property
    def _steps_evaluate(self) -> bool:
        """Return False: a step returns test losses only if it is recorded."""
        return False

    def _losses(self) -> tf.Tensor:
        return tf.concat([super()._losses(), self._test_losses()], 0)

    def _step(self, step: tf.Tensor) -> tf.Tensor:
        """Take one step; return the losses and the test losses before it."""
        test_losses = tf.cond(
            tf.reduce_any(self._recorded == step),
            self._test_losses,
            lambda: tf.fill((self._runs,), tf.constant(np.nan, self._dtype)),
        )
        with tf.control_dependencies([test_losses]):
            return tf.concat([super()._step(step), test_losses], 0)

    def _test_losses(self) -> tf.Tensor:
        kernel, bias, _ = self._forward()
        return self._held_out(kernel, bias).losses
