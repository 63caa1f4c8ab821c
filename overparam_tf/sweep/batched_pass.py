"""The pass over one batch a step, and over one replica's share of each batch."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.data_pass import PassResult
from overparam_tf.sweep.rows import Rows, padded_length, sum_over_blocks


class BatchedPass:
    """A `DataPass` over one of m batches a step: batch t mod m at step t.

    The batches are the rows in their order, as `fit` takes them with `shuffle=False`; the last one
    may be smaller. Replica r of R takes rows s r / R to s (r + 1) / R of a batch of s rows, and
    divides by all s, so that losses and gradients add up over the replicas.

    The rows are stored batch by batch, each batch padded to the same length, so that it begins at a
    multiple of that length. The inputs are stored once, without `x_transposed`, which would double
    the memory of a data set.

    Args:
        problem: The data.
        loss: An `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: Rows of a batch, of all replicas together.
        replica: r; default 0.
        replicas: R; default 1.
    """

    is_compilable = True
    is_whole = False

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
        self._length = padded_length(max(share.stop - share.start for share in shares))
        self._batches = len(shares)
        self._p = loss.p
        outputs = problem.y.shape[1]
        scale = (1 / loss.p if loss.scale else 1.0) / outputs
        batches = [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]
        # Observed labels in units of rows, so that without unobserved ones they are the sizes.
        counts = [np.count_nonzero(problem.observed[batch]) / outputs for batch in batches]
        # A batch without an observed label has loss 0.
        self._loss_scales = tf.constant([scale / count if count else 0 for count in counts], dtype)
        self._all = self._padded(problem, dtype, shares, scale / (problem.observations / outputs))

    def __call__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None
    ) -> PassResult:
        """Return losses and gradients of the step's batch; see `DataPass`."""
        if step is None or self._batches == 1:
            rows = self._all
        else:
            rows = self._batch(step % self._batches)
        return sum_over_blocks([rows], self._p, kernel, bias)

    def _padded(self, problem: Problem, dtype: str, shares: list[slice], loss_scale: float) -> Rows:
        """Return the shares of all batches one after the other, each padded to the same length."""
        length = len(shares) * self._length
        x = np.zeros((length, problem.x.shape[1]), dtype)
        y = np.zeros((length, problem.y.shape[1]), dtype)
        is_row, is_observed = np.zeros((length, 1), dtype), np.zeros_like(y)
        labels, observed = np.nan_to_num(problem.y), problem.observed
        for batch, share in enumerate(shares):
            begin = batch * self._length
            place = slice(begin, begin + share.stop - share.start)
            x[place], y[place], is_row[place] = problem.x[share], labels[share], 1
            is_observed[place] = observed[share]
        return Rows(
            x=tf.constant(x),
            x_transposed=None,
            y=tf.constant(y.T.copy()),
            is_row=tf.constant(is_row.T.copy()),
            loss_scale=loss_scale,
            is_observed=None if problem.unobserved is False else tf.constant(is_observed.T.copy()),
        )

    def _batch(self, batch: tf.Tensor) -> Rows:
        """Return the rows of one batch.

        Never by `tf.slice`: it makes the compiler take the number of a call's first step for a
        constant, and compile the loop again in every call.
        """
        batches, length = self._batches, self._length
        features, outputs = self._all.x.shape[1], self._all.y.shape[0]
        x = tf.reshape(self._all.x, (batches, length, features))
        y = tf.reshape(self._all.y, (outputs, batches, length))
        is_row = tf.reshape(self._all.is_row, (1, batches, length))
        is_observed = self._all.is_observed
        if is_observed is not None:
            is_observed = tf.reshape(is_observed, (outputs, batches, length))
            is_observed = tf.gather(is_observed, batch, axis=1)
        return Rows(
            x=tf.gather(x, batch),
            x_transposed=None,
            y=tf.gather(y, batch, axis=1),
            is_row=tf.gather(is_row, batch, axis=1),
            loss_scale=tf.gather(self._loss_scales, batch),
            is_observed=is_observed,
        )
