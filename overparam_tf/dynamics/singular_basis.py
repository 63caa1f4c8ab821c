"""A thin singular value decomposition, as accurate in compiled code as in eager code."""

from __future__ import annotations

import math

import numpy as np
from keras import backend, ops

from overparam_tf.dynamics.checks import Tensor
from overparam_tf.dynamics.matrices import (
    is_on_gpu,
    matmul,
    or_one,
    rounding,
    symmetric,
    transpose,
)
from overparam_tf.dynamics.polar import polar_factor

MAX_SWEEPS = 4


def singular_basis(kernel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return `left, singular_values, right` with `kernel = left diag(singular_values) right^T`.

    The basis of the shorter side is a complete orthogonal matrix. On the longer side the columns
    that belong to singular values 0 carry no meaning (most are zero): a rank-deficient kernel does
    not determine them, and the rule makes no use of them.

    Singular values below `sqrt(max(in, out)) * eps` of the largest are rounding noise of the kernel
    itself and count as zero. The end-to-end rule is only Hölder continuous there, with exponent
    2/N: kept, they would turn an error of `eps` into one of `eps^(2/N)`, which is 1e-4 for depth 8
    in float64.

    Args:
        kernel: Float tensor of shape (..., in, out).

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
    # In float32 the squares of entries below 1e-19 underflow; near-zero starts of deep products are
    # as small.
    scale = ops.stop_gradient(ops.max(ops.abs(kernel), axis=(-2, -1), keepdims=True))
    # For a kernel 0 any basis will do; that of the identity keeps NaN out of its derivative. A
    # kernel with NaN, on which PyTorch's SVD raises, gets it too: the scale makes its singular
    # values NaN.
    regular = ops.logical_and(ops.isfinite(scale), scale > 0)
    identity = ops.eye(*kernel.shape[-2:], dtype=kernel.dtype)
    kernel = ops.where(regular, kernel / ops.where(regular, scale, ops.ones_like(scale)), identity)
    if kernel.shape[-2] >= kernel.shape[-1]:
        left, singular_values, right = _tall_basis(kernel)
    else:
        right, singular_values, left = _tall_basis(transpose(kernel))
    return left, ops.squeeze(scale * singular_values, axis=-2), right


def _tall_basis(kernel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the basis of a kernel with in >= out and entries of size 1 at most.

    Returns:
        Tensors of shapes (..., in, out), (..., 1, out) with the singular values, (..., out, out).
    """
    right = _right_basis(kernel)
    columns = matmul(kernel, right)
    square = ops.sum(ops.square(columns), axis=-2, keepdims=True)
    norms = ops.where(ops.equal(square, 0), ops.zeros_like(square), ops.sqrt(or_one(square)))
    norms = ops.where(
        norms <= _noise(kernel) * ops.max(norms, axis=-1, keepdims=True),
        ops.zeros_like(norms),
        norms,
    )
    left = ops.where(ops.equal(norms, 0), ops.zeros_like(columns), columns / or_one(norms))
    return left, norms, right


def _right_basis(kernel: Tensor) -> Tensor:
    """Return the right basis of a tall kernel, to the rounding of its dtype.

    On a GPU, JAX and PyTorch take Jacobi's method, which in float32 leaves the vectors of a
    512 x 512 kernel orthogonal to 2e-4 alone (H200). In float64 PyTorch's are to 4e-13, in twice
    the time; JAX, which has no float64 by default, takes eigenvectors of (K^T K)^(1/2) there.
    """
    if backend.backend() == "jax" and is_on_gpu(kernel):
        root = symmetric(matmul(transpose(polar_factor(kernel)), kernel))
        _, right = ops.eigh(root)
        right = ops.flip(right, axis=-1)  # from the largest eigenvalue on
        return _corrected(right, root, _noise(kernel))
    # A QR first: under XLA the SVD of the square triangle costs a fourteenth of that of a tall
    # 128 x 10 kernel. Never the Gram matrix: squaring the singular values halves their digits.
    _, triangle = ops.qr(kernel, mode="reduced")
    if backend.backend() == "torch" and is_on_gpu(kernel):
        _, _, right = ops.svd(ops.cast(triangle, "float64"), full_matrices=False)
        return ops.cast(transpose(right), kernel.dtype)
    _, _, right = ops.svd(triangle, full_matrices=False)
    right = transpose(right)
    # LAPACK, which JAX and PyTorch call, compiled or not, leaves nothing to correct; eager JAX
    # would also compile the loops again at every call.
    if backend.backend() == "tensorflow":
        right = _corrected(right, triangle, _noise(kernel))
    return right


def _corrected(right: Tensor, square: Tensor, noise: float) -> Tensor:
    """Return a right basis after a last rotation, a tiny one and a constant for derivatives.

    Args:
        right: The basis, shape (..., k, k).
        square: A matrix of that shape with the same Gram matrix as the kernel.
        noise: As `_noise` has it.
    """
    columns = ops.stop_gradient(matmul(square, right))
    return matmul(right, ops.stop_gradient(_orthogonalizer(columns, noise)))


def _noise(kernel: Tensor) -> float:
    """Return the size of rounding errors in a kernel, relative to its largest singular value."""
    eps = rounding(kernel)
    return math.sqrt(max(kernel.shape[-2:])) * eps


def _orthogonalizer(columns: Tensor, tolerance: float) -> Tensor:
    r"""Return the rotation that makes nearly orthogonal columns orthogonal to rounding.

    The SVD that TensorFlow has from XLA stops at a relative 1e-6 whatever the dtype (3e-7 measured
    in float64, where LAPACK reaches 1e-15). One-sided Jacobi sweeps go on from its answer and
    converge quadratically: none is needed after LAPACK, one or two after XLA.

    Args:
        columns: Tensor of shape (..., k, k).
        tolerance: Largest scalar product of two columns that is left, relative to the norm of the
            larger one times the largest norm of all.

    Returns:
        Orthogonal tensor of shape (..., k, k).
    """
    size = columns.shape[-1]
    even = size + size % 2  # a zero column makes up the last pair
    columns = ops.pad(columns, [[0, 0]] * (len(columns.shape) - 1) + [[0, even - size]])
    identity = ops.eye(even, dtype=columns.dtype)

    def is_rough(columns: Tensor, rotation: Tensor) -> Tensor:
        gram = matmul(transpose(columns), columns)
        norms = ops.sqrt(ops.diagonal(gram, axis1=-2, axis2=-1))
        larger = ops.maximum(norms[..., :, None], norms[..., None, :])
        allowed = tolerance * ops.max(larger, axis=(-2, -1), keepdims=True) * larger
        return ops.any(ops.abs(gram) * (1 - identity) > allowed)

    def sweep(columns: Tensor, rotation: Tensor) -> Tensor:
        return ops.fori_loop(
            0, even - 1, lambda _, state: _rotate_pairs(*state), (columns, rotation)
        )

    start = (columns, identity + ops.zeros_like(columns[..., :1, :]))
    _, rotation = ops.while_loop(is_rough, sweep, start, maximum_iterations=MAX_SWEEPS)
    return rotation[..., :size, :size]


def _rotate_pairs(columns: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
    """Make columns i and i + n/2 orthogonal for every i at once, and order all for the next round.

    This is a round-robin tournament: after n - 1 rounds every column has met every other and is
    back in its place.
    """
    size = columns.shape[-1]
    half = size // 2
    first, second = columns[..., :half], columns[..., half:]
    # tan(2 angle) = 2 product / difference; the smaller of the two solutions keeps the order.
    product = ops.sum(first * second, axis=-2, keepdims=True)
    difference = ops.sum((second - first) * (second + first), axis=-2, keepdims=True)
    root = ops.abs(difference) + ops.sqrt(ops.square(difference) + 4 * ops.square(product))
    tangent = 2 * ops.where(difference < 0, -product, product) / or_one(root)
    cosine = 1 / ops.sqrt(1 + ops.square(tangent))
    sine = cosine * tangent
    if half > 1:
        places = [0, half, *range(1, half - 1), *range(half + 1, size), half - 1]
    else:
        places = [0, 1]

    def turned(matrix: Tensor) -> Tensor:
        first, second = matrix[..., :half], matrix[..., half:]
        pairs = [cosine * first - sine * second, sine * first + cosine * second]
        return ops.take(ops.concatenate(pairs, axis=-1), np.array(places), axis=-1)

    return turned(columns), turned(rotation)
