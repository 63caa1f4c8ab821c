"""The pass over a part of the data: one batch a step, and of every batch one replica's share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.whole_pass import ROW_BLOCK, DataPass, Rows


class SharedPass(DataPass):
    """Step t reads batch t mod m of the m batches in which the rows lie in order, as `fit` does with `shuffle=False`.

    The last batch may be smaller. Replica r of R takes rows s r / R up to s (r + 1) / R of a batch of s rows, but
    scales by all s, so that losses and gradients add up over replicas.

    Rows are kept batch by batch, each padded to the same length, so that a batch is a slice at a multiple of it. There
    is one order of x: with both, a data set would need its memory twice.

    Args:
        problem: the data.
        loss: an `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: rows of a batch, of all replicas together.
        replica: r.
        replicas: R.
    """

    def __init__(
        self,
        problem: Problem,
        loss: LpLoss,
        dtype: str,
        batch_size: int,
        replica: int = 0,
        replicas: int = 1,
    ):
        starts = range(0, problem.rows, batch_size)
        sizes = [min(batch_size, problem.rows - start) for start in starts]
        shares = [
            slice(start + size * replica // replicas, start + size * (replica + 1) // replicas)
            for start, size in zip(starts, sizes, strict=True)
        ]
        longest = max(share.stop - share.start for share in shares)
        self._block = max(1, -(-longest // ROW_BLOCK)) * ROW_BLOCK
        rows = len(shares) * self._block
        x, y, is_row = (
            np.zeros((rows, width), dtype) for width in (problem.features, problem.outputs, 1)
        )
        for batch, share in enumerate(shares):
            at = slice(batch * self._block, batch * self._block + share.stop - share.start)
            x[at], y[at], is_row[at] = problem.x[share], problem.y[share], 1
        self.p = loss.p
        factor = (1 / loss.p if loss.scale else 1.0) / problem.outputs
        self._batches = len(shares)
        self._scales = tf.constant([factor / size for size in sizes], dtype)
        self._all = Rows(
            tf.constant(x),
            None,
            tf.constant(y.T.copy()),
            tf.constant(is_row.T.copy()),
            factor / problem.rows,
        )

    def _rows(self, step: tf.Tensor | None) -> Sequence[Rows]:
        """The batch of a step; all batches where there is none."""
        if step is None or self._batches == 1:
            return [self._all]
        batch = step % self._batches
        features, outputs = self._all.x.shape[1], self._all.y.shape[0]
        # Never `tf.slice`: it makes the compiler take the number of a call's first step for a constant, and compile
        # the loop anew in every call.
        own = Rows(
            x=tf.gather(tf.reshape(self._all.x, (self._batches, self._block, features)), batch),
            x_transposed=None,
            y=tf.gather(
                tf.reshape(self._all.y, (outputs, self._batches, self._block)), batch, axis=1
            ),
            is_row=tf.gather(
                tf.reshape(self._all.is_row, (1, self._batches, self._block)), batch, axis=1
            ),
            loss_scale=tf.gather(self._scales, batch),
        )
        return [own]
