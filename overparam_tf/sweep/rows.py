"""Rows of a data set as tensors, and the losses and gradients that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from overparam_tf.losses import even_power
from overparam_tf.sweep.data_pass import PassResult

# Rows are padded to a multiple of this, so that the compiler's vector loops over a row of residuals
# have no remainder. Measured on 2565 x 128, 50 runs, two cores: 0.31 ms a step unpadded, 0.22 ms
# padded. 64 instead of 16 gains nothing more at 30 runs and costs a single run 3 to 6 % (2565 rows
# become 2624 instead of 2576).
ROW_BLOCK = 16


class Rows(NamedTuple):
    """Some rows of a data set, padded with zeros.

    Attributes:
        x: Inputs, shape (n, d).
        x_transposed: The inputs once more, shape (d, n), or None to save memory.
        y: Targets, shape (k, n).
        is_row: 1 for a row and 0 for padding, shape (1, n).
        loss_scale: Factor of the sum of e^p over the observed labels.
        is_observed: 1 for an observed label and 0 for others and padding, shape (k, n); None if all
            labels are observed.
    """

    x: tf.Tensor
    x_transposed: tf.Tensor | None
    y: tf.Tensor
    is_row: tf.Tensor
    loss_scale: float | tf.Tensor
    is_observed: tf.Tensor | None = None


def padded_length(rows: int) -> int:
    """Return the number of rows rounded up to a multiple of `ROW_BLOCK`, at least one block.

    Example:
        >>> padded_length(2565), padded_length(16), padded_length(0)
        (2576, 16, 16)
    """
    return max(1, -(-rows // ROW_BLOCK)) * ROW_BLOCK


def sum_over_blocks(
    blocks: Sequence[Rows], p: int, kernel: tf.Tensor, bias: tf.Tensor | None
) -> PassResult:
    """Return losses and gradients of all runs, summed over blocks of rows.

    The arithmetic of every pass over the data; see `DataPass` for its formulas.

    Args:
        blocks: The rows, at least one block.
        p: Exponent of the loss.
        kernel: End-to-end kernels, shape (R, d, k).
        bias: End-to-end biases, shape (R, 1, k), or None.
    """
    runs, features, outputs = kernel.shape
    vectors = tf.reshape(tf.transpose(kernel, (0, 2, 1)), (runs * outputs, features))
    columns = None if bias is None else tf.transpose(bias, (0, 2, 1))
    terms = [_terms(block, p, vectors, columns, (runs, outputs, -1)) for block in blocks]
    losses, gradients, bias_gradients = zip(*terms, strict=True)
    loss, gradient = tf.add_n(losses), tf.add_n(gradients)
    return PassResult(
        loss,
        tf.transpose(tf.reshape(gradient, (runs, outputs, features)), (0, 2, 1)),
        None if bias is None else tf.add_n(bias_gradients)[:, None, :],
    )


def _terms(
    block: Rows,
    p: int,
    vectors: tf.Tensor,
    columns: tf.Tensor | None,
    shape: tuple[int, int, int],
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    """Return a block's terms of the losses (R,), of dL/dK as (R k, d), and of dL/db as (R, k).

    Args:
        block: The rows.
        p: Exponent of the loss.
        vectors: The columns of all kernels, shape (R k, d).
        columns: All biases, shape (R, k, 1), or None.
        shape: (R, k, -1), the shape of residuals.
    """
    residual = tf.reshape(_predict(vectors, block), shape)
    if block.is_observed is not None:
        shifted = block.y if columns is None else block.y - columns
        residual = (residual - shifted) * block.is_observed
    elif columns is None:
        residual -= block.y
    else:
        # Padding is zero, so that only a bias gives it a residual.
        residual = (residual + (columns - block.y)) * block.is_row
    weighted = residual * even_power(residual, p - 2) * (block.loss_scale * p)
    gradient = tf.reshape(weighted, (vectors.shape[0], -1)) @ block.x
    bias_gradient = None if columns is None else tf.reduce_sum(weighted, 2)
    return _inner_products(weighted, residual) / p, gradient, bias_gradient


def _predict(vectors: tf.Tensor, block: Rows) -> tf.Tensor:
    """Return the product of (R k, d) and (d, n): the predictions of all kernels."""
    # A product of matrix and vector only reads x once. Reading the same copy forward and backward
    # keeps 1.3 MB in the caches instead of 2.6: on 2565 x 128 a step of one run takes a tenth less.
    if vectors.shape[0] == 1 or block.x_transposed is None:
        return tf.matmul(vectors, block.x, transpose_b=True)
    return vectors @ block.x_transposed


def _inner_products(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return the inner products (R,) of two tensors (R, k, n)."""
    # The compiler sums in a tree of windows. For a single run that costs 1 us of 32 more than a
    # product of two vectors; at thirty runs such products cost a fifth of a step more than sums.
    if left.shape[0] == 1:
        return tf.tensordot(tf.reshape(left, (1, -1)), tf.reshape(right, (-1,)), 1)
    return tf.reduce_sum(left * right, (1, 2))
