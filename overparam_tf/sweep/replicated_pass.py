"""The pass over rows that are spread over the replicas of a `tf.distribute` strategy."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.distributed.strategies import worker_count, worker_index
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.batched_pass import BatchedPass
from overparam_tf.sweep.data_pass import DataPass, PassResult


class ReplicatedPass:
    """A `DataPass` that sums what every replica computes on its own rows.

    Each replica holds its share of every batch and nothing else; if the whole data set is one
    batch, that is one contiguous part of it. XLA compiles what a replica computes, and one
    operation a step sums it over the replicas.

    Args:
        problem: The data.
        loss: An `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: Rows of a step's batch, of all replicas together.
        strategy: The `tf.distribute.Strategy` whose replicas compute.
    """

    is_compilable = False
    is_whole = False

    def __init__(
        self,
        problem: Problem,
        loss: LpLoss,
        dtype: str,
        batch_size: int,
        strategy: tf.distribute.Strategy,
    ):
        self._strategy, self._has_others = strategy, worker_count(strategy) > 1
        devices, replicas = strategy.extended.worker_devices, strategy.num_replicas_in_sync
        self._shares = {}
        for replica, device in enumerate(devices, len(devices) * worker_index(strategy)):
            with tf.device(device):
                share = BatchedPass(problem, loss, dtype, batch_size, replica, replicas)
            # A function for each replica: a shared one would compute on the device of the first.
            compute = tf.function(_packed(share), jit_compile=True, autograph=False)
            self._shares[replica] = compute

    def __call__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None
    ) -> PassResult:
        """Return losses and gradients; see `DataPass`. All workers must call it together."""
        results = self._strategy.run(self._share, (kernel, bias, step))
        shares = self._strategy.experimental_local_results(results)
        packed = shares[0] if self._has_others else tf.add_n(shares)
        runs, features, outputs = kernel.shape
        losses, kernel_gradient, bias_gradient = tf.split(packed, (1, features * outputs, -1), 1)
        return PassResult(
            losses[:, 0],
            tf.reshape(kernel_gradient, (runs, features, outputs)),
            None if bias is None else bias_gradient[:, None, :],
        )

    def _share(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None
    ) -> tf.Tensor:
        """Return this replica's results or, of several workers, the sum over all replicas."""
        context = tf.distribute.get_replica_context()
        replica = int(tf.get_static_value(context.replica_id_in_sync_group))
        packed = self._shares[replica](kernel, bias, step)
        # Within one process `tf.add_n` sums, in `__call__`: a process can use collective operations
        # for one number of CPU devices only.
        return context.all_reduce("SUM", packed) if self._has_others else packed


def _packed(data_pass: DataPass) -> Callable[..., tf.Tensor]:
    """Return a function that puts the results of a pass side by side: one tensor to sum.

    Its shape is (R, 1 + d k) without biases and (R, 1 + d k + k) with them.
    """

    def compute(kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None) -> tf.Tensor:
        parts = [part for part in data_pass(kernel, bias, step) if part is not None]
        return tf.concat([tf.reshape(part, (kernel.shape[0], -1)) for part in parts], 1)

    return compute
