"""The product of several matrices, multiplied from the cheaper side."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from keras import ops


def product(factors: Sequence[Any]) -> Any:
    """Return `F_1 F_2 ... F_N`, multiplied from the side that costs fewer multiply-adds.

    Args:
        factors: N matrices, tensors or variables, or N stacks (..., rows, columns) of as many
            matrices.

    Example:
        >>> ops.convert_to_numpy(product([ops.ones((1, 4)), ops.ones((4, 3)), ops.ones((3, 2))]))
        array([[12., 12.]], dtype=float32)
        >>> tuple(product([ops.ones((5, 2, 3)), ops.ones((5, 3, 2))]).shape)
        (5, 2, 2)
    """
    first, last = factors[0], factors[-1]
    sizes = sizes_of(factors)
    if cost_from_left(sizes) <= cost_from_left(sizes[::-1]):
        return functools.reduce(times, factors[1:], ops.convert_to_tensor(first))
    return functools.reduce(
        lambda right, left: times(left, right), factors[-2::-1], ops.convert_to_tensor(last)
    )


def cost_from_left(sizes: Sequence[int]) -> int:
    """Return the multiply-adds of `(F_1 F_2) F_3 ...`, where F_j is of sizes[j - 1] x sizes[j].

    A matrix of n_0 rows meets each further factor. Reversed sizes give the cost from the other
    side.

    Example:
        >>> cost_from_left([1, 4, 3, 2]), cost_from_left([2, 3, 4, 1])
        (18, 32)
    """
    return sum(sizes[0] * rows * columns for rows, columns in itertools.pairwise(sizes[1:]))


def sizes_of(factors: Sequence[Any]) -> list[int]:
    """Return `[rows of F_1, columns of F_1, ..., columns of F_N]`.

    Example:
        >>> sizes_of([ops.ones((1, 4)), ops.ones((4, 3))])
        [1, 4, 3]
    """
    return [factors[0].shape[-2], *(factor.shape[-1] for factor in factors)]


def times(left: Any, right: Any) -> Any:
    """Return `left right`, for matrices or stacks of them."""
    # Not `ops.matmul`, which multiplies float64 in float32 on PyTorch.
    return ops.einsum("...ij,...jk->...ik", left, right)
