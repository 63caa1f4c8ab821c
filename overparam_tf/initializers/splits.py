"""Splits of a given kernel matrix into factors whose product it is: balanced, or identity-like."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from overparam_tf._arrays import real_array
from overparam_tf._shapes import Width, factor_shapes
from overparam_tf.errors import InputError
from overparam_tf.initializers.idle_units import fill_idle_units


def balanced_factors(
    kernel: Any, depth: int, widths: Width = None, trainable: bool = False
) -> list[np.ndarray]:
    r"""Split a kernel into balanced factors.

    With the thin SVD $K = U S V^\top$,

    $$F_1 = U S^{1/N}, \quad F_j = S^{1/N}, \quad F_N = S^{1/N} V^\top,$$

    padded with zeros up to the widths. Then $F_1 F_2 \cdots F_N = K$ and
    $F_j^\top F_j = F_{j+1} F_{j+1}^\top$, the balance that Theorem 1 assumes at the start and that
    gradient flow conserves. Padding is never trained: its gradient is zero as long as it is zero.
    The same holds for a singular value of zero.

    With `trainable=True`, as layers start, every such unit gets values in all factors but one: the
    first if in > out, else the last. There its singular value stands undivided. The product stays
    K, and every unit trains; the balance holds for the others. A kernel of full rank between widths
    of min(in, out) has no such unit.

    Args:
        kernel: Shape (in, out), array or tensor.
        depth: Number of factors N >= 1.
        widths: Inner dimensions, at least the rank of the kernel: None for min(in, out), an int, or
            a list of `depth - 1` ints.
        trainable: Whether units that the kernel does not need start such that they train; default
            False.

    Returns:
        List of N arrays in the kernel's dtype; the SVD is taken in float64.

    Raises:
        InputError: If the kernel is not a finite matrix, or has a higher rank than a width.

    Source:
        Arora, Cohen & Hazan (ICML 2018), Theorem 1.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(5, 3))
        >>> first, second, third = balanced_factors(kernel, depth=3, widths=4)
        >>> bool(np.allclose(first @ second @ third, kernel, atol=1e-12))
        True
        >>> bool(np.allclose(first.T @ first, second @ second.T, atol=1e-12))
        True
    """
    matrix, dtype = _finite_matrix(kernel)
    shapes = factor_shapes(matrix.shape, depth, widths, "widths")
    if depth == 1:
        return [matrix.astype(dtype)]
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    rank = numerical_rank(s, matrix.shape, dtype)
    narrowest = min(_widths(shapes))
    if narrowest < rank:
        raise InputError(
            f"Expected widths >= {rank}, the rank of the kernel, since a product has no higher "
            f"rank than its narrowest factor. Received: widths={widths}, "
            f"kernel.shape={matrix.shape}"
        )
    kept = min(len(s), narrowest)
    u, vt, root = u[:, :kept], vt[:kept], s[:kept] ** (1 / depth)
    roots = [root] * depth
    carrier = _carrier(matrix.shape, depth)
    if trainable:
        # Singular values within the round-off: they stand in the carrier, the other factors get
        # the size of those above it. A value of zero is left to `fill_idle_units`.
        exact = numerical_rank(s, matrix.shape, np.dtype("float64"))
        roots = _roots_of_carrier(s[:kept], rank, min(exact, kept), depth, carrier)
    first, *inner, last = roots
    factors = [u * first, *[np.diag(root) for root in inner], last[:, None] * vt]
    factors = [pad_with_zeros(factor, shape) for factor, shape in zip(factors, shapes, strict=True)]
    if trainable:
        factors = fill_idle_units(factors, carrier)
    return [factor.astype(dtype) for factor in factors]


def _carrier(shape: Sequence[int], depth: int) -> int:
    """Return the index of the factor at the larger end, whose other side loses no direction."""
    rows, columns = shape
    return 0 if rows > columns else depth - 1


def _roots_of_carrier(
    s: np.ndarray, rank: int, exact: int, depth: int, carrier: int
) -> list[np.ndarray]:
    """Return the singular values of the N factors, which are not all equal from the rank on.

    Args:
        s: Singular values of the kernel, largest first.
        rank: How many are above the round-off of the kernel's dtype.
        exact: How many are above that of float64, in which the SVD is taken.
        depth: Number of factors N.
        carrier: Index of the factor that gets what the others leave.
    """
    live = s ** (1 / depth)
    live[rank:exact] = np.sqrt(np.mean(live[:rank] ** 2)) if rank else 1.0
    live[exact:] = 0.0
    roots = [live] * depth
    small = slice(rank, exact)
    roots[carrier] = live.copy()
    roots[carrier][small] = s[small] / live[small] ** (depth - 1)
    return roots


def identity_factors(
    kernel: Any, depth: int, widths: Width = None, trainable: bool = False
) -> list[np.ndarray]:
    r"""Split a kernel into itself and identity-like factors.

    $$F_1 = [K \; 0],\ F_j = I \ (\text{in} > \text{out}), \qquad
      F_j = I,\ F_N = [K; 0] \ (\text{in} \le \text{out}),$$

    with rectangular identities $[I \; 0]$ where widths differ. The product is exactly the kernel,
    but the factors are not balanced. A unit of a wider layer that no identity reaches is never
    trained, unless `trainable` gives it values, as in `balanced_factors`.

    Args:
        kernel: Shape (in, out), array or tensor.
        depth: Number of factors N >= 1.
        widths: Inner dimensions, at least min(in, out): None for min(in, out), an int, or a list of
            `depth - 1` ints.
        trainable: As in `balanced_factors`; default False.

    Returns:
        List of N arrays in the kernel's dtype.

    Raises:
        InputError: If the kernel is not a finite matrix or a width is below min(in, out).

    Example:
        >>> first, second = identity_factors([[1.0, 2.0, 3.0]], depth=2)
        >>> print(first, second)
        [[1.]] [[1. 2. 3.]]
    """
    matrix, dtype = _finite_matrix(kernel)
    rows, columns = matrix.shape
    shapes = factor_shapes(matrix.shape, depth, widths, "widths")
    if min(_widths(shapes), default=math.inf) < min(rows, columns):
        raise InputError(
            f"Expected widths >= min(in, out) = {min(rows, columns)}, since narrower identities "
            f"lose part of the kernel. Received: widths={widths}, kernel.shape={matrix.shape}"
        )
    factors = [np.eye(*shape) for shape in shapes]
    carrier = _carrier(matrix.shape, depth)
    factors[carrier] = pad_with_zeros(matrix, shapes[carrier])
    if trainable:
        factors = fill_idle_units(factors, carrier)
    return [factor.astype(dtype) for factor in factors]


def low_rank(matrix: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """Return the best approximation of a matrix by a product with the given inner dimensions.

    It keeps the largest singular values. A matrix that needs no approximation is returned as it is.

    Args:
        matrix: Shape (in, out).
        widths: Inner dimensions of the product; none for no product.

    Example:
        >>> np.diag(low_rank(np.diag([3.0, 2.0, 1.0]), [2, 3])).tolist()
        [3.0, 2.0, 0.0]
    """
    rank = min(widths, default=min(matrix.shape))
    if rank >= min(matrix.shape):
        return matrix
    u, s, vt = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
    return (u[:, :rank] * s[:rank] @ vt[:rank]).astype(matrix.dtype)


# The splits by the name that `FactorizedDense.assign_kernel` and `overparameterize` take. Every
# unit of a layer is to train.
SPLITS = {
    "balanced": functools.partial(balanced_factors, trainable=True),
    "identity": functools.partial(identity_factors, trainable=True),
}


def numerical_rank(singular_values: np.ndarray, shape: Sequence[int], dtype: np.dtype) -> int:
    """Return how many singular values are above the round-off of the matrix.

    Args:
        singular_values: Those of the matrix, in any order.
        shape: Shape of the matrix.
        dtype: Dtype in which the matrix was given: its precision sets the round-off.

    Example:
        >>> values = np.array([1.0, 1e-9, 0.0])
        >>> [numerical_rank(values, (4, 3), np.dtype(name)) for name in ("float64", "float32")]
        [2, 1]
    """
    eps = np.finfo("float64" if dtype == "float64" else "float32").eps
    return int(np.sum(singular_values > singular_values.max(initial=0.0) * max(shape) * eps))


def pad_with_zeros(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return `array` with zeros behind it along every axis, up to `shape`.

    Example:
        >>> print(pad_with_zeros(np.ones((1, 2)), (2, 3)))
        [[1. 1. 0.]
         [0. 0. 0.]]
    """
    return np.pad(array, [(0, new - old) for old, new in zip(array.shape, shape, strict=True)])


def _widths(shapes: list[tuple[int, int]]) -> list[int]:
    """Return the inner dimensions: the columns of all factors but the last."""
    return [columns for _, columns in shapes[:-1]]


def _finite_matrix(kernel: Any) -> tuple[np.ndarray, np.dtype]:
    """Return the kernel in float64, and the dtype its factors are to have.

    Factors have the kernel's dtype, or float64 for a kernel of integers or booleans.
    """
    array = real_array("kernel", kernel)
    dtype = np.dtype("float64") if array.dtype.kind in "biu" else array.dtype
    matrix = array.astype("float64")
    finite = bool(np.isfinite(matrix).all())
    if matrix.ndim != 2 or matrix.size == 0 or not finite:
        raise InputError(
            "Expected a kernel of shape (in, out) with finite entries. "
            f"Received: kernel.shape={array.shape}"
            + ("" if finite else ", with entries that are NaN or infinite")
        )
    return matrix, dtype
