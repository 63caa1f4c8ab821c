"""The split of a matrix into factors, of numbers or within a compiled function."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from overparam_tf._blas_threads import one_blas_thread
from overparam_tf._shapes import Width, factor_shapes
from overparam_tf.initializers import SPLITS


def split_matrix(matrix: Any, depth: int, width: Width = None, split: str = "balanced") -> list:
    """Return `depth` factors whose product is a matrix.

    Args:
        matrix: Shape (in, out), array or tensor, or a stack (..., in, out) of matrices, which are
            split one by one.
        depth: Number of factors N >= 1.
        width: Inner dimensions: None (default) for min(in, out), an int for all, or a list of
            `depth - 1` ints.
        split: A name out of `overparam_tf.initializers.SPLITS`; default `"balanced"`. A tensor
            whose numbers are not known yet, in a compiled function, is always split in balance, and
            loses all but its largest singular values where a width is below its rank.

    Raises:
        InputError: If the numbers are known, and the matrix cannot be split so.

    Example:
        >>> first, second = split_matrix(ops.ones((4, 3)), depth=2)
        >>> first.shape, second.shape
        ((4, 3), (3, 3))
    """
    if is_concrete(matrix):
        with one_blas_thread():
            return _split_each(ops.convert_to_numpy(matrix), depth, width, split)
    shapes = factor_shapes(tuple(matrix.shape)[-2:], depth, width)
    return _balanced_in_graph(matrix, shapes)


def is_concrete(x: Any) -> bool:
    """Return whether the numbers of a tensor are known, rather than those of a traced function.

    Example:
        >>> is_concrete(ops.ones(3))
        True
    """
    try:
        ops.convert_to_numpy(x)
    except (NotImplementedError, TypeError):  # TensorFlow's and PyTorch's, JAX's
        return False
    return True


def _split_each(matrix: np.ndarray, depth: int, width: Width, split: str) -> list[np.ndarray]:
    """Return the factors of a matrix, or of a stack those of each matrix, stacked alike."""
    if matrix.ndim == 2:
        return list(SPLITS[split](matrix, depth, width))
    slices = [_split_each(each, depth, width, split) for each in matrix]
    return [np.stack(factors) for factors in zip(*slices, strict=True)]


def _balanced_in_graph(matrix: Any, shapes: Sequence[tuple[int, int]]) -> list:
    """Return balanced factors of the given shapes, computed in float32 or better."""
    if len(shapes) == 1:
        return [matrix]
    wide = matrix if matrix.dtype == "float64" else ops.cast(matrix, "float32")
    u, s, vt = ops.svd(wide, full_matrices=False)
    kept = min([s.shape[-1], *(columns for _, columns in shapes[:-1])])
    root = s[..., :kept] ** (1 / len(shapes))
    diagonal = root[..., :, None] * ops.eye(kept, dtype=root.dtype)
    inner = [diagonal] * (len(shapes) - 2)
    factors = [
        u[..., :, :kept] * root[..., None, :],
        *inner,
        root[..., :, None] * vt[..., :kept, :],
    ]
    return [
        ops.cast(_padded(factor, shape), matrix.dtype)
        for factor, shape in zip(factors, shapes, strict=True)
    ]


def _padded(factor: Any, shape: tuple[int, int]) -> Any:
    pairs = itertools.zip_longest(factor.shape[-2:], shape)
    stacks = [(0, 0)] * (len(factor.shape) - 2)
    return ops.pad(factor, [*stacks, *((0, new - old) for old, new in pairs)])
