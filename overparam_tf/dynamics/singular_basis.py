"""A thin singular value decomposition that is as accurate in compiled code as in eager code."""

from __future__ import annotations

import math

import numpy as np
from keras import backend, ops

MAX_SWEEPS = 4


def singular_basis(kernel):
    r"""Return `left, singular_values, right` with `kernel = left diag(singular_values) right^T`.

    The basis of the shorter side is a complete orthogonal matrix. On the longer side the columns that
    belong to singular values 0 carry no meaning (most are zero): a rank-deficient kernel does not
    determine them, and the rule makes no use of them.

    Singular values below `sqrt(max(in, out)) * eps` of the largest are rounding noise of the kernel itself
    and count as zero. The end-to-end rule is only Hölder continuous there, with exponent 2/N: kept, they
    would turn an error of `eps` into one of `eps^(2/N)`, which is 1e-4 for depth 8 in float64.

    Args:
        kernel: float tensor of shape (..., in, out).

    Returns:
        Tensors of shapes (..., in, p), (..., p), (..., out, p) with `p = min(in, out)`.

    Example:
    >>> import numpy as np
    >>> kernel = np.array([[3.0, 3.0], [0.0, 0.0]])
    >>> left, singular_values, right = singular_basis(kernel)
    >>> bool(np.allclose(singular_values**2, [18.0, 0.0]))
    True
    >>> bool(np.allclose((left * singular_values) @ ops.transpose(right), kernel))
    True
    """
    kernel = ops.convert_to_tensor(kernel)
    # Squares of entries below 1e-19, where near-zero starts of deep products lie, underflow in float32.
    scale = ops.stop_gradient(ops.max(ops.abs(kernel), axis=(-2, -1), keepdims=True))
    # For a kernel 0 any basis will do; that of the identity keeps NaN out of its derivative. A kernel with NaN, on
    # which PyTorch's SVD raises, gets it too: its singular values are NaN by the scale.
    regular = ops.logical_and(ops.isfinite(scale), scale > 0)
    identity = ops.eye(*kernel.shape[-2:], dtype=kernel.dtype)
    kernel = ops.where(regular, kernel / ops.where(regular, scale, ops.ones_like(scale)), identity)
    if kernel.shape[-2] >= kernel.shape[-1]:
        left, singular_values, right = _tall_basis(kernel)
    else:
        right, singular_values, left = _tall_basis(_transpose(kernel))
    return left, ops.squeeze(scale * singular_values, axis=-2), right


def _tall_basis(kernel):
    """Return the basis of a kernel with in >= out, its entries of size 1; singular values (..., 1, out)."""
    # A QR first: the SVD of the square triangle costs a fourteenth of that of a tall 128 x 10 kernel under
    # XLA. Never the Gram matrix: squaring the singular values halves their digits.
    triangle = ops.qr(kernel, mode="reduced")[1]
    right = _transpose(ops.svd(triangle, full_matrices=False)[2])
    if backend.backend() == "tensorflow":
        # The last correction is a tiny rotation, a constant as far as derivatives go. JAX and PyTorch call LAPACK,
        # compiled or not, and need none; and eager JAX would compile the loops anew at every call.
        right = right @ ops.stop_gradient(
            _orthogonalizer(ops.stop_gradient(triangle @ right), _noise(kernel))
        )
    columns = kernel @ right
    square = ops.sum(ops.square(columns), axis=-2, keepdims=True)
    norms = ops.where(ops.equal(square, 0), ops.zeros_like(square), ops.sqrt(_or_one(square)))
    norms = ops.where(
        norms <= _noise(kernel) * ops.max(norms, axis=-1, keepdims=True),
        ops.zeros_like(norms),
        norms,
    )
    left = ops.where(ops.equal(norms, 0), ops.zeros_like(columns), columns / _or_one(norms))
    return left, norms, right


def _noise(kernel) -> float:
    """Return the size of rounding errors in a kernel, relative to its largest singular value."""
    return math.sqrt(max(kernel.shape[-2:])) * float(
        np.finfo(backend.standardize_dtype(kernel.dtype)).eps
    )


def _orthogonalizer(columns, tolerance: float):
    r"""Return the rotation that makes nearly orthogonal columns orthogonal to rounding.

    The SVD that TensorFlow gets from XLA stops at a relative 1e-6 whatever the dtype (3e-7 measured in float64,
    where LAPACK reaches 1e-15). One-sided Jacobi sweeps go on from its answer and converge quadratically: none
    follows LAPACK, one or two XLA.

    Args:
        columns: tensor of shape (..., k, k).
        tolerance: largest scalar product of two columns that is left, relative to the norm of the larger
            one times the largest norm of all.

    Returns:
        Orthogonal tensor of shape (..., k, k).
    """
    size = columns.shape[-1]
    even = size + size % 2  # a zero column makes up the last pair
    columns = ops.pad(columns, [[0, 0]] * (len(columns.shape) - 1) + [[0, even - size]])
    identity = ops.eye(even, dtype=columns.dtype)

    def is_rough(columns, rotation):
        gram = _transpose(columns) @ columns
        norms = ops.sqrt(ops.diagonal(gram, axis1=-2, axis2=-1))
        larger = ops.maximum(norms[..., :, None], norms[..., None, :])
        allowed = tolerance * ops.max(larger, axis=(-2, -1), keepdims=True) * larger
        return ops.any(ops.abs(gram) * (1 - identity) > allowed)

    def sweep(columns, rotation):
        return ops.fori_loop(
            0, even - 1, lambda _, state: _rotate_pairs(*state), (columns, rotation)
        )

    start = (columns, identity + ops.zeros_like(columns[..., :1, :]))
    rotation = ops.while_loop(is_rough, sweep, start, maximum_iterations=MAX_SWEEPS)[1]
    return rotation[..., :size, :size]


def _rotate_pairs(columns, rotation):
    """Make columns i and i + n/2 orthogonal for every i at once, then reseat all columns for the next round.

    This is the round-robin tournament: after n - 1 rounds every column has met every other and is back in
    its seat.
    """
    size = columns.shape[-1]
    half = size // 2
    first, second = columns[..., :half], columns[..., half:]
    # tan(2 angle) = 2 product / difference; of the two solutions the smaller angle, which keeps the order.
    product = ops.sum(first * second, axis=-2, keepdims=True)
    difference = ops.sum((second - first) * (second + first), axis=-2, keepdims=True)
    root = ops.abs(difference) + ops.sqrt(ops.square(difference) + 4 * ops.square(product))
    tangent = 2 * ops.where(difference < 0, -product, product) / _or_one(root)
    cosine = 1 / ops.sqrt(1 + ops.square(tangent))
    sine = cosine * tangent
    seats = [0, half, *range(1, half - 1), *range(half + 1, size), half - 1] if half > 1 else [0, 1]

    def turned(matrix):
        first, second = matrix[..., :half], matrix[..., half:]
        both = ops.concatenate(
            [cosine * first - sine * second, sine * first + cosine * second], axis=-1
        )
        return ops.take(both, np.array(seats), axis=-1)

    return turned(columns), turned(rotation)


def _or_one(value):
    """Return `value` with 1 in place of 0, to divide by."""
    return ops.where(ops.equal(value, 0), ops.ones_like(value), value)


def _transpose(matrix):
    return ops.swapaxes(matrix, -1, -2)
