"""The pass over all rows in every step, on one device."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.data_pass import PassResult
from overparam_tf.sweep.rows import ROW_BLOCK, Rows, padded_length, sum_over_blocks


class WholePass:
    """A `DataPass` over all rows, whatever the step.

    Args:
        problem: The data, n rows of d features and k outputs.
        loss: An `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        blocks: Number of parts of the rows, computed side by side; default 1. The compiler gives
            several cores to products of matrices but to little else; with a block for each core
            they share all of a step. Measured on 2565 x 128 and two cores, two blocks take 0.79
            (2 runs), 0.59 (10), 0.81 (30), 0.64 (100) and 0.66 (300 runs) times as long as one,
            four blocks 1.12 times (30), 0.67 (100), 0.73 (300). A single vector gains nothing.
    """

    is_compilable = True
    is_whole = True

    def __init__(self, problem: Problem, loss: LpLoss, dtype: str, blocks: int = 1):
        rows, length = problem.rows, padded_length(problem.rows)
        padding = ((0, length - rows), (0, 0))
        x = np.pad(problem.x.astype(dtype), padding)
        y = np.pad(np.nan_to_num(problem.y), padding).T.astype(dtype)
        is_observed = None
        if problem.unobserved is not False:
            is_observed = np.pad(problem.observed, padding).T.astype(dtype)
        is_row = np.pad(np.ones((rows, 1)), padding).T.astype(dtype)
        loss_scale = (1 / loss.p if loss.scale else 1.0) / problem.observations
        self._p = loss.p
        # (R, d) @ (d, n) forward and (R, n) @ (n, d) backward: both products read x along its rows,
        # which is why both orders of x are kept. One transposed copy instead costs about a fifth
        # more at 30 runs, and one copy in either order 1.5 to 1.7 times as much at two. A single
        # vector is different: see `_predict` of `rows`.
        whole = length // ROW_BLOCK
        ends = [ROW_BLOCK * (whole * block // blocks) for block in range(blocks + 1)]
        self._blocks = [
            Rows(
                x=tf.constant(x[begin:end]),
                x_transposed=tf.constant(np.ascontiguousarray(x[begin:end].T)),
                y=tf.constant(y[:, begin:end]),
                is_row=tf.constant(is_row[:, begin:end]),
                loss_scale=loss_scale,
                is_observed=None if is_observed is None else tf.constant(is_observed[:, begin:end]),
            )
            for begin, end in itertools.pairwise(ends)
        ]

    def __call__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None
    ) -> PassResult:
        """Return losses and gradients; see `DataPass`."""
        return sum_over_blocks(self._blocks, self._p, kernel, bias)
