"""The one pass over the data that all runs share: losses and dL/dK of every end-to-end kernel at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss, even_power

# Rows are padded to a multiple of this, so that the compiler's vector loops over a row of residuals have no
# remainder. Measured on 2565 x 128, 50 runs, two cores: 0.31 ms a step unpadded, 0.22 ms padded. 64 instead of 16
# gains nothing more at 30 runs and costs a single run 3 to 6 % (2565 rows become 2624 instead of 2576).
ROW_BLOCK = 16


class Rows(NamedTuple):
    """What one pass reads.

    Attributes:
        x: inputs, shape (n, d), padded with zeros.
        x_transposed: the same, shape (d, n), or None.
        y: targets, shape (k, n).
        is_row: 1 for a row and 0 for padding, shape (1, n).
        loss_scale: what the sum of e^p over rows and outputs is multiplied with.
    """

    x: tf.Tensor
    x_transposed: tf.Tensor | None
    y: tf.Tensor
    is_row: tf.Tensor
    loss_scale: float | tf.Tensor


class DataPass:
    """Losses and end-to-end gradients of R affine maps on one problem.

    With residuals e = x K + b - y, n rows and k outputs, the loss of a run is c mean(e^p) over rows and outputs,
    c = 1/p if scaled and 1 otherwise, and

        dL/dK = x^T g,   dL/db = sum of g over rows,   g = c p e^(p-1) / (n k).

    Args:
        problem: the data, n rows of d features and k outputs.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        blocks: parts of the rows, computed one beside the other. The compiler gives products of matrices several cores
            but little else; with a block for each core, all of a step is shared out. Measured on 2565 x 128 and two
            cores, two blocks take .79 (2 runs), .59 (10), .81 (30), .64 (100) and .66 (300 runs) times as long as one,
            four blocks 1.12 times (30), .67 (100), .73 (300). A single vector gains nothing.
    """

    def __init__(self, problem: Problem, loss: LpLoss, dtype: str, blocks: int = 1):
        n, k = problem.rows, problem.outputs
        padding = ((0, -n % ROW_BLOCK), (0, 0))
        x, y = np.pad(problem.x.astype(dtype), padding), np.pad(problem.y, padding).T.astype(dtype)
        # Padded rows are zero, so only a bias could give them a residual.
        is_row = np.pad(np.ones((n, 1)), padding).T.astype(dtype)
        loss_scale = (1 / loss.p if loss.scale else 1.0) / (n * k)
        self.p = loss.p
        # (R, d) @ (d, n) forward and (R, n) @ (n, d) backward: both products read x along its rows, which is
        # why both orders of x are kept. One transposed copy instead costs about a fifth more at 30 runs, and one copy
        # in either order 1.5 to 1.7 times as much at two. A single vector is another matter: see `_predict`.
        whole = len(x) // ROW_BLOCK
        ends = [ROW_BLOCK * (whole * block // blocks) for block in range(blocks + 1)]
        self._blocks = [
            Rows(
                x=tf.constant(x[begin:end]),
                x_transposed=tf.constant(np.ascontiguousarray(x[begin:end].T)),
                y=tf.constant(y[:, begin:end]),
                is_row=tf.constant(is_row[:, begin:end]),
                loss_scale=loss_scale,
            )
            for begin, end in itertools.pairwise(ends)
        ]

    def __call__(self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None):
        """One pass.

        Args:
            kernel: end-to-end kernels, shape (R, d, k).
            bias: end-to-end biases, shape (R, 1, k), or None.
            step: number of the step; here all steps are alike.

        Returns:
            Losses (R,), dL/dK (R, d, k), and dL/db (R, 1, k) or None.
        """
        runs, features, outputs = kernel.shape
        rows = tf.reshape(tf.transpose(kernel, (0, 2, 1)), (runs * outputs, features))
        bias = None if bias is None else tf.transpose(bias, (0, 2, 1))
        parts = [self._part(rows, bias, data, (runs, outputs, -1)) for data in self._rows(step)]
        loss, gradient, bias_gradient = (
            None if part[0] is None else tf.add_n(part) for part in zip(*parts, strict=True)
        )
        kernel_gradient = tf.transpose(tf.reshape(gradient, (runs, outputs, features)), (0, 2, 1))
        return loss, kernel_gradient, None if bias is None else bias_gradient[:, None, :]

    def _part(
        self, rows: tf.Tensor, bias: tf.Tensor | None, data: Rows, shape: tuple[int, int, int]
    ):
        """What some rows of the data add to the losses (R,), to dL/dK as (R k, d), and to dL/db as (R, k) or None."""
        residual = tf.reshape(self._predict(rows, data), shape)
        if bias is None:
            residual -= data.y
        else:
            residual = (residual + (bias - data.y)) * data.is_row
        weighted = residual * even_power(residual, self.p - 2) * (data.loss_scale * self.p)
        gradient = tf.reshape(weighted, (rows.shape[0], -1)) @ data.x
        bias_gradient = None if bias is None else tf.reduce_sum(weighted, 2)
        return _inner_products(weighted, residual) / self.p, gradient, bias_gradient

    def _rows(self, step: tf.Tensor | None) -> Sequence[Rows]:
        """What a step reads."""
        return self._blocks

    @staticmethod
    def _predict(rows: tf.Tensor, data: Rows) -> tf.Tensor:
        """(m, d) @ (d, n) for the m = R k rows of all kernels."""
        # A product of matrix and vector does no more than read x once. Reading the same copy forward and backward keeps
        # 1.3 MB in the caches instead of 2.6: on 2565 x 128 a step of one run takes a tenth less.
        if rows.shape[0] == 1 or data.x_transposed is None:
            return tf.matmul(rows, data.x, transpose_b=True)
        return rows @ data.x_transposed


def _inner_products(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """(R,) of two tensors (R, k, n)."""
    # The compiler sums in a tree of windows, which for a single run costs 1 us of 32 more than a product of two
    # vectors; at thirty runs such products cost a fifth of a step more than the sums.
    if left.shape[0] == 1:
        return tf.tensordot(tf.reshape(left, (1, -1)), tf.reshape(right, (-1,)), 1)
    return tf.reduce_sum(left * right, (1, 2))
