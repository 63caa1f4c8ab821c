"""The loop on several replicas: their shares of the rows summed, and one update for all."""

from __future__ import annotations

import functools

import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.replicated_pass import SummedPass
from overparam_tf.sweep.stacks import make_stack
from overparam_tf.sweep.variant import Variant


class DistributedEngine(Engine):
    """An `Engine` whose pass over the data is shared by the replicas of a strategy.

    The kernels of all runs are small and the rows are many, so that each process keeps one copy of the factors and
    optimizers, which are ordinary variables on its first device. In a step its replicas compute losses and gradients
    of the same kernels on their own rows; the sums are the same bits everywhere, and so is the update made of them.
    XLA cannot compile sums over devices, but all between them it does.

    Args:
        problem: the data.
        variants: what to train.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: rows of a step's batch, of all replicas together; None, all of them.
        strategy: a `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`.
    """

    def __init__(
        self,
        problem: Problem,
        variants: tuple[Variant, ...],
        loss: LpLoss,
        dtype: str,
        batch_size: int | None,
        strategy: tf.distribute.Strategy,
    ):
        with tf.device(strategy.extended.worker_devices[0]):
            self.stacks = [
                make_stack(variant, problem.features, problem.outputs, dtype)
                for variant in variants
            ]
            self._data_pass = SummedPass(problem, loss, dtype, batch_size or problem.rows, strategy)
            compiled = functools.partial(tf.function, jit_compile=True, autograph=False)
            self._kernels = compiled(lambda: self._end_to_end()[:2])
            self._move = compiled(
                lambda *gradients: self._update(self._end_to_end()[2], *gradients)
            )
            self._compile(variants, dtype, jit_compile=False)

    def _step(self, step: tf.Tensor) -> tf.Tensor:
        losses, *gradients = self._data_pass(*self._kernels(), step)
        self._move(
            *gradients
        )  # which makes the kernels anew: cheap beside the pass, and a tape ends with its program
        return losses
