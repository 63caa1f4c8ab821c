"""The pass over matrices in place of rows of features."""

from __future__ import annotations

import tensorflow as tf

from overparam_tf.sweep.data_pass import DataPass, PassResult


class SensingPass:
    """A `DataPass` over inner products of the kernels with matrices.

    With the kernel read as one column of d k numbers, an inner product is a prediction.

    Args:
        of_columns: The pass over the matrices as rows of d k features, with one output.
    """

    def __init__(self, of_columns: DataPass):
        self._of_columns = of_columns
        self.is_compilable = of_columns.is_compilable
        self.is_whole = of_columns.is_whole

    def __call__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None
    ) -> PassResult:
        """Return losses and gradients; see `DataPass`. There is no bias."""
        runs, features, outputs = kernel.shape
        columns = tf.reshape(kernel, (runs, features * outputs, 1))
        losses, gradient, _ = self._of_columns(columns, None, step)
        return PassResult(losses, tf.reshape(gradient, kernel.shape), None)
