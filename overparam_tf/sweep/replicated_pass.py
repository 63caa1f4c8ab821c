"""The pass over rows that are spread over the replicas of a `tf.distribute` strategy."""

from __future__ import annotations

import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.distributed.strategies import worker_count, worker_index
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.batched_pass import SharedPass


class SummedPass:
    """Losses and end-to-end gradients as `DataPass` gives them: the sum of what every replica computes on its rows.

    Each replica holds its share of every batch and nothing else; with the whole data set as one batch that is one
    contiguous part of it. What it computes is compiled by XLA, and summed over replicas in one operation a step.

    Args:
        problem: the data.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: rows of a step's batch, of all replicas together.
        strategy: whose replicas compute.
    """

    def __init__(
        self,
        problem: Problem,
        loss: LpLoss,
        dtype: str,
        batch_size: int,
        strategy: tf.distribute.Strategy,
    ):
        self._strategy, self._has_others = strategy, worker_count(strategy) > 1
        devices = strategy.extended.worker_devices
        self._shares = {}
        for replica, device in enumerate(devices, len(devices) * worker_index(strategy)):
            with tf.device(device):
                share = SharedPass(
                    problem, loss, dtype, batch_size, replica, strategy.num_replicas_in_sync
                )
            # A function for each replica: a shared one would compute on the device of the first.
            self._shares[replica] = tf.function(_packed(share), jit_compile=True, autograph=False)

    def __call__(self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None):
        """One pass; arguments and results are those of `DataPass`. Every worker must make it together."""
        shares = self._strategy.experimental_local_results(
            self._strategy.run(self._share, (kernel, bias, step))
        )
        packed = shares[0] if self._has_others else tf.add_n(shares)
        runs, features, outputs = kernel.shape
        losses, kernel_gradient, bias_gradient = tf.split(packed, (1, features * outputs, -1), 1)
        kernel_gradient = tf.reshape(kernel_gradient, (runs, features, outputs))
        return losses[:, 0], kernel_gradient, None if bias is None else bias_gradient[:, None, :]

    def _share(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None
    ) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        packed = self._shares[int(tf.get_static_value(context.replica_id_in_sync_group))](
            kernel, bias, step
        )
        # Within a process it is left to `tf.add_n`: collective operations allow one number of CPU devices only.
        return context.all_reduce("SUM", packed) if self._has_others else packed


def _packed(share: SharedPass):
    """The results of a pass side by side, (R, 1 + d k), or (R, 1 + d k + k) with a bias: one tensor to sum."""

    def compute(kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None) -> tf.Tensor:
        parts = [part for part in share(kernel, bias, step) if part is not None]
        return tf.concat([tf.reshape(part, (kernel.shape[0], -1)) for part in parts], 1)

    return compute
